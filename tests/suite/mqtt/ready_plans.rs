//! The ready plans of `plans/mqtt`, small, against a real Mosquitto.

use std::path::Path;

use crate::binary::{Plan, Prony};
use crate::mosquitto::{Mosquitto, Options};

/// What makes a plan small: its words, and what stands in their place. Ten devices for some seconds are the same plan.
const SMALL: [(&str, &str); 30] = [
    ("over: 2s", "over: 500ms"),
    ("over: 10s", "over: 500ms"),
    ("over: 50s}]", "over: 4s}]"),
    ("over: 50s", "over: 500ms"),
    ("over: 61s", "over: 4s"),
    ("over: 1m", "over: 2s"),
    ("over: 2m", "over: 2s"),
    ("users: 50000", "users: 20"),
    ("users: 5000", "users: 20"),
    ("users: 2000", "users: 20"),
    ("users: 1000", "users: 20"),
    ("users: 500", "users: 20"),
    ("users: 200", "users: 10"),
    ("users: 100", "users: 10"),
    ("users: 50,", "users: 5,"),
    ("for: 1m", "for: 3s"),
    ("for: 61s", "for: 5s"),
    ("for: 62s", "for: 4s"),
    ("for: 64s", "for: 5s"),
    ("for: 90s", "for: 3s"),
    ("for: 92s", "for: 5s"),
    ("iterations: 500", "iterations: 20"),
    ("count: 500", "count: 20"),
    ("start_after: 55s", "start_after: 4s"),
    ("start_after: 20s", "start_after: 2s"),
    ("at: 20s", "at: 1500ms"),
    ("every: 1s", "every: 100ms"),
    ("every: 2s", "every: 100ms"),
    ("every: 5s", "every: 200ms"),
    ("after: 1s", "after: 200ms"),
];

#[test]
fn ready_plans_hold_what_they_promise() {
    let Some(mosquitto) = Mosquitto::start("ready_plans_hold_what_they_promise", &Options::default()) else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans/mqtt");
    let target = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    let mut tried = 0;
    for entry in std::fs::read_dir(&folder).expect("the plans").map_while(Result::ok) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut text = std::fs::read_to_string(&path).expect("a plan");
        for (words, small) in SMALL {
            text = text.replace(words, small);
        }
        // How fast this machine is, beside other tests, is no matter of them. And nobody kills this broker.
        let kept = text
            .lines()
            .filter(|line| !line.contains("- ") || !line.contains("_time.") && !line.contains("mqtt.back_"));
        let mut text = kept.collect::<Vec<_>>().join("\n");
        if text.trim_end().ends_with("thresholds:") {
            text.push_str("\n  - failures.count == 0\n");
        }
        let plan = Plan::new(&text);
        let finished = Prony::run(&plan).environment("TARGET", &target).finish();
        // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
        assert!(matches!(finished.exit_code(), 0 | 4), "{name}\n{}\n{}", finished.stdout, finished.stderr);
        let summary = finished.summary();
        let thresholds = summary["thresholds"].as_array().expect("thresholds");
        assert!(!thresholds.is_empty(), "{name}");
        let failures = summary["run"]["failures"]["total"].as_u64();
        // Where connections are cut on purpose, and where servers wait for a question that does not come, requests fail.
        if !["reconnect-storm", "failover", "request-response"].contains(&name.as_str()) {
            assert_eq!(failures, Some(0), "{name}\n{}", finished.stdout);
        }
        for (scenario, seen) in summary["scenarios"].as_object().expect("scenarios") {
            let lost = seen["metrics"]["mqtt.lost"]["sum"].as_f64().unwrap_or(0.0);
            assert!(lost < 0.5, "{name} {scenario}\n{}", finished.stdout);
        }
        tried += 1;
    }
    assert!(tried >= 9, "{tried} plans");
}
