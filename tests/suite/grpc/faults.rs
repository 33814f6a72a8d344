//! Servers that break the rules: each fault is a failure of its own kind, and none holds a call beyond its time.

use super::run;
use crate::binary::Served;

/// What is ordered, and what kind of failure it is. `ok` is none.
const FAULTS: [(&str, &str); 24] = [
    ("delay=5ms", "ok"),
    ("status=UNAVAILABLE&message=try%20later", "status"),
    ("status=DEADLINE_EXCEEDED", "status"),
    ("status=77", "status"),
    ("status=INVALID_ARGUMENT&details", "status"),
    ("status=NOT_FOUND&trailers_only", "status"),
    ("reset", "reset"),
    ("reset=CANCEL", "reset"),
    ("reset=REFUSED_STREAM", "reset"),
    ("goaway=ENHANCE_YOUR_CALM", "goaway"),
    ("close", "closed"),
    ("abort", "reset"),
    ("no_reply", "timeout"),
    ("half_message", "protocol"),
    ("no_trailers", "protocol"),
    ("content_type=text/html", "protocol"),
    ("http_status=503", "status_5xx"),
    ("flag=2", "protocol"),
    ("flag=1", "decode"),
    ("encoding=gzip", "decode"),
    ("encoding=br", "decode"),
    ("oversized=5MB", "too_large"),
    ("after=0&reset", "reset"),
    ("early&status=UNAVAILABLE", "status"),
];

fn plan_of(fault: &str, more: &str) -> String {
    format!(
        "target: TARGET\ngrpc: {{timeout: 300ms{more}}}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 3}}\n    steps:\n      - grpc: {{call: prony.demo.v1.Shop/Echo, data: {{text: hello}}, metadata: {{prony-fault: \"{fault}\"}}}}\n"
    )
}

#[test]
fn every_fault_is_a_failure_of_its_kind() {
    let served = Served::with_grpc();
    let mut wrong = Vec::new();
    for (fault, kind) in FAULTS {
        for more in ["", ", connections: {shared: 1}"] {
            let ran = run(served.grpc(), &plan_of(fault, more));
            let found = ran.failures().as_object().cloned().unwrap_or_default();
            let kinds: Vec<&str> =
                found.iter().filter(|(_, count)| **count != 0).map(|(kind, _)| kind.as_str()).collect();
            // A connection that ends with something unread in it ends by a reset, and a reset may look like an end.
            let alike = match kind {
                "closed" => kinds.contains(&"reset"),
                "reset" if fault == "abort" => kinds.contains(&"closed"),
                _ => false,
            };
            let fits = if kind == "ok" { kinds.is_empty() } else { kinds.contains(&kind) || alike };
            if !fits {
                wrong.push(format!("{fault}{more}: expected {kind}, found {kinds:?}"));
            }
            // The connection that one broke may take another with it; nothing is lost or hangs.
            assert_eq!(ran.main()["requests"], 6, "{fault}: {}", ran.stdout);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn streams_that_break_are_told_and_end() {
    let served = Served::with_grpc();
    for (fault, kind) in [
        ("endless", "timeout"),
        ("after=3&reset", "reset"),
        ("after=3&abort", "reset"),
        ("after=3&no_reply", "timeout"),
        ("after=3&half_message", "protocol"),
        ("after=3&no_trailers", "protocol"),
        ("after=3&status=ABORTED", "status"),
    ] {
        let plan = format!(
            "target: TARGET\ngrpc: {{timeout: 400ms}}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 2}}\n    steps:\n      - name: watch\n        grpc: {{call: prony.demo.v1.Shop/Watch, data: {{count: 10}}, metadata: {{prony-fault: \"{fault}\"}}}}\n      - name: chat\n        grpc: {{call: prony.demo.v1.Shop/Chat, data: {{key: a}}, count: 10, metadata: {{prony-fault: \"{fault}\"}}}}\n"
        );
        let ran = run(served.grpc(), &plan);
        for step in ["watch", "chat"] {
            let failures = &ran.main()["steps"][step]["failures"];
            let mut counted = failures["by_kind"][kind].as_u64().unwrap_or(0);
            if fault.contains("abort") {
                // A reset that comes while something is being read may look like an end.
                counted += failures["by_kind"]["closed"].as_u64().unwrap_or(0);
            }
            assert_eq!(counted, 4, "{fault} {step}: {}", ran.stdout);
        }
    }
}

#[test]
fn a_clean_goaway_costs_no_call() {
    let served = Served::with_grpc();
    let plan = "target: TARGET\ngrpc: {connections: {shared: 2}}\nscenarios:\n  main:\n    load: {users: 8, for: 2s}\n    steps:\n      - grpc: {call: prony.demo.v1.Shop/Echo, metadata: {prony-fault: \"goaway&share=2%\"}}\n      - think: 1ms\n";
    let ran = run(served.grpc(), plan);
    assert_eq!(ran.main()["failures"]["total"], 0, "{}", ran.stdout);
    let goaways = ran.main()["metrics"]["grpc.goaways"]["sum"].as_f64();
    assert!(goaways.is_some_and(|sum| sum > 3.0), "{}", ran.stdout);
}
