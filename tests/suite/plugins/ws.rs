//! Plugins that speak WebSocket, alone and beside other protocols.

use serde_json::Value as Json;

use super::{Ran, guest, root};
use crate::binary::{Plan, Prony, Served};

fn run(plan: &str) -> Ran {
    Ran::new(plan, |plan: &Plan| Prony::run(plan).arguments(&["--seed", "7"]).finish())
}

/// Every check that was counted and did not always hold.
fn failed_checks(scenario: &Json) -> Vec<String> {
    let checks = scenario["checks"].as_array().into_iter().flatten();
    let broken = checks.filter(|check| check["passed"] != check["evaluated"]);
    broken.map(|check| check["expression"].to_string()).collect()
}

fn tour_of(tour: &std::path::Path, target: &str, more: &str) -> String {
    format!(
        "target: {target}\n{more}scenarios:\n  tour:\n    load: {{users: 3, iterations: 2}}\n    plugin: {}\n",
        tour.display()
    )
}

fn example(name: &str, component: &std::path::Path) -> String {
    let plan = root().join("plugins/examples").join(name).join("plan.yaml");
    let plan = std::fs::read_to_string(plan).expect("its plan");
    plan.replace(&format!("./{name}.wasm"), &component.display().to_string())
}

#[test]
fn every_call_of_ws_does_what_the_interface_says() {
    let Some(tour) = guest("every_call_of_ws_does_what_the_interface_says", "ws-tour") else { return };
    let served = Served::with_websocket();
    let trusted = format!("tls: {{ca: {}}}\n", served.certificate().display());
    for (target, more) in [(served.ws(), ""), (served.wss(), trusted.as_str())] {
        let ran = run(&tour_of(&tour, &format!("{target}/echo"), more));
        let scenario = &ran.summary["scenarios"]["tour"];
        assert_eq!(scenario["iterations"]["completed"], 6, "{}", ran.stdout);
        assert_eq!(failed_checks(scenario), Vec::<String>::new(), "{}", ran.stdout);
        let steps = &scenario["steps"];
        for (step, requests) in [
            ("introduce", 6),
            ("by order", 6),
            ("by JSON", 6),
            ("by regex", 6),
            ("by key", 120),
            ("ping", 6),
            ("close", 6),
        ] {
            assert_eq!(steps[step]["requests"], requests, "{step}: {}", ran.stdout);
            assert_eq!(steps[step]["failures"]["total"], 0, "{step}: {}", ran.stdout);
        }
        // What the tour provokes, and nothing else.
        for (step, kind) in [
            ("refused", "status_4xx"),
            ("silence", "timeout"),
            ("both", "request"),
            ("unheard", "timeout"),
            ("bad code", "request"),
        ] {
            assert_eq!(steps[step]["failures"]["by_kind"][kind], 6, "{step}: {}", ran.stdout);
        }
        assert_eq!(scenario["failures"]["total"], 30, "{}", ran.stdout);
    }
}

/// What everybody says comes to all others, each in its time, and results have the figures that the example promises.
#[test]
fn a_chat_room_hears_everybody() {
    for name in ["chat", "chat-python"] {
        let Some(chat) = guest("a_chat_room_hears_everybody", name) else { continue };
        chat_goes_well(name, &chat);
    }
}

fn chat_goes_well(name: &str, chat: &std::path::Path) {
    let served = Served::with_websocket();
    let plan = example(name, chat)
        .replace("${TARGET:-ws://127.0.0.1:8081}", served.ws())
        // A machine that is busy with other tests is slow.
        .replace("< 100ms", "< 10s")
        .replace("p95 < 100", "p95 < 10000");
    let ran = run(&plan);
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
    let scenario = &ran.summary["scenarios"]["chat"];
    assert_eq!(scenario["iterations"]["completed"], 36, "{}", ran.stdout);
    let steps = &scenario["steps"];
    assert_eq!((&steps["join"]["requests"], &steps["leave"]["requests"]), (&36.into(), &36.into()));
    // 36 iterations of 5 rounds: one's own word, and those of three others.
    assert_eq!(steps["say"]["requests"], 180, "{}", ran.stdout);
    assert_eq!(scenario["metrics"]["heard"]["count"], 540, "{}", ran.stdout);
    assert_eq!(scenario["metrics"]["round"]["count"], 180, "{}", ran.stdout);
    assert_eq!(scenario["failures"]["total"], 0, "{}", ran.stdout);
}

/// Login, token, publish, bridge, receipt: the time from cause to effect has a threshold, which can fail.
#[test]
fn a_journey_over_three_protocols_is_timed_from_cause_to_effect() {
    let name = "a_journey_over_three_protocols_is_timed_from_cause_to_effect";
    let Some(journey) = guest(name, "journey") else { return };
    let served = Served::with_bridge();
    let plan = example("journey", &journey)
        .replace("${HTTP:-http://127.0.0.1:8080}", served.http())
        .replace("${MQTT:-mqtt://127.0.0.1:1883}", served.mqtt())
        .replace("${WS:-ws://127.0.0.1:8081}", served.ws());
    let ran = run(&plan.replace("p95 < 100", "p95 < 10000"));
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
    let scenario = &ran.summary["scenarios"]["orders"];
    assert_eq!(scenario["iterations"]["completed"], 50, "{}", ran.stdout);
    assert_eq!(scenario["failures"]["total"], 0, "{}", ran.stdout);
    let steps = &scenario["steps"];
    let counts = ["log in", "listen", "order", "leave"].map(|step| steps[step]["requests"].as_u64());
    assert_eq!(counts, [Some(50), Some(50), Some(150), Some(50)], "{}", ran.stdout);
    let seen = &scenario["metrics"]["order_seen"];
    assert_eq!(seen["count"], 150, "{}", ran.stdout);
    // From when it was sent is later than from when it was wanted.
    let under_way = &scenario["metrics"]["order_under_way"];
    assert!(under_way["mean"].as_f64() <= seen["mean"].as_f64(), "{}", ran.stdout);
    assert!(seen["min"].as_f64().is_some_and(|least| least > 0.0), "{}", ran.stdout);

    let ran = run(&plan.replace("p95 < 100", "p95 < 0.001"));
    assert!(matches!(ran.code, 1 | 4), "{}", ran.stdout);
    let thresholds = ran.summary["thresholds"].as_array().expect("a list").clone();
    let broken: Vec<_> = thresholds.iter().filter(|one| one["passed"] == false).collect();
    assert!(
        broken
            .iter()
            .any(|one| one["expression"].as_str().is_some_and(|text| text.contains("order_seen.p95"))),
        "{thresholds:?}"
    );
}

#[test]
fn a_plugin_without_a_websocket_is_told() {
    let Some(tour) = guest("a_plugin_without_a_websocket_is_told", "ws-tour") else { return };
    let plan = Plan::new(&tour_of(&tour, "http://127.0.0.1:9", ""));
    let finished = Prony::run(&plan).finish();
    assert_eq!(finished.exit_code(), 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("target: ws://host:port/path"), "{}", finished.stderr);
}

#[test]
fn a_server_that_is_gone_is_a_failure_of_its_own_kind() {
    let name = "a_server_that_is_gone_is_a_failure_of_its_own_kind";
    let Some(tour) = guest(name, "ws-tour") else { return };
    let [port] = crate::processes::free_ports();
    let ran = run(&tour_of(&tour, &format!("ws://127.0.0.1:{port}/"), ""));
    let scenario = &ran.summary["scenarios"]["tour"];
    assert_eq!(scenario["failures"]["by_kind"]["connect_refused"], 6, "{}", ran.stdout);
    assert_eq!(scenario["iterations"]["failed"], 6, "{}", ran.stdout);
}

/// A server that ends connections in the middle: what is under way fails and is counted, and the next iteration begins anew.
#[test]
fn connections_that_end_are_told_to_the_guest() {
    let Some(tour) = guest("connections_that_end_are_told_to_the_guest", "ws-tour") else { return };
    let served = Served::with_websocket();
    let plan = tour_of(&tour, &format!("\"{}/echo?close=4001&after=3\"", served.ws()), "");
    let ran = run(&plan);
    let scenario = &ran.summary["scenarios"]["tour"];
    assert_eq!(scenario["iterations"]["failed"], 6, "{}", ran.stdout);
    let metrics = &scenario["metrics"];
    for metric in ["ws.connections_lost", "ws.close_4xxx"] {
        assert_eq!(metrics[metric]["sum"], 6.0, "{metric}: {}", ran.stdout);
    }
}
