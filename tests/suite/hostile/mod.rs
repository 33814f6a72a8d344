//! Servers that misbehave. Each has a scenario of its own, all of a table run side by side in one process: a failure of
//! its kind is counted for every request, said once in words, and hurts nobody beside it.

use std::time::Duration;

use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony};
use crate::servers::{Peer, Server};

mod http1;
mod http2;
mod limits;
mod tls;

const USERS: u64 = 2;
const ITERATIONS: u64 = 3;
/// Requests of a case.
const ALL: u64 = USERS * ITERATIONS;

/// What must come of every request of a case.
enum Expected {
    /// An answer, and no failure.
    Answered,
    /// A failure of this kind, with a notice that says this.
    Failed(&'static str, &'static str),
    /// A failure of one of these kinds: which, is a race between the server and Prony.
    Either([&'static str; 2]),
}
use Expected::{Answered, Either, Failed};

/// A server, what is asked of it, and what must come of it.
struct Case {
    name: &'static str,
    server: Server,
    target: String,
    /// The scenario's `http:`.
    http: String,
    /// Further keys of the scenario.
    further: String,
    steps: String,
    expected: Expected,
    /// Connections that the server must have taken.
    connections: Option<u64>,
}

fn case(name: &'static str, server: Server, expected: Expected) -> Case {
    Case {
        name,
        target: server.http(),
        server,
        http: "timeout: 10s".to_owned(),
        further: String::new(),
        steps: "[{http: GET /}]".to_owned(),
        expected,
        connections: None,
    }
}

impl Case {
    fn http(self, settings: &str) -> Self {
        Self { http: settings.to_owned(), ..self }
    }

    fn steps(self, steps: &str) -> Self {
        Self { steps: steps.to_owned(), ..self }
    }

    fn further(self, further: &str) -> Self {
        Self { further: further.to_owned(), ..self }
    }

    /// Over TLS, by name; `ca` is the file to trust.
    fn https(self, ca: &str) -> Self {
        let further = format!("tls: {{ca: {ca}, roots: none}}");
        Self { target: self.server.https(), further, ..self }
    }

    /// Each user opens a new connection for every request, or keeps its one.
    fn connections(self, connections: u64) -> Self {
        Self { connections: Some(connections), ..self }
    }
}

/// A plan with a scenario a case.
fn plan(cases: &[Case]) -> Plan {
    let mut text = "scenarios:\n".to_owned();
    for Case { name, target, http, further, steps, .. } in cases {
        text.push_str(&format!(
            "  {name}:\n    target: {target}\n    load: {{users: {USERS}, iterations: {ITERATIONS}, at_most: 30s}}\n    \
             graceful_stop: 1s\n    http: {{{http}}}\n    steps: {steps}\n"
        ));
        if !further.is_empty() {
            text.push_str(&format!("    {further}\n"));
        }
    }
    Plan::new(&text)
}

fn assert_all(cases: &[Case]) -> Json {
    assert_all_by(cases, &plan(cases))
}

/// The summary, for whoever looks further.
fn assert_all_by(cases: &[Case], plan: &Plan) -> Json {
    let run = Prony::run(plan).finish_within(Duration::from_secs(40));
    assert_sound(&run);
    let summary = run.summary();
    for case in cases {
        let name = case.name;
        let scenario = &summary["scenarios"][name];
        let shown = || format!("{name}: {:#}\n{}", scenario["failures"], run.stderr);
        assert_eq!(scenario["requests"], requests_of(case), "{}", shown());
        match case.expected {
            Answered => assert_eq!(scenario["failures"]["total"], 0, "{}", shown()),
            Failed(kind, notice) => {
                assert_eq!(scenario["failures"]["by_kind"], serde_json::json!({kind: ALL}), "{}", shown());
                let told = run.stderr.lines().any(|line| {
                    line.starts_with(&format!("{name}: "))
                        && line.contains(&format!(": {kind}: "))
                        && line.contains(notice)
                });
                assert!(told, "{name}: no notice says `{notice}`: {}", run.stderr);
            }
            Either(kinds) => {
                let counted = kinds.map(|kind| scenario["failures"]["by_kind"][kind].as_u64().unwrap_or(0));
                assert_eq!(counted.iter().sum::<u64>(), ALL, "{}", shown());
            }
        }
        if let Some(connections) = case.connections {
            assert_eq!(case.server.connections(), connections, "{}", shown());
        }
    }
    summary
}

/// A step a request; pauses do not count.
fn requests_of(case: &Case) -> u64 {
    case.steps.matches("http:").count() as u64 * ALL
}

/// It ended, without a panic, and its counts add up.
fn assert_sound(run: &Finished) {
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    // Thresholds there are none; on a machine that is busy with other tests the verdict may be INVALID.
    assert!(matches!(run.exit_code(), 0 | 4), "{}\n{}", run.exit_code(), run.stderr);
    let summary = run.summary();
    let number = |json: &Json| json.as_u64().unwrap_or_else(|| panic!("no number: {json}"));
    let sum = |json: &Json| json.as_object().expect("a map").values().map(number).sum::<u64>();
    for (name, scenario) in summary["scenarios"].as_object().expect("scenarios") {
        let iterations = &scenario["iterations"];
        let ends = ["completed", "failed", "cut"].map(|end| number(&iterations[end]));
        assert_eq!(number(&iterations["started"]), ends.iter().sum::<u64>(), "{name}: {iterations}");
        assert_eq!(number(&scenario["failures"]["total"]), sum(&scenario["failures"]["by_kind"]), "{name}");
        // Requests that were cut off or never made have no times.
        let kinds = &scenario["failures"]["by_kind"];
        let timeless = ["cut", "request"].map(|kind| kinds[kind].as_u64().unwrap_or(0)).iter().sum::<u64>();
        let times = &scenario["response_time_us"]["count"];
        assert_eq!(number(times) + timeless, number(&scenario["requests"]), "{name}");
        assert!(sum(&scenario["statuses"]) <= number(&scenario["requests"]), "{name}");
        let connections = ["opened", "closed"].map(|event| number(&scenario["connections"][event]));
        assert!(connections[0] >= connections[1], "{name}: {connections:?}");
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const BODY: &str = r#"[{http: GET /, check: body == "hello"}]"#;

/// Sends the same bytes again and again until the client is gone.
fn flood(peer: &mut Peer, bytes: &[u8]) {
    while peer.send(bytes) {}
}
