//! `prony plugin …`: the author's kit.

mod bench;
mod build;
mod check;
mod inspect;
mod metadata;
mod new;
mod play;
mod project;
mod test;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use prony_core::{Diagnostic, Place};
use prony_plugin_host::{FileProblem, PluginFile};

use crate::commands::Failure;

/// Makes plugins: WASM components that go a user's journey, or make and judge what steps send.
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::New),
    Build(build::Build),
    Check(check::Check),
    Test(test::Test),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
}

impl Plugin {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        match &self.command {
            Command::New(command) => command.execute(),
            Command::Build(command) => command.execute(),
            Command::Check(command) => command.execute(),
            Command::Test(command) => command.execute(),
            Command::Bench(command) => command.execute(),
            Command::Inspect(command) => command.execute(),
        }
    }
}

/// Something wrong with what was typed, at the argument `name`.
fn wrong(name: &str, found: impl Into<String>, help: impl Into<String>) -> Failure {
    Failure::Wrong(Diagnostic::at(&Place::nowhere(name), found, "").help(help))
}

/// The plugin at `path`, or in the project that is there.
fn open(path: &Path) -> Result<PluginFile, Failure> {
    let file = find(path)?;
    PluginFile::open(&file).map_err(|FileProblem { found, help }| wrong("FILE", found, help))
}

/// The component that `path` means: itself, or what the project in it builds.
fn find(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let project = project::Project::open(path)?;
    let file = project.component();
    if file.exists() {
        return Ok(file);
    }
    Err(wrong(
        "FILE",
        format!("{} is not there", file.display()),
        format!("build the plugin first: prony plugin build {}", path.display()),
    ))
}
