//! Receivers that do not take spans: the run is what it was, and the loss is told.

use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony, Served};
use crate::outputs::otlp::Receiver;
use crate::servers::Server;

/// Iterations of the run, each of one request.
const ITERATIONS: u64 = 120;

fn ran(output: &str) -> (Finished, Json) {
    let target = Served::start();
    let plan = Plan::new(&format!(
        r#"
target: {}
trace: 100%
scenarios:
  main: {{load: {{rate: 60/s, for: 2s}}, steps: [http: GET /items]}}
"#,
        target.http()
    ));
    let ran = Prony::run(&plan).arguments(&["--output", output]).finish();
    assert!([0, 4].contains(&ran.exit_code()), "{}{}", ran.stdout, ran.stderr);
    let summary = ran.summary();
    assert_eq!(summary["run"]["requests"], ITERATIONS);
    assert_eq!(target.requests_seen(), ITERATIONS, "every request was made");
    assert_eq!(
        summary["traces"],
        serde_json::json!({"iterations": ITERATIONS, "requests": ITERATIONS, "lost": 0})
    );
    (ran, summary)
}

#[test]
fn spans_that_a_deaf_receiver_does_not_take_are_counted_and_told() {
    let hangs = Server::tcp(|peer| {
        peer.request();
        peer.wait_for_end();
    });
    for over in ["http", "grpc"] {
        let output = format!("otlp={{url: {}, over: {over}, period: 1s, timeout: 500ms}}", hangs.http());
        let (ran, _) = ran(&output);
        let notes: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("note: output ")).collect();
        assert_eq!(notes.len(), 2, "{}", ran.stderr);
        let told = notes.iter().find(|note| note.contains("(traces)")).expect("a note of traces");
        let spans = 2 * ITERATIONS;
        assert!(told.contains(&format!("and with them {spans} of {spans} spans")), "{told}");
    }
}

#[test]
fn spans_that_a_receiver_refuses_are_told_in_its_words() {
    let Some(receiver) = Receiver::start("spans refused in part") else { return };
    let output =
        format!("otlp={{url: http://127.0.0.1:{}, period: 1s, headers: {{x-refuse: some}}}}", receiver.http);
    let (ran, _) = ran(&output);
    assert!(ran.stderr.contains("spans were refused (") && ran.stderr.contains("too old"), "{}", ran.stderr);
}

#[test]
fn no_spans_are_sent_where_they_are_not_wanted_and_elsewhere_it_must_be_said() {
    let Some(receiver) = Receiver::start("spans that are not wanted") else { return };
    let output = format!("otlp={{url: http://127.0.0.1:{}, period: 1s, traces: false}}", receiver.http);
    let (finished, _) = ran(&output);
    assert!(!finished.stderr.contains("note: output"), "{}", finished.stderr);
    assert!(receiver.all_requests().iter().all(|request| request["of"] == "metrics"));
    let plan = Plan::new(
        "target: http://127.0.0.1:9\ntrace: 1%\nscenarios: {main: {load: {users: 1, iterations: 1}, steps: [http: GET /]}}",
    );
    for (output, told) in [
        ("otlp=http://127.0.0.1:9/somewhere", "add `traces: /PATH`"),
        ("otlp={url: 'http://127.0.0.1:9', traces: somewhere}", "`/v1/traces`"),
    ] {
        let refused = Prony::run(&plan).arguments(&["--output", output]).finish();
        assert_eq!(refused.exit_code(), 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
}
