//! Plugins that speak MQTT, on real brokers.

use serde_json::Value as Json;

use super::{Ran, guest, root};
use crate::binary::{Plan, Prony};
use crate::mosquitto::{Mosquitto, Options};

fn run_on(target: &str, plan: &str, arguments: &[&str]) -> Ran {
    Ran::new(&plan.replace("TARGET", target), |plan: &Plan| {
        Prony::run(plan).arguments(&["--seed", "7"]).arguments(arguments).finish()
    })
}

fn broker(test: &str) -> Option<(Mosquitto, String)> {
    let broker = Mosquitto::start(test, &Options::default())?;
    let target = format!("mqtt://127.0.0.1:{}", broker.ports().tcp);
    Some((broker, target))
}

/// Every check that was counted, with how often it failed.
fn failed_checks(scenario: &Json) -> Vec<String> {
    let checks = scenario["checks"].as_array().into_iter().flatten();
    let broken = checks.filter(|check| check["passed"] != check["evaluated"]);
    broken.map(|check| check["expression"].to_string()).collect()
}

#[test]
fn every_call_does_what_the_interface_says() {
    let name = "every_call_does_what_the_interface_says";
    let Some(tour) = guest(name, "mqtt-tour") else { return };
    let Some((_broker, target)) = broker(name) else { return };
    for version in ["3.1.1", "5"] {
        let plan = format!(
            "target: TARGET\nmqtt: {{version: \"{version}\"}}\nscenarios:\n  tour:\n    load: {{users: 3, iterations: 2}}\n    plugin: {}\n",
            tour.display()
        );
        let ran = run_on(&target, &plan, &[]);
        let scenario = &ran.summary["scenarios"]["tour"];
        assert_eq!(scenario["iterations"]["completed"], 6, "{version}: {}", ran.stdout);
        assert_eq!(failed_checks(scenario), Vec::<String>::new(), "{version}: {}", ran.stdout);
        let steps = &scenario["steps"];
        for (step, requests) in
            [("introduce", 6), ("come back", 6), ("settled", 6), ("many", 120), ("forget", 6)]
        {
            assert_eq!(steps[step]["requests"], requests, "{version} {step}: {}", ran.stdout);
            assert_eq!(steps[step]["failures"]["total"], 0, "{version} {step}: {}", ran.stdout);
        }
        // What the tour provokes, and nothing else.
        assert_eq!(steps["bad filter"]["failures"]["by_kind"]["request"], 6, "{}", ran.stdout);
        assert_eq!(steps["silence"]["failures"]["by_kind"]["timeout"], 6, "{}", ran.stdout);
        assert_eq!(scenario["failures"]["total"], 12, "{version}: {}", ran.stdout);
        let lost = &scenario["metrics"]["mqtt.lost"]["sum"];
        assert!(lost.is_null() || *lost == 0.0, "{version}: {}", ran.stdout);
    }
}

#[test]
fn sparkplug_nodes_are_born_report_and_die() {
    let name = "sparkplug_nodes_are_born_report_and_die";
    let Some(sparkplug) = guest(name, "sparkplug") else { return };
    let Some((_broker, target)) = broker(name) else { return };
    let plan =
        std::fs::read_to_string(root().join("plugins/examples/sparkplug/plan.yaml")).expect("its plan");
    let plan = plan
        .replace("${TARGET:-mqtt://127.0.0.1:1883}", "TARGET")
        .replace("./sparkplug.wasm", &sparkplug.display().to_string())
        .replace("for: 35s", "for: 7s")
        .replace("for: 30s", "for: 4s")
        .replace("every_ms: 1000, session_ms: 10000", "every_ms: 100, session_ms: 1500")
        .replace("> 1000", "> 500");
    let ran = run_on(&target, &plan, &[]);
    // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
    let hosts = &ran.summary["scenarios"]["hosts"];
    assert!(
        hosts["metrics"]["mqtt.delivered"]["sum"].as_f64().is_some_and(|sum| sum > 500.0),
        "{}",
        ran.stdout
    );
    let deliveries = hosts["deliveries"].as_object().expect("deliveries");
    assert!(!deliveries.is_empty(), "what comes to a plugin is timed: {}", ran.stdout);
}

#[test]
fn functions_make_messages_and_judge_their_answers() {
    let name = "functions_make_messages_and_judge_their_answers";
    let Some(readings) = guest(name, "readings") else { return };
    let Some((_broker, target)) = broker(name) else { return };
    let plan = std::fs::read_to_string(root().join("plugins/examples/readings/plan.yaml")).expect("its plan");
    let plan = plan
        .replace("${TARGET:-mqtt://127.0.0.1:1883}", "TARGET")
        .replace("./readings.wasm", &readings.display().to_string())
        .replace("for: 4s", "for: 2s");
    let ran = run_on(&target, &plan, &[]);
    // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
    let delivered = &ran.summary["scenarios"]["hall"]["metrics"]["mqtt.delivered"]["sum"];
    assert_eq!(*delivered, 50.0, "the topic was the plugin's: {}", ran.stdout);
    // Nobody listens: reason code 16, which the judge does not like.
    let alone = plan.replace("subscribe hall/+/celsius", "subscribe elsewhere");
    let ran = run_on(&target, &alone, &[]);
    assert!(matches!(ran.code, 1 | 4), "{}", ran.stdout);
    let failures = &ran.summary["scenarios"]["sensors"]["failures"];
    assert_eq!(failures["by_kind"]["check"], 50, "{}", ran.stdout);
}

#[test]
fn a_plugin_without_a_broker_is_told() {
    let Some(tour) = guest("a_plugin_without_a_broker_is_told", "mqtt-tour") else { return };
    let plan = format!(
        "target: http://127.0.0.1:9\nscenarios:\n  tour:\n    load: {{users: 1, iterations: 1}}\n    plugin: {}\n",
        tour.display()
    );
    let plan = Plan::new(&plan);
    let finished = Prony::run(&plan).finish();
    assert_eq!(finished.exit_code(), 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("target: mqtt://host:1883"), "{}", finished.stderr);
}

#[test]
fn a_broker_that_is_gone_is_a_failure_of_its_own_kind() {
    let name = "a_broker_that_is_gone_is_a_failure_of_its_own_kind";
    let Some(tour) = guest(name, "mqtt-tour") else { return };
    let [port] = crate::processes::free_ports();
    let plan = format!(
        "target: mqtt://127.0.0.1:{port}\nscenarios:\n  tour:\n    load: {{users: 2, iterations: 1}}\n    plugin: {}\n",
        tour.display()
    );
    let ran = run_on("", &plan, &[]);
    let scenario = &ran.summary["scenarios"]["tour"];
    assert_eq!(scenario["failures"]["by_kind"]["connect_refused"], 2, "{}", ran.stdout);
    assert_eq!(scenario["iterations"]["failed"], 2, "{}", ran.stdout);
}
