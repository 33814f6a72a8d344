//! Where a plugin is tried: a target inside this process, and a plan around the plugin.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use prony_core::{Diagnostic, Node};
use prony_http::demo::{Target, TargetOptions};
use prony_plugin_host::{Kind, Level, PluginFile};

use super::project::planned_config;
use crate::commands::Failure;
use crate::execute::{self, Compiled};
use crate::plan::{Plan, Setting, parse_node};

/// A target to try plugins on, for as long as this lives.
pub(super) struct Playground {
    target: Target,
}

impl Playground {
    pub(super) fn open() -> Result<Self, Failure> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = TargetOptions { http: Some(any), https: None, threads: 1, seed: 1 };
        let target = Target::start(options).map_err(|error| Failure::Setup(error.to_string()))?;
        Ok(Self { target })
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        self.target.http().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// The scenarios that are run with a plugin: those of the plan beside it, if there is one, or else a plain one. `load` stands
    /// in place of their own.
    pub(super) fn plan(&self, file: &PluginFile, config: Option<&Node>, load: &str) -> Result<Plan, Failure> {
        let beside = file.path.parent().map(|folder| folder.join("plan.yaml")).filter(|plan| plan.is_file());
        match (config, beside) {
            (None, Some(plan)) => self.plan_beside(&plan, load),
            (config, _) => self.plain_plan(file, config, load),
        }
    }

    fn plan_beside(&self, path: &Path, load: &str) -> Result<Plan, Failure> {
        let set = |path: String, value: String| Setting { path, value };
        let plan = Plan::load(path, &[])?;
        let mut settings =
            vec![set("target".to_owned(), self.url()), set("thresholds".to_owned(), "[]".to_owned())];
        for scenario in &plan.scenarios {
            settings.push(set(format!("scenarios.{}.load", scenario.name), load.to_owned()));
            for key in ["iteration_every", "start_after", "warmup"] {
                if scenario.node.get(key).is_some() {
                    settings.push(set(format!("scenarios.{}.{key}", scenario.name), "null".to_owned()));
                }
            }
            if scenario.node.get("target").is_some() {
                settings.push(set(format!("scenarios.{}.target", scenario.name), self.url()));
            }
        }
        Ok(Plan::load(path, &settings)?)
    }

    fn plain_plan(&self, file: &PluginFile, config: Option<&Node>, load: &str) -> Result<Plan, Failure> {
        let folder = absolute_folder(&file.path)?;
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let planned = config.cloned().or_else(|| planned_config(&file.path));
        let config = planned.map_or_else(|| "null".to_owned(), |config| config.to_json().to_string());
        let path = serde_json::Value::from(name).to_string();
        let body = match file.kind {
            Kind::Scenario => format!("    plugin: {{path: {path}, config: {config}}}\n"),
            Kind::Request => {
                let mut steps = String::new();
                for (function, kinds) in functions(file)? {
                    let function = serde_json::Value::from(function).to_string();
                    let part = |kind: &str| {
                        let wanted = kinds.iter().any(|known| known == kind);
                        if wanted {
                            format!(
                                "        {kind}: {{plugin: {path}, function: {function}, config: {config}}}\n"
                            )
                        } else {
                            String::new()
                        }
                    };
                    let request = if kinds.iter().any(|kind| kind == "generate") {
                        "{post: /echo}"
                    } else {
                        "GET /items"
                    };
                    steps.push_str(&format!(
                        "      - http: {request}\n        name: {function}\n{}{}",
                        part("generate"),
                        part("validate")
                    ));
                }
                format!("    steps:\n{steps}")
            }
        };
        let text = format!("target: {}\nscenarios:\n  plugin:\n    load: {load}\n{body}", self.url());
        Ok(Plan::from_text("plugin", &text, &folder)?)
    }
}

/// The functions of a plugin of the world `request`, with what they do.
fn functions(file: &PluginFile) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let plugin = prony_plugin_host::Plugin::new(file.clone())
        .map_err(|problem| super::wrong("FILE", problem.found, problem.help))?;
    let described = prony_plugin_host::describe_functions(&plugin, prony_engine::clock::clock())?;
    Ok(described.into_iter().map(|function| (function.name, function.kinds)).collect())
}

fn absolute_folder(path: &Path) -> Result<PathBuf, Failure> {
    let absolute =
        std::path::absolute(path).map_err(|error| Failure::Setup(format!("{}: {error}", path.display())))?;
    Ok(absolute.parent().map(Path::to_owned).unwrap_or_default())
}

/// `--config`, as YAML.
pub(super) fn config(text: Option<&str>) -> Result<Option<Node>, Diagnostic> {
    text.map(|text| parse_node("--config", text)).transpose()
}

/// The plan, compiled, with the whole log of its plugins to be shown.
pub(super) fn compile(plan: &Plan, log_from: Level) -> Result<Compiled, Failure> {
    execute::compile_logging(plan, log_from)
}
