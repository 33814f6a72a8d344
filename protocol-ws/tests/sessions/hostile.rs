//! Servers that do not behave after the handshake: each way has its failure kind, its story, and its end before the time-out.

use prony_core::FailureKind;

use crate::server::Server;
use crate::world::{once, run, world};

/// What the server sends in hexadecimal digits, the failure, a part of what is told, and the code of the CLOSE it gets.
const WAYS: [(&str, FailureKind, &str, u16); 21] = [
    ("8185000000000000000000", FailureKind::Protocol, "masked", 1002),
    ("c100", FailureKind::Protocol, "reserved bit", 1002),
    ("a100", FailureKind::Protocol, "reserved bit", 1002),
    ("9100", FailureKind::Protocol, "reserved bit", 1002),
    ("8300", FailureKind::Protocol, "reserved opcode 0x3", 1002),
    ("8f00", FailureKind::Protocol, "reserved opcode 0xf", 1002),
    ("0900", FailureKind::Protocol, "control frame in fragments", 1002),
    ("0800", FailureKind::Protocol, "control frame in fragments", 1002),
    ("897e007e", FailureKind::Protocol, "control frame of 126", 1002),
    ("827f0000000100000000", FailureKind::TooLarge, "max_message", 1009),
    ("827fffffffffffffffff", FailureKind::TooLarge, "max_message", 1009),
    ("8000", FailureKind::Protocol, "continuation of no message", 1002),
    ("01016182026162", FailureKind::Protocol, "before the last one", 1002),
    ("8102c328", FailureKind::Protocol, "no UTF-8", 1007),
    ("0102c3288000", FailureKind::Protocol, "no UTF-8", 1007),
    ("880103", FailureKind::Protocol, "half a code", 1002),
    ("880203e7", FailureKind::Protocol, "code 999", 1002),
    ("880203ed", FailureKind::Protocol, "code 1005", 1002),
    ("88020fff8100", FailureKind::GoAway, "code 4095", 4095),
    ("880403e8c328", FailureKind::Protocol, "reason", 1007),
    ("880403e86279", FailureKind::GoAway, "`by`", 1000),
];

#[test]
fn each_broken_rule_is_told_and_the_server_hears_of_it() {
    let server = Server::start();
    run(async {
        for (hex, kind, part, code) in WAYS {
            let before = server.seen().ended;
            let (exchange, mut world, session) =
                once(&server.url(&format!("/raw={hex}")), "{timeout: 10s}", "receive").await;
            let told = exchange.detail.unwrap_or_default();
            assert_eq!(exchange.outcome.failure, Some(kind), "{hex}: {told}");
            assert!(told.contains(part), "{hex}: {told}");
            if kind == FailureKind::GoAway {
                assert_eq!(exchange.outcome.status, Some(code), "{hex}");
            }
            // The CLOSE is on its way when the step ends.
            server.until(|seen| seen.ended > before).await;
            drop(session);
            assert_eq!(world.metrics().get("ws.connections_lost"), Some(&1.0), "{hex}");
        }
    });
}

#[test]
fn what_never_becomes_whole_times_out() {
    let server = Server::start();
    run(async {
        for hex in ["", "81", "817e", "81056865", "010161", "827f0000000000000f"] {
            let (exchange, _, _) =
                once(&server.url(&format!("/raw={hex}")), "{timeout: 200ms}", "receive").await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{hex}: {exchange:?}");
        }
    });
}

#[test]
fn connections_that_end_are_told_by_how_they_end() {
    let server = Server::start();
    run(async {
        for (path, step, kinds, part) in [
            ("/drop", "request hello", &[FailureKind::Closed, FailureKind::Reset][..], ""),
            ("/reset", "request hello", &[FailureKind::Reset, FailureKind::Closed], ""),
            ("/echo", "request please close", &[FailureKind::GoAway], "4001 (`enough`)"),
            ("/nopong", "{ping: true, timeout: 200ms}", &[FailureKind::Timeout], "no PONG"),
            ("/silent", "{request: hello, timeout: 200ms}", &[FailureKind::Timeout], "no answer"),
            ("/silent", "{close: true, timeout: 200ms}", &[FailureKind::Timeout], "no CLOSE"),
        ] {
            let (exchange, _, _) = once(&server.url(path), "{}", step).await;
            let told = exchange.detail.unwrap_or_default();
            assert!(exchange.outcome.failure.is_some_and(|kind| kinds.contains(&kind)), "{path}: {told}");
            assert!(told.contains(part), "{path}: {told}");
        }
    });
}

#[test]
fn a_session_stays_usable_whatever_happened() {
    let server = Server::start();
    run(async {
        for order in ["please close", "hold this"] {
            let bad = format!("{{request: {order}, timeout: 200ms}}");
            let mut world = world(&server.url("/echo"), "{}", &[&bad, "request good"]);
            let mut session = world.session(0);
            for _ in 0..3 {
                let failed = world.perform(session.as_mut(), 0).await;
                assert!(failed.outcome.failure.is_some(), "{order}");
                let good = world.perform(session.as_mut(), 1).await;
                assert_eq!(good.outcome.failure, None, "after {order}: {good:?}");
            }
        }
    });
}

#[test]
fn silence_is_found_out_by_pings() {
    let server = Server::start();
    run(async {
        let settings = "{keep_alive: {every: 100ms, timeout: 200ms}}";
        let (exchange, mut world, session) = once(&server.url("/silent"), settings, "receive").await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
        assert!(exchange.detail.is_some_and(|told| told.contains("of a PING")));
        assert!(server.seen().frames.iter().any(|(first, _)| *first == 0x89));
        drop(session);
        assert_eq!(world.metrics().get("ws.connections_lost"), Some(&1.0));
        // Whoever answers is left in peace.
        let (exchange, mut world, session) =
            once(&server.url("/echo"), settings, "{receive: true, timeout: 1s}").await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout));
        drop(session);
        assert_eq!(world.metrics().get("ws.connections_lost"), None);
    });
}
