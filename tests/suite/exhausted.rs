//! The generator's own machine runs out: of descriptors, of local ports. The run goes on, counts it, and is no result.

use std::time::Duration;

use serde_json::Value as Json;

use crate::binary::{BINARY, Plan, Prony, Served};
use crate::requirements::missing;

/// Users with connections of their own, who try again at leisure.
fn plan(target: &str, users: u32) -> Plan {
    Plan::new(&format!(
        "target: {target}\nscenarios:\n  main:\n    load: {{users: {users}, for: 1500ms}}\n    graceful_stop: 2s\n    steps:\n      \
         - http: GET /\n      - think: 100ms\n"
    ))
}

/// Some requests failed for want of `what`, others were answered, and the verdict names the rule.
fn assert_exhausted(summary: &Json, kind: &str, rule: &str) {
    let main = &summary["scenarios"]["main"];
    let failures = main["failures"]["by_kind"].as_object().expect("kinds");
    assert!(failures.keys().all(|found| found == kind), "{failures:?}");
    assert!(failures[kind].as_u64().is_some_and(|count| count > 0), "{failures:?}");
    assert!(main["statuses"]["200"].as_u64().is_some_and(|count| count > 0), "{main:#}");
    assert_eq!(summary["ended"], "finished");
    assert_ne!(summary["verdict"]["status"], "VALID");
    let reasons = summary["verdict"]["reasons"].as_array().expect("reasons");
    assert!(reasons.iter().any(|reason| reason["rule"] == rule), "{reasons:#?}");
}

#[test]
fn without_descriptors_the_run_goes_on_and_says_so() {
    let target = Served::start();
    let plan = plan(target.http(), 100);
    let run = Prony::run(&plan).open_files(40).finish_within(Duration::from_secs(20));
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert_eq!(run.exit_code(), 4, "{}", run.stderr);
    assert_exhausted(&run.summary(), "descriptors_exhausted", "descriptors");
    assert!(
        run.stderr.contains("100 users and only 40 open files allowed"),
        "told beforehand: {}",
        run.stderr
    );
    assert!(
        run.stderr.contains("descriptors_exhausted: connecting to"),
        "told when it happens: {}",
        run.stderr
    );
    let words: Vec<&str> = run.stdout.split_whitespace().collect();
    assert!(
        words.join(" ").contains("raise the limit of open files (`ulimit -n`)"),
        "told what to do: {}",
        run.stdout
    );
}

#[test]
fn without_local_ports_the_run_goes_on_and_says_so() {
    // A network of its own, in which 20 ports are all there are.
    let narrow = "ip link set lo up && echo 40000 40019 >/proc/sys/net/ipv4/ip_local_port_range";
    let unshare = |how: &[&str], script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(how).args(["--net", "sh", "-c", script]);
        command.output()
    };
    // Root may; others where they may be root of a namespace of their own.
    let ways = [&[][..], &["--user", "--map-root-user"]];
    let works = |how: &&[&str]| unshare(how, narrow).is_ok_and(|tried| tried.status.success());
    let Some(how) = ways.into_iter().find(works) else {
        missing("without_local_ports", "a network namespace (unshare --net, ip)");
        return;
    };
    let plan = plan("http://127.0.0.1:8080", 60);
    let script = format!(
        r#"{narrow}
        "{BINARY}" serve --http 127.0.0.1:8080 >/dev/null & served=$!
        trap 'kill $served' EXIT
        until "{BINARY}" http http://127.0.0.1:8080/ -n 1 --quiet --threshold 'failures.count == 0' >/dev/null; do sleep 0.1; done
        "{BINARY}" run "{}" --out "{}""#,
        plan.path().display(),
        plan.results().display()
    );
    let output = unshare(how, &script).expect("unshare runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let summary = std::fs::read_to_string(plan.results().join("summary.json")).expect("a stored run");
    assert_exhausted(&serde_json::from_str(&summary).expect("JSON"), "ports_exhausted", "ports");
    assert!(stderr.contains("ports_exhausted: connecting to 127.0.0.1:8080"), "{stderr}");
}
