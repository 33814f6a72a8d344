//! Receivers that hang, refuse, reset, answer with errors or with garbage: the run is what it was, and the loss is told.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value as Json;

use super::spoiled;
use crate::binary::{Finished, Prony, Served};
use crate::servers::Server;

/// The kinds that wait for an answer, at an address.
fn outputs(url: &str) -> [String; 4] {
    [
        format!("remote_write={{url: {url}/w, period: 1s, timeout: 500ms}}"),
        format!("otlp={{url: {url}, over: http, period: 1s, timeout: 500ms}}"),
        format!("otlp={{url: {url}, over: grpc, period: 1s, timeout: 500ms}}"),
        format!("influxdb={{url: {url}, database: load, period: 1s, timeout: 500ms}}"),
    ]
}

/// Runs against a receiver: a run as it is without one, in which each of the four outputs tells of its loss in words with
/// one of `words`.
fn told(url: &str, words: &[&str]) {
    let target = Served::start();
    let outputs = outputs(url);
    let flags: Vec<&str> = outputs.iter().flat_map(|output| ["--output", output]).collect();
    let plan = spoiled(&target);
    let run = Prony::run(&plan).arguments(&flags).finish_within(Duration::from_secs(170));
    assert!([0, 4].contains(&run.exit_code()), "{}{}", run.stdout, run.stderr);
    is_whole(&run, &target);
    let notes: Vec<&str> = run.stderr.lines().filter(|line| line.contains("note: output ")).collect();
    assert_eq!(notes.len(), 4, "{}", run.stderr);
    for note in notes {
        assert!(words.iter().any(|word| note.contains(word)), "{note}");
        assert!(
            note.contains("pushes were lost") && note.contains("the run's own results are whole"),
            "{note}"
        );
    }
}

/// Everything was sent that the plan says, and all that was sent is in the result.
fn is_whole(run: &Finished, target: &Served) {
    let summary: Json = run.summary();
    assert_eq!(summary["scenarios"]["browse"]["iterations"]["started"], 300, "{summary:#}");
    assert_eq!(summary["scenarios"]["browse"]["steps"]["GET /items, all"]["requests"], 300);
    assert_eq!(summary["scenarios"]["buy"]["steps"]["POST /cart"]["requests"], 60);
    // A request that timed out early may never have left.
    let requests = summary["run"]["requests"].as_u64().expect("a count");
    assert!(target.requests_seen() <= requests && target.requests_seen() + 60 >= requests, "{requests}");
    let seconds: u64 = ["browse", "buy"]
        .into_iter()
        .flat_map(|scenario| run.timeline(scenario))
        .map(|second| second["requests"].as_u64().expect("a count"))
        .sum();
    assert_eq!(seconds, requests);
}

#[test]
fn a_receiver_that_hangs_costs_no_more_than_its_stream() {
    let server = Server::tcp(|peer| peer.wait_for_end());
    told(&server.http(), &["no answer within 500ms"]);
}

#[test]
fn a_receiver_that_is_not_there_is_told_of() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    told(&format!("http://{address}"), &["refused"]);
}

#[test]
fn a_receiver_that_resets_is_told_of() {
    let server = Server::tcp(|peer| peer.reset());
    told(
        &server.http(),
        &["reset", "closed", "broken pipe", "connection error", "canceled", "before message"],
    );
}

#[test]
fn a_receiver_that_answers_with_errors_is_told_of_in_its_words() {
    for (status, words) in [
        ("500 Internal Server Error", "answered 500 Internal Server Error: no disk"),
        ("429 Too Many Requests", "answered 429 Too Many Requests: no disk"),
        ("401 Unauthorized", "answered 401 Unauthorized: no disk"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nretry-after: 0\r\ncontent-length: 7\r\n\r\nno disk");
        let server = Server::saying(answer);
        // Over gRPC such a server is none: it does not speak HTTP/2.
        told(
            &server.http(),
            &[words, "http2 error", "frame", "connection error", "closed", "no answer within 500ms"],
        );
    }
}

#[test]
fn a_receiver_that_answers_with_garbage_is_told_of() {
    let garbage: Vec<u8> =
        (0..4_096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let server = Server::saying(garbage);
    told(
        &server.http(),
        &["invalid", "http2 error", "frame", "connection error", "closed", "no answer within 500ms", "error"],
    );
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::tcp(|peer| {
        if peer.request().is_some() && peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n") {
            let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
            for _ in 0..10_000 {
                if !peer.send(chunk.as_bytes()) {
                    return;
                }
            }
        }
    });
    told(
        &server.http(),
        &["reading its answer", "no answer within 500ms", "http2 error", "frame", "connection error"],
    );
}

#[test]
fn datagrams_that_nobody_takes_are_told_of() {
    let target = Served::start();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    drop(socket);
    let output = format!("statsd={address}");
    let plan = spoiled(&target);
    let run = Prony::run(&plan).arguments(&["--output", &output]).finish();
    is_whole(&run, &target);
    assert!(run.stderr.contains(&format!("note: output statsd {address}: ")), "{}", run.stderr);
    assert!(run.stderr.contains("refused"), "{}", run.stderr);
}

#[test]
fn a_page_that_nobody_fetches_is_told_of_and_holds_nobody_up() {
    let target = Served::start();
    let output = "prometheus={address: '127.0.0.1:0', linger: 1h}";
    let plan = spoiled(&target);
    let run = Prony::run(&plan).arguments(&["--output", output]).finish();
    is_whole(&run, &target);
    assert!(run.stderr.contains("nobody has fetched its page"), "{}", run.stderr);
    assert!(run.stderr.contains("note: prometheus listens at http://127.0.0.1:"), "{}", run.stderr);
}
