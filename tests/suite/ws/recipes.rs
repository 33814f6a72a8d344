//! The plans of docs/websocket-recipes.md, against the servers that they are for.

use super::servers::{Maker, Server};
use super::{repository, run};
use crate::binary::{Plan, Prony};

/// The plan under a heading.
fn recipe(heading: &str) -> String {
    let text = std::fs::read_to_string(repository().join("docs/websocket-recipes.md")).expect("the document");
    let (_, behind) = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{heading}"));
    let (_, block) = behind.split_once("```yaml\n").expect("a plan");
    let (plan, _) = block.split_once("```").expect("its end");
    plan.replace("for: 30s", "for: 3s")
}

/// Runs it small; its steps all were taken and nothing failed.
fn holds(server: &Server, heading: &str, steps: &[&str]) {
    let text = recipe(heading);
    // How fast this machine is, beside other tests, is no matter of it.
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("_time.p99")).collect();
    let plan = Plan::new(&kept.join("\n"));
    let finished = Prony::run(&plan).environment("TARGET", &server.url()).finish();
    assert!(matches!(finished.exit_code(), 0 | 4), "{heading}\n{}\n{}", finished.stdout, finished.stderr);
    let summary = finished.summary();
    assert_eq!(summary["run"]["failures"]["total"], 0, "{heading}\n{}", finished.stdout);
    let scenarios = summary["scenarios"].as_object().expect("scenarios");
    for (name, scenario) in scenarios {
        for step in steps {
            let taken = scenario["steps"][step]["requests"].as_u64();
            assert!(taken.is_some_and(|taken| taken > 0), "{heading}: {name} / {step}\n{}", finished.stdout);
        }
    }
}

#[test]
fn socket_io() {
    let Some(server) = Server::start("socket_io", Maker::SocketIo) else { return };
    holds(&server, "Socket.IO", &["connect", "enter", "add", "heartbeat"]);
    holds(&server, "Rooms of Socket.IO", &["join", "say", "heard"]);
    // A namespace that refuses, and one that does not.
    let plan = |auth: &str, told: &str| {
        format!(
            "target: TARGET\nws: {{path: '/socket.io/?EIO=4&transport=websocket'}}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 1}}\n    steps:\n      - ws: connect\n      - ws: {{request: '40/admin,{auth}', match: 'regex /^4[04](\\/admin)/'}}\n        check: body contains '{told}'\n"
        )
    };
    run(&server.url(), &plan("{\"token\":\"secret\"}", "\"sid\"")).assert_clean("the namespace");
    run(&server.url(), &plan("{}", "no token")).assert_clean("the namespace's refusal");
}

#[test]
fn graphql_transport_ws() {
    let Some(server) = Server::start("graphql_transport_ws", Maker::GraphQl) else { return };
    holds(&server, "GraphQL queries", &["connect", "init", "hello", "complete"]);
    holds(&server, "GraphQL subscriptions", &["subscribe", "fifty", "complete"]);
    // Who is not let in is told by a code.
    let plan = "target: TARGET\nws: {path: /graphql, subprotocols: [graphql-transport-ws]}\nscenarios:\n  main:\n    load: {users: 2, iterations: 1}\n    steps:\n      - ws: connect\n      - ws: {request: {json: {type: connection_init, payload: {token: wrong}}}}\n";
    let ran = run(&server.url(), plan);
    assert_eq!(ran.kinds(), ["goaway"], "{}", ran.stdout);
    assert!(ran.stdout.contains("4403"), "{}", ran.stdout);
}
