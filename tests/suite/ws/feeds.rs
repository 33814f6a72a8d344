//! What servers push: the audit finds exactly what the embedded feed was told to leave out, double and swap.

use super::run;
use crate::binary::{Plan, Prony, Served};

fn plan(query: &str) -> String {
    format!(
        "target: TARGET\nws: {{path: '/feed/x?rate=2000&count=1000&{query}', feed: {{time: json $.at, unit: us, sequence: json $.seq}}}}\nscenarios:\n  main:\n    load: {{users: 3, iterations: 1}}\n    steps:\n      - ws: connect\n      - stay: 3s\n"
    )
}

#[test]
fn a_feeds_losses_doubles_and_swaps_are_counted_exactly() {
    let served = Served::with_websocket();
    // Of 1,000 messages; what is last in a swap has nothing to swap with.
    for (query, lost, duplicated, reordered) in [
        ("", 0.0, 0.0, 0.0),
        ("lose=100", 9.0, 0.0, 0.0),
        ("double=50", 0.0, 20.0, 0.0),
        ("swap=25", 0.0, 0.0, 39.0),
    ] {
        let ran = run(served.ws(), &plan(query));
        let found = ["ws.lost", "ws.duplicated", "ws.reordered"].map(|metric| ran.sum(metric) / 3.0);
        // What is lost at the very end cannot be missed: nothing comes behind it.
        assert_eq!(found, [lost, duplicated, reordered], "{query}\n{}", ran.stdout);
        assert_eq!(ran.sum("ws.untimed"), 0.0, "{}", ran.stdout);
        let push = &ran.main()["deliveries"]["push"]["messages"];
        let expected = 3
            * (1000 - if query.contains("lose") { 10 } else { 0 }
                + if query.contains("double") { 20 } else { 0 });
        assert_eq!(*push, expected, "{query}\n{}", ran.stdout);
        assert_eq!(ran.sum("ws.close_1000"), 3.0, "{}", ran.stdout);
    }
}

/// The sum of a column of the timeline's lines of `main`, which the charts of the page are drawn from.
fn delivered(folder: &std::path::Path, wanted: &str) -> u64 {
    let text = std::fs::read_to_string(folder.join("timeline.jsonl")).expect("a timeline");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines
        .filter_map(|line| line["deliveries"].as_object().cloned())
        .flat_map(|deliveries| deliveries.into_iter())
        .filter(|(_, one)| one["kind"] == wanted)
        .filter_map(|(_, one)| one["messages"].as_u64())
        .sum()
}

#[test]
fn messages_are_told_apart_from_what_is_timed_of_them() {
    let served = Served::with_websocket();
    let plan = Plan::new(&plan("").replace("TARGET", served.ws()));
    let run = Prony::run(&plan).finish();
    assert_eq!(run.exit_code(), 0, "{}{}", run.stdout, run.stderr);
    let deliveries = &run.summary()["scenarios"]["main"]["deliveries"];
    let kinds = ["push", "push interval", "first message"].map(|name| deliveries[name]["kind"].clone());
    assert_eq!(kinds, ["messages", "times", "times"]);
    assert_eq!(delivered(run.results(), "messages"), 3_000);
    // From each message but the first to the next, and the first ones.
    assert_eq!(delivered(run.results(), "times"), 3 * 999 + 3);
}

#[test]
fn an_audit_that_looks_at_nothing_holds_no_threshold() {
    let served = Served::with_websocket();
    let thresholds = "thresholds: [ws.lost == 0, ws.duplicated == 0, ws.untimed == 0]\n";
    for (sequence, held) in [("json $.seq", [true, true, true]), ("json $.sequence", [false, false, true])] {
        let plan = format!("{}{thresholds}", plan("").replace("json $.seq", sequence));
        let ran = run(served.ws(), &plan);
        let seen = ran.summary["thresholds"].as_array().expect("thresholds");
        let passed: Vec<bool> = seen.iter().map(|one| one["passed"] == true).collect();
        assert_eq!(passed, held, "{}", ran.stdout);
        assert_eq!(ran.code, i32::from(held.contains(&false)), "{}", ran.stdout);
        if !held[0] {
            assert!(ran.stdout.contains("`ws.audited` is 0"), "{}", ran.stdout);
        }
    }
}

#[test]
fn connections_that_are_open_are_those_of_the_loads_end() {
    let served = Served::with_websocket();
    let plan = "target: TARGET\nws: {path: /sink}\nscenarios:\n  main:\n    load: {users: 40, for: 2s}\n    steps: [{ws: connect}, {stay: true}]\nthresholds: [ws.open == 40, ws.open.max == 40]\n";
    let ran = run(served.ws(), plan);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let connections = &ran.main()["connections"];
    assert_eq!((&connections["opened"], &connections["closed"]), (&40.into(), &40.into()), "{}", ran.stdout);
}

#[test]
fn what_came_in_a_second_is_counted_in_that_second() {
    let served = Served::with_websocket();
    let plan = plan("").replace("rate=2000&count=1000", "rate=500").replace("TARGET", served.ws());
    let plan = Plan::new(&plan);
    let run = Prony::run(&plan).finish();
    let mut seconds = 0;
    for line in run.timeline("main") {
        let pushed = line["deliveries"]["push"]["messages"].as_u64().unwrap_or(0);
        for metric in ["ws.received_text", "ws.audited"] {
            let counted = line["metrics"][metric]["sum"].as_f64().unwrap_or(0.0);
            assert_eq!(counted, pushed as f64, "{metric}: {line}");
        }
        seconds += u64::from(pushed > 0);
    }
    assert!(seconds >= 3, "{}", run.stdout);
}
