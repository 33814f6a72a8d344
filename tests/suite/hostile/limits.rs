//! Answers without measure or end, in size and in time: memory and time stay bounded.

use std::io::Write;
use std::time::Duration;

use crate::binary::{Plan, Prony};
use crate::hostile::{ALL, Failed, assert_all, assert_sound, case, flood};
use crate::servers::{Peer, Server};

#[test]
fn answers_without_measure() {
    let line = format!("x-long: {}", "y".repeat(1 << 20));
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let coded = |body: &[u8]| {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let endless = |head: &'static str, piece: &'static [u8]| {
        let piece = piece.repeat(64 * 1024 / piece.len());
        Server::tcp(move |peer| {
            peer.request();
            peer.send(head.as_bytes());
            flood(peer, &piece);
        })
    };
    let hundred_gigabytes = "HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n";
    let looks = r#"[{http: {get: /, compression: [gzip]}, check: body contains "x"}]"#;
    let cases = [
        case(
            "header-of-a-megabyte",
            Server::saying_once(format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n")),
            Failed("too_large", "head of the answer is longer than 256 KiB"),
        ),
        case("endless-header", endless("HTTP/1.1 200 OK\r\nx: ", b"y"), Failed("too_large", "256 KiB")),
        case(
            "endless-headers",
            endless("HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
            Failed("protocol", "more than 128 headers"),
        ),
        case("endless-reason", endless("HTTP/1.1 200 ", b"OK "), Failed("too_large", "256 KiB")),
        case(
            "endless-chunk-line",
            endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"0"),
            Failed("protocol", "16 KiB"),
        ),
        case(
            "endless-trailers",
            endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
            Failed("protocol", "trailers are longer than 16 KiB"),
        ),
        case("max-body", endless(hundred_gigabytes, b"z"), Failed("too_large", "`max_body`"))
            .steps("[{http: {get: /, max_body: 1mb}}]"),
        case(
            "max-body-until-close",
            endless("HTTP/1.1 200 OK\r\n\r\n", b"z"),
            Failed("too_large", "`max_body`"),
        )
        .steps("[{http: {get: /, max_body: 1mb}}]"),
        case(
            "max-body-chunked",
            endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4\r\nzzzz\r\n"),
            Failed("too_large", "`max_body`"),
        )
        .steps("[{http: {get: /, max_body: 1mb}}]"),
        case(
            "kept-body",
            Server::saying(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n{}",
                "x".repeat(2_000_000)
            )),
            Failed("too_large", "`keep_body`"),
        )
        .steps(r#"[{http: GET /, check: body contains "x"}]"#),
        case(
            "gzip-bomb",
            Server::saying(coded(&gzip(&vec![0; 100_000_000]))),
            Failed("too_large", "decompressed"),
        )
        .steps(looks),
        case(
            "gzip-broken",
            Server::saying(coded(b"\x1f\x8b\x08 no more")),
            Failed("decode", "Content-Encoding"),
        )
        .steps(looks),
        case(
            "gzip-cut",
            Server::saying(coded(&gzip(b"xxxxxxxxxxxxxxxx")[..20])),
            Failed("decode", "Content-Encoding"),
        )
        .steps(looks),
        case(
            "coding-unknown",
            Server::saying("HTTP/1.1 200 OK\r\ncontent-encoding: rot13\r\ncontent-length: 1\r\n\r\nx"),
            Failed("decode", "rot13"),
        )
        .steps(looks),
    ];
    assert_all(&cases);
}

#[test]
fn a_hundred_gigabytes_are_counted_until_the_load_ends_and_kept_nowhere() {
    let server = Server::tcp(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n");
        flood(peer, &[b'z'; 64 * 1024]);
    });
    let plan = Plan::new(&format!(
        "target: {}\nhttp: {{timeout: 60s}}\nscenarios:\n  main:\n    load: {{users: 2, for: 1s}}\n    graceful_stop: 500ms\n    \
         steps: [{{http: GET /}}]\n",
        server.http()
    ));
    let run = Prony::run(&plan).finish_within(Duration::from_secs(20));
    assert_sound(&run);
    let summary = run.summary();
    let main = &summary["scenarios"]["main"];
    assert_eq!(main["failures"]["by_kind"], serde_json::json!({"cut": 2}), "{main:#}");
    assert_eq!(main["iterations"]["cut"], 2);
    let peak = summary["generator"]["peak_rss_bytes"].as_u64().expect("a size");
    assert!(peak < 200_000_000, "{peak} bytes of memory");
}

#[test]
fn answers_that_take_too_long() {
    let slow = "timeout: 400ms";
    let dripping = |head: &'static str| {
        Server::tcp(move |peer| {
            peer.request();
            peer.send(head.as_bytes());
            while peer.send(b"x") {
                peer.wait(Duration::from_millis(10));
            }
        })
    };
    let silent = || {
        Server::tcp(|peer| {
            peer.request();
            peer.wait_for_end();
        })
    };
    let flooding = |head: &'static str, bytes: &'static str| {
        let bytes = bytes.repeat(64 * 1024 / bytes.len());
        Server::tcp(move |peer| {
            peer.request();
            peer.send(head.as_bytes());
            flood(peer, bytes.as_bytes());
        })
    };
    assert_all(&[
        case("never", silent(), Failed("timeout", "no answer came within the time-out"))
            .http(slow)
            .connections(ALL),
        case("never-deaf", Server::tcp(Peer::wait_for_end), Failed("timeout", "no answer came")).http(slow),
        case("slow-head", dripping("HTTP/1.1 200 OK\r\nx: "), Failed("timeout", "was not complete"))
            .http(slow),
        case(
            "slow-body",
            dripping("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
            Failed("timeout", "was not complete"),
        )
        .http(slow),
        // As fast as it can: the time-out must come although there is always something to read.
        case(
            "fast-and-endless",
            flooding("HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n", "z"),
            Failed("timeout", "was not complete"),
        )
        .http(slow),
        case(
            "interim-for-ever",
            flooding("", "HTTP/1.1 100 Continue\r\n\r\n"),
            Failed("timeout", "was not complete"),
        )
        .http(slow),
        case("pool", silent(), Failed("timeout", "within the time-out"))
            .http("timeout: 300ms, connections: {shared: 1}"),
        case(
            "tls-never",
            Server::tcp(Peer::wait_for_end),
            Failed("tls_timeout", "TLS handshake took longer than 300ms"),
        )
        .https("ca.pem")
        .further("network: {tls_timeout: 300ms}"),
    ]);
}
