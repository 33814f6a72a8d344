//! A plugin's project: its language, its world, and what its own manifest says of it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use prony_core::document;
use prony_core::{Node, Source};
use prony_plugin_host::Kind;
use serde_json::Value as Json;

use super::wrong;
use crate::commands::Failure;

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, for the target wasm32-wasip2.
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-qjs.
    Js,
}

impl Language {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
        }
    }
}

/// Which world a plugin is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum World {
    /// The journey of a user.
    Scenario,
    /// Functions for plan steps.
    Request,
}

impl World {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Scenario => Kind::Scenario,
            Self::Request => Kind::Request,
        }
    }
}

/// See the module's head.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    pub(crate) language: Language,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) authors: Option<String>,
    pub(crate) description: Option<String>,
    /// What the manifest says; Rust's code says it itself.
    pub(crate) world: Option<World>,
}

/// The manifests, in the order in which they are looked for.
const MANIFESTS: [(&str, Language); 3] =
    [("Cargo.toml", Language::Rust), ("pyproject.toml", Language::Python), ("package.json", Language::Js)];

impl Project {
    /// The project in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let found = MANIFESTS.iter().find(|(manifest, _)| folder.join(manifest).is_file());
        let Some((manifest, language)) = found else {
            return Err(wrong(
                "DIR",
                format!(
                    "{} is no plugin's project: it has no Cargo.toml, pyproject.toml or package.json",
                    folder.display()
                ),
                "start one by `prony plugin new NAME --lang rust|python|js --world scenario|request`",
            ));
        };
        let path = folder.join(manifest);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| wrong("DIR", format!("{}: {error}", path.display()), "let this user read it"))?;
        let json: Json = match language {
            Language::Js => serde_json::from_str(&text).map_err(|error| error.to_string()),
            Language::Rust | Language::Python => {
                toml::from_str(&text).map_err(|error| error.message().to_owned())
            }
        }
        .map_err(|error| wrong("DIR", format!("{}: {error}", path.display()), "mend the manifest"))?;
        let (package, own) = match language {
            Language::Rust => (&json["package"], &json["package"]["metadata"]["prony"]),
            Language::Python => (&json["project"], &json["tool"]["prony"]),
            Language::Js => (&json, &json["prony"]),
        };
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let Some(name) = text("name").filter(|name| !name.is_empty()) else {
            return Err(wrong("DIR", format!("{} names no package", path.display()), "give it a `name`"));
        };
        let world = match own["world"].as_str() {
            Some("scenario") => Some(World::Scenario),
            Some("request") => Some(World::Request),
            _ if *language == Language::Rust => None,
            _ => {
                let help = match language {
                    Language::Js => "add `\"prony\": {\"world\": \"scenario\"}` to it, or `request`",
                    _ => "add `[tool.prony]` with `world = \"scenario\"` to it, or `request`",
                };
                return Err(wrong(
                    "DIR",
                    format!("{} does not say of which world the plugin is", path.display()),
                    help,
                ));
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            language: *language,
            name,
            version: text("version"),
            authors: authors(package),
            description: text("description"),
            world,
        })
    }

    /// Where its component is put.
    pub(crate) fn component(&self) -> PathBuf {
        // An npm name may have a scope.
        let name = self.name.rsplit('/').next().unwrap_or(&self.name);
        self.folder.join(format!("{name}.wasm"))
    }
}

/// Authors as each manifest has them.
fn authors(package: &Json) -> Option<String> {
    let one = |author: &Json| match author {
        Json::String(text) => Some(text.clone()),
        Json::Object(fields) => {
            let field = |key: &str| fields.get(key).and_then(Json::as_str);
            match (field("name"), field("email")) {
                (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
                (name, email) => name.or(email).map(str::to_owned),
            }
        }
        _ => None,
    };
    let list = match (&package["authors"], &package["author"]) {
        (Json::Array(authors), _) => authors.iter().filter_map(one).collect::<Vec<_>>().join(", "),
        (_, author) => one(author).unwrap_or_default(),
    };
    (!list.is_empty()).then_some(list)
}

/// The configuration that the plan beside a plugin gives it: the first `config` beside a `path` or `plugin` that names it.
pub(crate) fn planned_config(component: &Path) -> Option<Node> {
    let folder = component.parent()?;
    let text = std::fs::read_to_string(folder.join("plan.yaml")).ok()?;
    let plan = document::parse(&Source::new("plan.yaml", text)).ok()?;
    find_config(&plan, component.file_name()?.to_str()?)
}

fn find_config(node: &Node, file: &str) -> Option<Node> {
    let names_it = |key: &str| {
        let path = node.get(key).and_then(|path| path.text().ok());
        path.is_some_and(|path| Path::new(path).file_name().is_some_and(|name| name == file))
    };
    if names_it("path") || names_it("plugin") {
        return node.get("config").cloned();
    }
    let inner = node.entries().map(|(_, value)| value).chain(match &node.value {
        document::Value::List(items) => items.iter(),
        _ => [].iter(),
    });
    inner.into_iter().find_map(|inner| find_config(inner, file))
}
