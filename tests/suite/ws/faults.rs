//! Servers that break the rules: each fault is a failure of its own kind, and none holds a user beyond its time.

use super::run;
use crate::binary::Served;

/// What befalls the handshake, and what kind of failure it is.
const HANDSHAKES: [(&str, &str); 16] = [
    ("handshake_delay=5ms", "ok"),
    ("greeting=3", "ok"),
    ("status=404", "status_4xx"),
    ("status=503", "status_5xx"),
    ("status=200", "status"),
    ("redirect=/room/x", "status"),
    ("handshake=wrong_accept", "protocol"),
    ("handshake=no_accept", "protocol"),
    ("handshake=half", "closed"),
    ("handshake=silent", "timeout"),
    ("handshake=hang_up", "closed"),
    ("handshake=reset", "reset"),
    ("protocol=nobody.asked", "protocol"),
    ("extensions=permessage-deflate", "protocol"),
    ("handshake_delay=5s", "timeout"),
    ("login", "status_4xx"),
];

/// What befalls the first answer, and what kind of failure it is.
const MESSAGES: [(&str, &str); 21] = [
    ("delay=5ms", "ok"),
    ("ignore=100%", "timeout"),
    ("close", "goaway"),
    ("close=1000", "goaway"),
    ("close=4001&reason=bye", "goaway"),
    ("hang_up", "closed"),
    ("reset", "reset"),
    ("no_reply", "timeout"),
    ("no_pong", "timeout"),
    ("half_frame", "closed"),
    ("stuck_frame", "timeout"),
    ("masked", "protocol"),
    ("reserved_bit", "protocol"),
    ("bad_opcode", "protocol"),
    ("bad_utf8", "protocol"),
    ("bad_continuation", "protocol"),
    ("interrupted", "protocol"),
    ("long_ping", "protocol"),
    ("part_ping", "protocol"),
    ("short_close", "protocol"),
    ("bad_close", "protocol"),
];

/// Two more whose plan takes messages of 1 MB at most.
const LONG: [(&str, &str); 2] = [("oversized=5MB", "too_large"), ("endless", "too_large")];

fn plan_of(fault: &str, steps: &str) -> String {
    format!(
        "target: TARGET\nws: {{timeout: 500ms, path: '/echo?{fault}'}}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 2}}\n    steps:\n{steps}"
    )
}

/// What is wrong with how `fault` was told.
fn told(served: &Served, fault: &str, kind: &str, steps: &str) -> Option<String> {
    let ran = run(served.ws(), &plan_of(fault, steps));
    let kinds = ran.kinds();
    // A connection that ends with something unread in it ends by a reset, and a reset may look like an end.
    let alike = match kind {
        "closed" => kinds.contains(&"reset"),
        "reset" => kinds.contains(&"closed"),
        _ => false,
    };
    let fits = if kind == "ok" { kinds.is_empty() } else { kinds.contains(&kind) || alike };
    (!fits).then(|| format!("{fault}: expected {kind}, found {kinds:?}\n{}", ran.stdout))
}

#[test]
fn every_fault_of_a_handshake_is_a_failure_of_its_kind() {
    let served = Served::with_websocket();
    let steps = "      - ws: connect\n";
    let wrong: Vec<String> =
        HANDSHAKES.iter().filter_map(|(fault, kind)| told(&served, fault, kind, steps)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_of_a_message_is_a_failure_of_its_kind() {
    let served = Served::with_websocket();
    let steps = "      - ws: connect\n      - ws: request hello\n";
    let faults = MESSAGES.iter().chain(&LONG);
    let wrong: Vec<String> = faults.filter_map(|(fault, kind)| told(&served, fault, kind, steps)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_breaks_later_spares_what_came_before() {
    let served = Served::with_websocket();
    let steps = "      - ws: connect\n      - repeat: 3\n        steps:\n          - ws: request hello\n";
    for (fault, kind) in
        [("close=1012&after=2", "goaway"), ("masked&after=2", "protocol"), ("no_reply&after=2", "timeout")]
    {
        let ran = run(served.ws(), &plan_of(fault, steps));
        let request = ran.step("request");
        assert_eq!(request["requests"], 12, "{fault}\n{}", ran.stdout);
        assert_eq!(request["failures"]["by_kind"][kind], 4, "{fault}\n{}", ran.stdout);
    }
}

#[test]
fn pings_that_nobody_answers_end_a_silent_connection() {
    let served = Served::with_websocket();
    let plan = "target: TARGET\nws: {path: '/sink?no_pong&early', keep_alive: {every: 200ms, timeout: 300ms}}\nscenarios:\n  main:\n    load: {users: 3, iterations: 1}\n    steps:\n      - ws: connect\n      - stay: 3s\n";
    let ran = run(served.ws(), plan);
    assert_eq!(ran.sum("ws.connections_lost"), 3.0, "{}", ran.stdout);
    assert_eq!(ran.step("stay")["failures"]["by_kind"]["timeout"], 3, "{}", ran.stdout);
    let plan = plan.replace("no_pong&early", "").replace("/sink?", "/sink");
    let ran = run(served.ws(), &plan);
    assert_eq!(ran.sum("ws.connections_lost"), 0.0, "{}", ran.stdout);
}

#[test]
fn answers_that_overtake_each_other_are_found_by_their_key() {
    let served = Served::with_websocket();
    let plan = "target: TARGET\nws: {path: '/echo?delay=uniform(0ms,30ms)&unordered'}\nscenarios:\n  main:\n    load: {users: 4, iterations: 20}\n    steps:\n      - once: [{ws: connect}]\n      - ws: {send: {json: {id: none}}}\n      - ws: {request: {json: {id: '{{random.uuid}}'}}, match: json $.id}\n        check: json $.id exists\n";
    let ran = run(served.ws(), plan);
    ran.assert_clean("by key");
    assert_eq!(ran.step("request")["requests"], 80, "{}", ran.stdout);
}
