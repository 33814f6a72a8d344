//! `prony plugin new`.

use std::path::{Path, PathBuf};

use clap::Args;
use rust_embed::RustEmbed;

use super::project::{Language, World};
use super::wrong;
use crate::commands::{Failure, print};
use crate::exit;

/// Starts a plugin: a project that builds, with a test, a plan and the SDK in it.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The plugin's name: letters, digits, `-` and `_`.
    name: String,
    /// The language it is written in.
    #[arg(long)]
    lang: Language,
    /// What it is to do: a user's journey, or functions for plan steps.
    #[arg(long, default_value = "scenario")]
    world: World,
    /// The folder to make. Default: the name, here.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Everything of `plugins/` that a new project gets a copy of.
#[derive(RustEmbed)]
#[folder = "../../plugins"]
#[include = "wit/0.1.1/*"]
#[include = "templates/*"]
#[include = "sdk-rust/Cargo.toml"]
#[include = "sdk-rust/rustfmt.toml"]
#[include = "sdk-rust/src/*"]
#[include = "sdk-python/prony_plugin/*"]
#[include = "sdk-js/prony-plugin/*"]
#[exclude = "*.pyc"]
#[exclude = "*/node_modules/*"]
struct Kit;

/// What stands for the name in templates.
const NAME: &str = "{{name}}";

impl New {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        check_name(&self.name)?;
        let folder = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            return Err(wrong(
                "NAME",
                format!("{} is there already, and not empty", folder.display()),
                "choose another name, or a folder by `--dir`",
            ));
        }
        let template = format!("templates/{}-{}/", self.lang.name(), self.world.kind().name());
        if !Kit::iter().any(|path| path.starts_with(&template)) {
            return Err(wrong(
                "--world",
                format!("there is no {} for the world {}", self.lang.name(), self.world.kind().name()),
                "choose another language or world",
            ));
        }
        let sdk = match self.lang {
            Language::Rust => ("sdk-rust/", "sdk/rust/"),
            Language::Python => ("sdk-python/", "sdk/python/"),
            Language::Js => ("sdk-js/", "sdk/js/"),
        };
        for (from, to) in [(template.as_str(), ""), sdk, ("wit/", "sdk/wit/")] {
            copy(from, &folder.join(to), &self.name)?;
        }
        let shown = folder.display();
        let (tools, test) = match self.lang {
            Language::Rust => ("", "cargo test"),
            Language::Python => (
                "  python3 -m venv .venv && .venv/bin/pip install -r requirements.txt    # once: the toolchain\n",
                "python3 -m unittest",
            ),
            Language::Js if self.world == World::Request => {
                ("  npm install           # once: the toolchain\n", "node --test")
            }
            Language::Js => (
                "  cargo install componentize-qjs-cli@0.5.0 --locked    # once: the toolchain; it needs Rust 1.97\n",
                "node --test",
            ),
        };
        print(&format!(
            "made {shown}: a plugin in {} for the world {}\n\n  cd {shown}\n{tools}  {test:<20}  # its unit tests, without a server\n  prony plugin build    # makes {}.wasm\n  prony plugin test     # runs it against a target inside Prony\n  prony serve &         # that target, on port 8080\n  prony run plan.yaml   # a load test with it; README.md says more\n",
            self.lang.name(),
            self.world.kind().name(),
            self.name,
        ));
        Ok(exit::PASSED)
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if letters && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 60 {
        return Ok(());
    }
    Err(wrong(
        "NAME",
        format!("`{name}` is no name for a plugin"),
        "expected a letter, then letters, digits, `-` and `_`, such as `shop-journey`; a folder elsewhere is named by `--dir`",
    ))
}

/// Writes the files of the kit that begin so below `folder`.
fn copy(from: &str, folder: &Path, name: &str) -> Result<(), Failure> {
    for path in Kit::iter().filter(|path| path.starts_with(from)) {
        let Some(file) = Kit::get(&path) else { continue };
        let to = folder.join(path[from.len()..].trim_end_matches(".template"));
        let written = to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            match std::str::from_utf8(&file.data) {
                Ok(text) => std::fs::write(&to, text.replace(NAME, name)),
                Err(_) => std::fs::write(&to, &file.data),
            }
        });
        written.map_err(|error| Failure::Setup(format!("{} cannot be written: {error}", to.display())))?;
    }
    Ok(())
}
