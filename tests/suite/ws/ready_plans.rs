//! The ready plans of `plans/ws`, small, against the embedded target.

use super::repository;
use crate::binary::{Plan, Prony, Served};

/// What makes a plan small: its words, and what stands in their place.
const SMALL: [(&str, &str); 9] = [
    ("users: 20000", "users: 300"),
    ("users: 2000", "users: 100"),
    ("over: 100s", "over: 2s"),
    ("over: 20s", "over: 1s"),
    ("over: 5s", "over: 1s"),
    ("over: 25s", "over: 6s"),
    ("start_after: 10s", "start_after: 2s"),
    ("for: 30s", "for: 2s"),
    ("for: 34s", "for: 5s"),
];

#[test]
fn ready_plans_hold_what_they_promise() {
    let served = Served::with_bridge();
    let mut tried = 0;
    for entry in std::fs::read_dir(repository().join("plans/ws")).expect("the plans").map_while(Result::ok) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let mut text = std::fs::read_to_string(&path).expect("a plan");
        for (words, small) in SMALL {
            text = text.replace(words, small);
        }
        // How fast this machine is, beside other tests, is no matter of them.
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("_time.p99")).collect();
        let plan = Plan::new(&kept.join("\n"));
        let finished = Prony::run(&plan)
            .environment("TARGET", served.ws())
            .environment("HTTP", served.http())
            .environment("BROKER", served.mqtt())
            .environment("OPERATOR", &served.ws().replace("ws://", "http://"))
            .finish();
        let name = path.display();
        // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
        assert!(matches!(finished.exit_code(), 0 | 4), "{name}\n{}\n{}", finished.stdout, finished.stderr);
        let summary = finished.summary();
        assert_eq!(summary["run"]["failures"]["total"], 0, "{name}\n{}", finished.stdout);
        assert!(summary["run"]["requests"].as_u64().is_some_and(|requests| requests > 0), "{name}");
        if name.to_string().contains("reconnect") {
            let back = &summary["scenarios"]["users"]["metrics"]["ws.reconnected"]["sum"];
            assert_eq!(back.as_f64(), Some(100.0), "{name}\n{}", finished.stdout);
        }
        tried += 1;
    }
    assert_eq!(tried, 6, "plans");
}
