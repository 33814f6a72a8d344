//! `prony plugin check`.

use std::path::PathBuf;

use clap::Args;
use prony_plugin_host::{FileProblem, Kind, Plugin};

use super::{inspect, open, wrong};
use crate::commands::{Failure, print};
use crate::exit;

/// Says whether a plugin fits this Prony: its world, interface, imports, what it may ask for, and its size.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The plugin, or the folder of its project.
    #[arg(default_value = ".")]
    file: PathBuf,
}

impl Check {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let file = open(&self.file)?;
        let mut text = inspect::head(&file);
        text.push_str(&capabilities(&file.imports));
        let plugin = Plugin::new(file).map_err(|FileProblem { found, help }| wrong("FILE", found, help))?;
        if plugin.file.kind == Kind::Request {
            text.push_str("functions\n");
            for function in prony_plugin_host::describe_functions(&plugin, prony_engine::clock::clock())? {
                text.push_str(&format!(
                    "  {} ({}): {}\n",
                    function.name,
                    function.kinds.join(", "),
                    function.about
                ));
            }
        }
        text.push_str("fits: it can be named in a plan: ");
        text.push_str(&match plugin.file.kind {
            Kind::Scenario => format!("plugin: {}\n", plugin.file.path.display()),
            Kind::Request => {
                format!("generate: {{plugin: {}, function: NAME}}\n", plugin.file.path.display())
            }
        });
        print(&text);
        Ok(exit::PASSED)
    }
}

/// What it can ask for, and what the plan has to say about it.
fn capabilities(imports: &[String]) -> String {
    let has = |part: &str| imports.iter().any(|import| import.starts_with(part));
    let mut text = String::from("may ask for\n");
    for (part, line) in [
        ("prony:plugin/http", "requests to the plan's target; to other hosts by `allow: {hosts: [...]}`"),
        ("prony:plugin/mqtt", "messages to the plan's broker, and from it"),
        ("prony:plugin/grpc", "calls of the plan's gRPC servers"),
        ("prony:plugin/ws", "messages to the plan's WebSocket server, and from it"),
        ("prony:plugin/data", "rows of the plan's data sources"),
        ("prony:plugin/vars", "variables of the plan"),
        ("prony:plugin/clock", "the run's clock; the time of day by `allow: {clock: true}`"),
        ("wasi:cli/environment", "environment variables, none but those of `allow: {env: [...]}`"),
        ("wasi:clocks/wall-clock", "the time of day: a fixed one unless `allow: {clock: true}`"),
        ("wasi:filesystem", "files: there are none"),
        ("wasi:sockets", "the network: always refused, requests go by way of Prony"),
        ("wasi:random", "random numbers of its language's library: the same ones in every run"),
    ] {
        if has(part) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}
