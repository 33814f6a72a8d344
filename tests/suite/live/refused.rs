//! Who may not look and may not steer; and what those who may send is looked at.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{PATIENCE, WebRun, shop};
use crate::binary::{Prony, Served};
use crate::processes::within;

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

#[test]
fn orders_need_the_token_and_come_from_no_other_origin() {
    let target = Served::start();
    let run = WebRun::start(shop(&target, 60), &[]);
    let (host, token) = run.parts();
    let (own, port) = (format!("http://{host}"), host.rsplit_once(':').expect("a port").1);
    let pause = "{\"action\": \"pause\"}";
    let rebound = format!("evil.test:{port}");
    for (headers, expected) in [
        (vec![], "403"),
        (vec![("x-prony-token", "wrong")], "403"),
        (vec![("x-prony-token", &token[1..])], "403"),
        (vec![("x-prony-token", token), ("origin", "http://evil.test")], "403"),
        (vec![("x-prony-token", token), ("origin", "null")], "403"),
        (vec![("x-prony-token", token), ("host", rebound.as_str())], "403"),
        (vec![("x-prony-token", token), ("host", "evil.test"), ("origin", "http://evil.test")], "403"),
    ] {
        let answer = run.order(&headers, pause);
        assert_eq!(status(&answer), expected, "{headers:?}: {answer}");
    }
    let right = [("x-prony-token", token), ("origin", own.as_str())];
    for body in [
        "",
        "[]",
        "{}",
        "pause",
        "{\"action\": \"halt\"}",
        "{\"action\": \"load\"}",
        "{\"action\": \"pause\", \"x\": 1}",
        "{\"action\": \"load\", \"percent\": -1}",
        "{\"action\": \"load\", \"percent\": 0}",
        "{\"action\": \"load\", \"percent\": 1001}",
    ] {
        let answer = run.order(&right, body);
        assert_eq!(status(&answer), "400", "{body}: {answer}");
        assert!(answer.contains("expected {\"action\""), "{answer}");
    }
    assert_eq!(status(&run.order(&right, &"x".repeat(5_000))), "400");
    for (request, expected) in [
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"), "200"),
        (format!("GET / HTTP/1.1\r\nhost: evil.test:{port}\r\n\r\n"), "403"),
        (format!("GET /events HTTP/1.1\r\nhost: {host}\r\n\r\n"), "403"),
        (format!("GET /events?token=wrong HTTP/1.1\r\nhost: {host}\r\n\r\n"), "403"),
        (
            format!("GET /events?token={token} HTTP/1.1\r\nhost: {host}\r\norigin: http://evil.test\r\n\r\n"),
            "403",
        ),
        (format!("GET /control HTTP/1.1\r\nhost: {host}\r\n\r\n"), "405"),
        (format!("GET /../etc/passwd HTTP/1.1\r\nhost: {host}\r\n\r\n"), "404"),
        ("\0\u{1}nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = run.ask(&request);
        assert_eq!(status(&answer), expected, "{request}: {answer}");
    }
    let page = run.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    for header in [
        "content-security-policy: default-src 'none'; script-src 'sha256-",
        "frame-ancestors 'none'",
        "connect-src 'self'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(page.contains(header), "{header}");
    }
    assert!(!page.contains(token) && !page.contains("shop"), "nothing of the run without the token");
    // Nothing of all that has changed anything; the right one does.
    assert_eq!(status(&run.order(&right, "{\"action\": \"stop\"}")), "202");
    let (code, summary, output) = run.finish();
    assert_eq!((code, summary["ended"].as_str()), (130, Some("interrupted")));
    let changes = summary["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0]["change"].as_str(), changes[0]["origin"].as_str()), (Some("stop"), Some("web")));
    assert!(output.contains("steered by hand") && output.contains("by hand: stopped"), "{output}");
}

#[test]
fn browsers_that_do_not_read_hold_nothing_up() {
    let target = Served::start();
    let run = WebRun::start(shop(&target, 4), &[]);
    let (host, token) = run.parts();
    let deaf: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut stream = TcpStream::connect(host).expect("it listens");
            // Some ask and never read, some do not even ask.
            if number % 4 != 0 {
                write!(stream, "GET /events?token={token} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("sent");
            }
            stream
        })
        .collect();
    let (code, summary, output) = run.finish();
    drop(deaf);
    let browse = &summary["scenarios"]["browse"];
    assert_eq!(
        (browse["due"].as_u64(), browse["dropped"]["total"].as_u64()),
        (Some(200), Some(0)),
        "{output}"
    );
    assert!(code == 0 || code == 4, "{output}");
}

#[test]
fn the_run_so_far_comes_to_whoever_comes_late() {
    let target = Served::start();
    let run = WebRun::start(shop(&target, 60), &[]);
    let (host, token) = run.parts();
    let mut first = TcpStream::connect(host).expect("it listens");
    first.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(first, "GET /events?token={token} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("sent");
    let mut text = String::new();
    let mut bytes = [0; 65_536];
    assert!(within(PATIENCE, || {
        let length = first.read(&mut bytes).expect("it talks");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        // A second of the run each.
        text.matches("seconds_a_bin").count() >= 4
    }));
    drop(first);
    let mut late = TcpStream::connect(host).expect("it listens");
    late.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(late, "GET /events?token={token} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("sent");
    let mut text = String::new();
    while !text.contains("\n\n") {
        let length = late.read(&mut bytes).expect("it talks");
        assert!(length > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    let data = text.split("data: ").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a message");
    // Pieces of the transfer coding stand between the head and the data only while a message is one piece.
    let message: serde_json::Value = serde_json::from_str(data.trim()).expect("JSON");
    assert!(message["seconds"].as_array().is_some_and(|seconds| seconds.len() >= 3), "{message}");
    assert_eq!(message["whole"]["run"]["summary"]["plan"], "browse shop");
}

#[test]
fn a_place_that_is_taken_or_no_place_is_told_before_the_load() {
    let target = Served::start();
    let plan = shop(&target, 1);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("--ui=web={}", taken.local_addr().expect("an address"));
    let refused = Prony::run(&plan).arguments(&[&address]).finish();
    assert_eq!(refused.exit_code(), 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing can be served there"), "{}", refused.stderr);
    for (ui, told) in [
        ("tui", "expected plain, terminal, web, or web=ADDRESS"),
        ("web=nowhere:1", "expected a port, as 8080"),
    ] {
        let refused = Prony::run(&plan).arguments(&["--ui", ui]).finish();
        assert_eq!(refused.exit_code(), 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    assert_eq!(target.requests_seen(), 0, "nothing was sent");
}

#[test]
fn without_a_terminal_progress_is_told_in_lines() {
    let target = Served::start();
    let plan = shop(&target, 1);
    let run = Prony::run(&plan).arguments(&["--ui", "terminal"]).finish();
    assert!(run.stderr.contains("--ui terminal needs a terminal"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}') && run.stdout.contains("browse shop"), "{}", run.stdout);
    assert_eq!(run.summary()["changes"], serde_json::json!([]));
}
