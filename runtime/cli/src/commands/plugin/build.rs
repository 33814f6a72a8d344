//! `prony plugin build`: calls the language's own toolchain, and puts the component where plans look for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use prony_plugin_host::{FileProblem, PluginFile};

use super::project::{Language, Project, World};
use super::{metadata, wrong};
use crate::commands::{Failure, print};
use crate::exit;

/// Builds the plugin of a project by its language's toolchain, and checks what comes out.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Build {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let project = Project::open(&self.dir)?;
        let built = match project.language {
            Language::Rust => rust(&project)?,
            Language::Python => python(&project)?,
            Language::Js => js(&project)?,
        };
        let unreadable =
            |path: &Path, error: &std::io::Error| Failure::Setup(format!("{}: {error}", path.display()));
        let bytes = std::fs::read(&built).map_err(|error| unreadable(&built, &error))?;
        if project.language != Language::Rust {
            // Nothing hangs on it: what was built is in memory.
            let _ = std::fs::remove_file(&built);
        }
        let target = project.component();
        let judged = |bytes: Vec<u8>| {
            PluginFile::from_bytes(&target, bytes)
                .map_err(|FileProblem { found, help }| Failure::Setup(format!("{found}; {help}")))
        };
        judged(bytes.clone())?;
        let bytes = metadata::embed(&project, &bytes).map_err(|error| {
            Failure::Setup(format!("{}: its metadata cannot be written: {error}", target.display()))
        })?;
        let file = judged(bytes)?;
        std::fs::write(&target, &file.bytes).map_err(|error| unreadable(&target, &error))?;
        print(&format!(
            "built {}: world {}, interface {}, {}\n",
            target.display(),
            file.kind.name(),
            file.interface,
            super::inspect::size(file.bytes.len() as u64)
        ));
        Ok(exit::PASSED)
    }
}

/// Runs a tool in the project's folder; its own words go to the terminal.
fn run(project: &Project, tool: &Path, arguments: &[OsString], missing: &str) -> Result<(), Failure> {
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(&project.folder);
    // A mistake in the plugin is told by its own language; the toolchain's frames say nothing to its author.
    command.env("RUST_BACKTRACE", "0");
    if let Some(environment) = python_environment(project) {
        command.env("VIRTUAL_ENV", environment);
    }
    let status = command.status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let mut text =
                format!("{} did not build the plugin ({status}); it said why above", tool.display());
            if project.language == Language::Js && project.world == Some(World::Scenario) {
                text.push_str(
                    "; journeys need componentize-qjs 0.5.0 or later, as the project's README.md says",
                );
            }
            Err(Failure::Setup(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(wrong("DIR", format!("`{}` is not installed", tool.display()), missing))
        }
        Err(error) => Err(Failure::Setup(format!("{} cannot be started: {error}", tool.display()))),
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

const TARGET: &str = "wasm32-wasip2";

fn rust(project: &Project) -> Result<PathBuf, Failure> {
    let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if has_rustup() {
        // Costs nothing when it is there.
        let added =
            Command::new("rustup").args(["target", "add", TARGET]).current_dir(&project.folder).output();
        if let Ok(output) = added
            && !output.status.success()
        {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::Setup(format!(
                "the target {TARGET} cannot be installed: {}; install it by `rustup target add {TARGET}`",
                said.trim()
            )));
        }
    }
    let arguments = words(&["build", "--release", "--lib", "--target", TARGET]);
    run(project, &cargo, &arguments, "install Rust by rustup, see https://rustup.rs")?;
    let output = Command::new(&cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&project.folder)
        .output()
        .map_err(|error| Failure::Setup(format!("{} cannot be started: {error}", cargo.display())))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::Setup(format!("cargo metadata cannot be read: {error}")))?;
    let folder = metadata["target_directory"].as_str().unwrap_or("target");
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == project.name.as_str());
    let targets =
        package.and_then(|package| package["targets"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let library = targets.iter().find(|target| {
        target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
    });
    let Some(name) = library.and_then(|library| library["name"].as_str()) else {
        return Err(wrong(
            "DIR",
            "the package has no library of the kind `cdylib`",
            "add `[lib]` with `crate-type = [\"cdylib\"]` to Cargo.toml",
        ));
    };
    Ok(Path::new(folder).join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_"))))
}

fn has_rustup() -> bool {
    Command::new("rustup").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A tool of the project's own, or of the system.
fn tool(project: &Project, own: &[&str], name: &str) -> PathBuf {
    let found = own.iter().map(|path| project.folder.join(path).join(name)).find(|path| path.is_file());
    // A path relative to here means nothing to a command that runs elsewhere.
    found.and_then(|path| std::path::absolute(path).ok()).unwrap_or_else(|| name.into())
}

fn partial(project: &Project) -> Result<PathBuf, Failure> {
    let path = project.component().with_extension("wasm.partial");
    std::path::absolute(&path).map_err(|error| Failure::Setup(format!("{}: {error}", path.display())))
}

/// The project's own virtual environment, whose packages go into the component.
fn python_environment(project: &Project) -> Option<PathBuf> {
    let own = [".venv", "venv"].iter().map(|name| project.folder.join(name)).find(|path| path.is_dir());
    own.filter(|_| project.language == Language::Python).and_then(|path| std::path::absolute(path).ok())
}

fn python(project: &Project) -> Result<PathBuf, Failure> {
    let world = project.world.map_or("scenario", |world| world.kind().name());
    let output = partial(project)?;
    let mut arguments = words(&[
        "-d",
        "sdk/wit/0.1.1",
        "-w",
        world,
        "componentize",
        "-p",
        ".",
        "-p",
        "sdk/python",
        "prony_plugin.component",
        "-o",
    ]);
    arguments.push(output.clone().into());
    let venv = std::env::var_os("VIRTUAL_ENV").map(|venv| PathBuf::from(venv).join("bin"));
    let active = venv.as_deref().and_then(Path::to_str).unwrap_or("");
    let tool = tool(project, &[".venv/bin", "venv/bin", active], "componentize-py");
    let missing = "install it: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";
    run(project, &tool, &arguments, missing)?;
    taken(&output)
}

fn js(project: &Project) -> Result<PathBuf, Failure> {
    let world = project.world.map_or("request", |world| world.kind().name());
    let output = partial(project)?;
    let mut arguments = words(&["--wit", "sdk/wit/0.1.1", "--world", world]);
    if world == "request" {
        arguments.push("--sync".into());
    }
    arguments.extend(words(&["--module-root", ".", "--js", "app.js", "--output"]));
    arguments.push(output.clone().into());
    let tool = tool(project, &["node_modules/.bin"], "componentize-qjs");
    let missing = match world {
        "request" => "install it: npm install",
        _ => {
            "install componentize-qjs 0.5.0, as the project's README.md says: npm has an older one that knows no journeys"
        }
    };
    run(project, &tool, &arguments, missing)?;
    taken(&output)
}

/// The built file, which is read once and goes.
fn taken(output: &Path) -> Result<PathBuf, Failure> {
    if output.is_file() {
        return Ok(output.to_owned());
    }
    Err(Failure::Setup(format!("the toolchain made no {}", output.display())))
}
