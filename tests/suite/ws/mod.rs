//! WebSocket: the binary against servers that nobody of Prony wrote, and against the embedded target with faults to order.

mod by_hand;
mod faults;
mod feeds;
mod foreign;
mod journey;
mod lost;
mod proxy;
mod ready_plans;
mod recipes;
mod restart;
pub(crate) mod servers;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::binary::{Plan, Prony};

/// A run that has ended.
struct Ran {
    code: i32,
    stdout: String,
    summary: Json,
}

impl Ran {
    /// The figures of the scenario `main`.
    fn main(&self) -> &Json {
        &self.summary["scenarios"]["main"]
    }

    /// Those of a step of it.
    fn step(&self, name: &str) -> &Json {
        &self.main()["steps"][name]
    }

    /// The kinds that something of it failed by.
    fn kinds(&self) -> Vec<&str> {
        let found = self.main()["failures"]["by_kind"].as_object();
        let found = found.into_iter().flatten().filter(|(_, count)| **count != 0);
        found.map(|(kind, _)| kind.as_str()).collect()
    }

    /// What a metric of it adds up to.
    fn sum(&self, metric: &str) -> f64 {
        self.main()["metrics"][metric]["sum"].as_f64().unwrap_or(0.0)
    }

    /// Nothing failed, and the checks held.
    fn assert_clean(&self, shown: &str) {
        assert_eq!(self.main()["failures"]["total"], 0, "{shown}\n{}", self.stdout);
        // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
        assert!(matches!(self.code, 0 | 4), "{shown}\n{}", self.stdout);
    }
}

/// Runs a plan whose `TARGET` is the server's URL.
fn run(target: &str, plan: &str) -> Ran {
    run_with(target, plan, &[])
}

/// The same with further arguments.
fn run_with(target: &str, plan: &str, arguments: &[&str]) -> Ran {
    let plan = Plan::new(&plan.replace("TARGET", target));
    let finished = Prony::run(&plan).arguments(&["--seed", "7"]).arguments(arguments).finish();
    Ran { code: finished.exit_code(), summary: finished.summary(), stdout: finished.stdout }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
