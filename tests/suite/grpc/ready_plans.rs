//! The ready plans of `plans/grpc`, small, against the embedded target.

use super::{protos, repository};
use crate::binary::{Plan, Prony, Served};

/// What makes a plan small: its words, and what stands in their place.
const SMALL: [(&str, &str); 6] = [
    ("for: 30s", "for: 2s"),
    ("users: 100,", "users: 10,"),
    ("count: 50,", "count: 10,"),
    ("messages count == 50", "messages count == 10"),
    ("$.sequence == 50", "$.sequence == 10"),
    ("pace: 100ms", "pace: 10ms"),
];

#[test]
fn ready_plans_hold_what_they_promise() {
    let served = Served::with_grpc();
    let mut tried = 0;
    for entry in std::fs::read_dir(repository().join("plans/grpc")).expect("the plans").map_while(Result::ok)
    {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let mut text = std::fs::read_to_string(&path).expect("a plan");
        text = text.replace("../../protocol-grpc/proto", &protos().display().to_string());
        for (words, small) in SMALL {
            text = text.replace(words, small);
        }
        // How fast this machine is, beside other tests, is no matter of them.
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("_time.p99")).collect();
        let text = kept.join("\n").replace(", time < 500ms", "");
        let plan = Plan::new(&text);
        let finished = Prony::run(&plan).environment("TARGET", served.grpc()).finish();
        let name = path.display();
        // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
        assert!(matches!(finished.exit_code(), 0 | 4), "{name}\n{}\n{}", finished.stdout, finished.stderr);
        let summary = finished.summary();
        assert_eq!(summary["run"]["failures"]["total"], 0, "{name}\n{}", finished.stdout);
        assert!(summary["run"]["requests"].as_u64().is_some_and(|requests| requests > 0), "{name}");
        tried += 1;
    }
    assert_eq!(tried, 6, "plans");
}
