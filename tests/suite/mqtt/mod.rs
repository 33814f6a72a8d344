//! MQTT by the real binary: against a real Mosquitto, other brokers as far as they go, and a broker that does as it is told.

mod audit;
mod failover;
mod hostile;
mod lost;
mod ready_plans;
mod real;

use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony};

/// A run, and the folder that its results lie in.
struct Ran {
    finished: Finished,
    _plan: Plan,
}

impl std::ops::Deref for Ran {
    type Target = Finished;

    fn deref(&self) -> &Finished {
        &self.finished
    }
}

/// Runs a plan whose target is `url`.
fn run(url: &str, rest: &str) -> Ran {
    let plan = Plan::new(&format!("name: test\ntarget: {url}\n{rest}"));
    let finished = Prony::run(&plan).arguments(&["--threads", "2"]).finish();
    Ran { finished, _plan: plan }
}

/// A scenario of a stored run.
fn scenario(run: &Finished, name: &str) -> Json {
    let summary = run.summary();
    let found = summary["scenarios"][name].clone();
    assert!(found.is_object(), "no scenario {name}\n{}\n{}", run.stdout, run.stderr);
    found
}

/// What a counter of a scenario adds up to, or a gauge stands at; 0 where it never got a value.
fn metric(scenario: &Json, name: &str) -> f64 {
    let metric = &scenario["metrics"][format!("mqtt.{name}")];
    assert!(metric.is_object(), "no metric mqtt.{name}");
    metric["sum"].as_f64().or(metric["last"].as_f64()).unwrap_or(0.0)
}

/// Requests of a step, and those of them that failed.
fn step(scenario: &Json, name: &str) -> (u64, u64) {
    let step = &scenario["steps"][name];
    let number = |value: &Json| value.as_u64().unwrap_or_else(|| panic!("no step {name}: {scenario:#}"));
    (number(&step["requests"]), number(&step["failures"]["total"]))
}

/// Messages that came under a subscription.
fn delivered(scenario: &Json, name: &str) -> u64 {
    let messages = &scenario["deliveries"][name]["messages"];
    messages.as_u64().unwrap_or_else(|| panic!("no delivery {name}: {scenario:#}"))
}
