//! The handshake: what it says, and how it fails.

use prony_core::{FailureKind, Phase, Variables};

use crate::server::Server;
use crate::world::{ALL, compile, once, run, world};

#[test]
fn a_handshake_says_what_the_plan_says_and_is_timed() {
    let server = Server::start();
    run(async {
        let settings = "{headers: {x-user: 'u{{user.id}}'}, cookies: {a: '1', b: '2'}, subprotocols: [v2, v1], origin: 'https://a.test',
                         user_agent: tester, basic: {user: me, password: secret}, path: '/echo/{{user.id}}?q=1'}";
        let (exchange, mut world, session) = once(&server.url("/ignored"), settings, "connect").await;
        let outcome = exchange.outcome;
        assert_eq!((outcome.failure, outcome.status), (None, Some(101)), "{exchange:?}");
        for phase in [Phase::Connect, Phase::Send, Phase::Wait] {
            assert!(outcome.phases.get(phase).is_some(), "{phase:?}");
        }
        assert!(outcome.traffic.sent > 100 && outcome.traffic.received > 100);
        assert_eq!(session.reply().field("header", "X-From").as_deref(), Some("server"));
        assert_eq!(session.reply().field("header", "sec-websocket-protocol").as_deref(), Some("v1"));
        let head = server.seen().heads.remove(0);
        for line in [
            "GET /echo/0?q=1 HTTP/1.1",
            "x-user: u0",
            "Cookie: a=1; b=2",
            "Sec-WebSocket-Protocol: v2, v1",
            "Origin: https://a.test",
            "User-Agent: tester",
            "Authorization: Basic bWU6c2VjcmV0",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} in {head}");
        }
        drop(session);
        assert_eq!(world.metrics().get("ws.refused"), None);
    });
}

/// Path, failure, status, and a part of what is told.
const WAYS: [(&str, FailureKind, Option<u16>, &str); 16] = [
    ("not-http", FailureKind::Protocol, None, "no HTTP/1.1"),
    ("frames-first", FailureKind::Protocol, None, "no HTTP/1.1"),
    ("wrong-key", FailureKind::Protocol, None, "wrong Sec-WebSocket-Accept"),
    ("no-key", FailureKind::Protocol, None, "no Sec-WebSocket-Accept"),
    ("subprotocol", FailureKind::Protocol, None, "`other`, which was not offered"),
    ("extension", FailureKind::Protocol, None, "permessage-deflate"),
    ("endless", FailureKind::Protocol, None, "more than 128 headers"),
    ("endless-line", FailureKind::Protocol, None, "longer than"),
    ("forbidden", FailureKind::StatusClient, Some(403), "`not today`"),
    ("unavailable", FailureKind::StatusServer, Some(503), "`{\"error\": \"busy\"}`"),
    ("page", FailureKind::Status, Some(200), "HTTP status 200"),
    ("redirect", FailureKind::Status, Some(302), "set `redirects`"),
    ("close", FailureKind::Closed, None, "if it speaks TLS, try `wss://`"),
    ("half", FailureKind::Timeout, None, "no WebSocket within"),
    ("silence", FailureKind::Timeout, None, "no WebSocket within"),
    ("nowhere", FailureKind::Status, Some(302), "302"),
];

#[test]
fn handshakes_fail_each_in_its_way() {
    let server = Server::start();
    run(async {
        for (way, kind, status, part) in WAYS {
            let url = server.url(&format!("/handshake/{way}"));
            // Steps that need a connection fail as its own step does.
            for step in ["connect", "send hello", "{receive: true, timeout: 1s}"] {
                let (exchange, _, _) = once(&url, "{timeout: 1s}", step).await;
                let told = exchange.detail.unwrap_or_default();
                assert_eq!(
                    (exchange.outcome.failure, exchange.outcome.status),
                    (Some(kind), status),
                    "{way}: {told}"
                );
                assert!(told.contains(part), "{way}: {told}");
            }
        }
    });
}

#[test]
fn a_refusal_can_be_looked_at_and_judged() {
    let server = Server::start();
    run(async {
        let (_, mut world, session) = once(&server.url("/handshake/forbidden"), "{}", "connect").await;
        assert_eq!(session.reply().body(), b"not today");
        assert_eq!(session.reply().field("header", "x-why").as_deref(), Some("no"));
        drop(session);
        assert_eq!(world.metrics().get("ws.refused"), Some(&1.0));
    });
}

#[test]
fn redirects_are_followed_as_far_as_allowed() {
    let server = Server::start();
    run(async {
        for way in ["redirect", "relative"] {
            let url = server.url(&format!("/handshake/{way}"));
            let (exchange, _, _) = once(&url, "{redirects: 2}", "connect").await;
            assert_eq!(
                (exchange.outcome.failure, exchange.outcome.status),
                (None, Some(101)),
                "{exchange:?}"
            );
        }
        for (way, part) in [("round", "more redirects than"), ("nowhere", "no WebSocket's place")] {
            let url = server.url(&format!("/handshake/{way}"));
            let (exchange, _, _) = once(&url, "{redirects: 2}", "connect").await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Redirect), "{exchange:?}");
            assert!(exchange.detail.as_deref().is_some_and(|told| told.contains(part)), "{exchange:?}");
        }
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let (exchange, mut world, session) = once(&format!("ws://{free}"), "{}", "request hello").await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::ConnectRefused));
        drop(session);
        assert_eq!(world.metrics().get("ws.open"), None);
    });
}

#[test]
fn a_connection_that_another_step_needs_is_made_by_it() {
    let server = Server::start();
    run(async {
        let mut world =
            world(&server.url("/echo"), "{}", &["request one", "request two", "connect", "request three"]);
        let mut session = world.session(0);
        world.perform_all(session.as_mut()).await;
        assert_eq!(server.seen().heads.len(), 2, "`connect` makes a new one, others use what is there");
        session.leave().await;
        drop(session);
        assert_eq!(world.metrics().get("ws.close_1000"), Some(&2.0));
    });
}

#[test]
fn paths_are_encoded_as_browsers_do_and_begin_with_a_slash() {
    let server = Server::start();
    run(async {
        let steps = ["connect room/a b?x=ä", "{connect: '/<{{user.id}}>'}", "close", "request hello"];
        let mut world = world(&server.url("/base"), "{path: 'of settings'}", &steps);
        let mut session = world.session(0);
        world.perform_all(session.as_mut()).await;
        let lines: Vec<_> = server
            .seen()
            .heads
            .iter()
            .map(|head| head.lines().next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            lines,
            ["GET /room/a%20b?x=%C3%A4 HTTP/1.1", "GET /%3C0%3E HTTP/1.1", "GET /of%20settings HTTP/1.1",]
        );
    });
    let told = compile(
        Some("ws://a.test"),
        "{path: 'ws://b.test/echo'}",
        &[("connect", ALL)],
        &Variables::default(),
    );
    assert!(told.err().is_some_and(|told| told.contains("expected a path on the target's server")));
}
