//! Servers that do not behave: each way has its failure kind, its story, and its end well before the time-out.

use std::time::Duration;

use prony_core::{FailureKind, Variables};

use crate::server::{Manners, Server};
use crate::world::{NOTHING, World, compile, once, run, with_proto};

/// What a server does, what kind of failure that is, the status that may be seen, and a part of the story.
const WAYS: [(&str, FailureKind, Option<u16>, &str); 23] = [
    ("reset at once", FailureKind::Reset, None, "the peer reset the stream"),
    ("refuse", FailureKind::Reset, None, "REFUSED_STREAM"),
    ("goaway", FailureKind::GoAway, None, "GOAWAY"),
    ("http 503", FailureKind::StatusServer, Some(14), "HTTP status 503 and no grpc-status"),
    ("http 404", FailureKind::StatusClient, Some(12), "UNIMPLEMENTED"),
    ("http 500 with status", FailureKind::Status, Some(7), "PERMISSION_DENIED (7)"),
    ("html", FailureKind::Protocol, None, "`text/html`"),
    ("no type", FailureKind::Protocol, None, "no content-type"),
    ("head alone", FailureKind::Protocol, None, "no grpc-status"),
    ("no trailers", FailureKind::Protocol, None, "without trailers"),
    ("no status", FailureKind::Protocol, None, "trailers have no grpc-status"),
    ("odd status", FailureKind::Protocol, None, "`grpc-status: OK`"),
    ("bad flag", FailureKind::Protocol, None, "first byte is 2"),
    ("unannounced", FailureKind::Decode, None, "no `grpc-encoding`"),
    ("bad gzip", FailureKind::Decode, None, "`grpc-encoding: gzip`"),
    ("brotli", FailureKind::Decode, None, "`grpc-encoding: br`"),
    ("half", FailureKind::Protocol, None, "ended within a message"),
    ("huge", FailureKind::TooLarge, None, "raise `max_message`"),
    ("bomb", FailureKind::TooLarge, None, "raise `max_message`"),
    ("no message", FailureKind::Protocol, None, "OK and sent 0 messages"),
    ("two messages", FailureKind::Protocol, None, "a second message"),
    ("reset after head", FailureKind::Reset, None, "CANCEL"),
    ("status 13", FailureKind::Status, Some(13), "INTERNAL (13): broken!"),
];

#[test]
fn each_way_has_its_kind_and_its_story() {
    let server = Server::start(Manners::default());
    run(async {
        for (order, kind, status, part) in WAYS {
            let step = format!("{{call: test.v1.Probe/Unary, timeout: 5s, metadata: {{do: {order}}}}}");
            let (exchange, _, _) = once(server.address, "", &step, NOTHING).await;
            let told = exchange.detail.unwrap_or_default();
            assert_eq!(
                (exchange.outcome.failure, exchange.outcome.status),
                (Some(kind), status),
                "{order}: {told}"
            );
            assert!(told.contains(part), "{order}: {told}");
            let took = exchange.outcome.finished - exchange.outcome.intended;
            assert!(took < Duration::from_secs(4), "{order}: {took:?}");
        }
    });
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Unary, timeout: 5s, metadata: {do: hang up}}";
        let (exchange, _, _) = once(server.address, "", step, NOTHING).await;
        // Where the server's system has something unread by then, it makes a reset of it.
        let kind = exchange.outcome.failure;
        assert!(matches!(kind, Some(FailureKind::Closed | FailureKind::Reset)), "{exchange:?}");
    });
}

#[test]
fn streams_fail_in_the_same_ways_and_keep_what_came() {
    let server = Server::start(Manners::default());
    run(async {
        for (order, kind, part) in [
            ("reset after message", FailureKind::Reset, "CANCEL"),
            ("reset after half", FailureKind::Reset, "CANCEL"),
            ("half", FailureKind::Protocol, "ended within a message"),
            ("no trailers", FailureKind::Protocol, "without trailers"),
            ("refuse", FailureKind::Reset, "REFUSED_STREAM"),
            ("huge", FailureKind::TooLarge, "max_message"),
            ("http 503", FailureKind::StatusServer, "UNAVAILABLE"),
        ] {
            for method in ["Server", "Both"] {
                let step =
                    format!("{{call: test.v1.Probe/{method}, timeout: 5s, metadata: {{do: {order}}}}}");
                let (exchange, mut world, session) = once(server.address, "", &step, NOTHING).await;
                let told = exchange.detail.unwrap_or_default();
                assert_eq!(exchange.outcome.failure, Some(kind), "{method} {order}: {told}");
                assert!(told.contains(part), "{method} {order}: {told}");
                drop(session);
                let resets = world.metrics().get("grpc.resets").copied();
                assert_eq!(resets, (kind == FailureKind::Reset).then_some(1.0), "{order}");
            }
        }
    });
}

#[test]
fn a_session_stays_usable_whatever_happened() {
    let server = Server::start(Manners::default());
    run(async {
        let bad = WAYS.map(|(order, ..)| format!("{{call: test.v1.Probe/Unary, metadata: {{do: {order}}}}}"));
        let mut steps: Vec<(&str, _)> = vec![("test.v1.Probe/Unary", NOTHING)];
        steps.extend(bad.iter().map(|step| (step.as_str(), NOTHING)));
        for connections in ["own", "{shared: 1}"] {
            let settings = with_proto(&format!("timeout: 5s, connections: {connections}"));
            let target = format!("grpc://{}", server.address);
            let plan = compile(Some(&target), &settings, &steps, &Default::default()).expect("compiles");
            let mut world = World::new(plan);
            let mut session = world.session(0);
            for step in 1..steps.len() as u32 {
                let failed = world.perform(session.as_mut(), step).await;
                assert!(failed.outcome.failure.is_some());
                let good = world.perform(session.as_mut(), 0).await;
                assert_eq!(good.outcome.failure, None, "after {}: {good:?}", steps[step as usize].0);
            }
        }
    });
}

#[test]
fn tiny_windows_slow_a_stream_down_and_nothing_hangs() {
    // Each few bytes are a round trip.
    let text = "a".repeat(100);
    run(async {
        let server = Server::start(Manners { window: 8, ..Manners::default() });
        let steps = [
            // By its end both sides know the window. Servers on h2 0.4 do not make up for what came before they knew it.
            "{call: test.v1.Probe/Unary}".to_owned(),
            format!("{{call: test.v1.Probe/Client, data: {{text: {text}}}, count: 3}}"),
            format!("{{call: test.v1.Probe/Unary, data: {{text: {text}}}}}"),
        ];
        let steps: Vec<_> = steps.iter().map(|step| (step.as_str(), NOTHING)).collect();
        let target = format!("grpc://{}", server.address);
        let plan = compile(Some(&target), &with_proto(""), &steps, &Variables::default());
        let mut world = World::new(plan.expect("compiles"));
        let mut session = world.session(0);
        for number in 0..3 {
            let exchange = world.perform(session.as_mut(), number).await;
            assert_eq!(exchange.outcome.failure, None, "{number}: {exchange:?}");
        }
    });
}

#[test]
fn a_server_that_reads_nothing_is_left_at_the_deadline_and_the_stall_is_told() {
    run(async {
        let server = Server::start(Manners { window: 1, ..Manners::default() });
        for step in [
            "{call: test.v1.Probe/Client, data: {text: aaaa}, count: 3, timeout: 200ms, metadata: {do: silence}}",
            "{call: test.v1.Probe/Both, data: {text: aaaa}, every: 10ms, for: 10s, timeout: 200ms, metadata: {do: silence}}",
            "{call: test.v1.Probe/Unary, data: {text: aaaa}, timeout: 200ms, metadata: {do: silence}}",
        ] {
            let (exchange, _, _) = once(server.address, "", step, NOTHING).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{step}: {exchange:?}");
        }
    });
}

#[test]
fn a_window_that_opens_in_the_midst_lets_messages_through() {
    run(async {
        let opens_after = Some(Duration::from_millis(150));
        let server = Server::start(Manners { window: 8, opens_after, ..Manners::default() });
        let text = "a".repeat(20_000);
        let step = format!("{{call: test.v1.Probe/Both, data: {{text: {text}}}, count: 5}}");
        let (exchange, mut world, session) = once(server.address, "", &step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        drop(session);
        let metrics = world.metrics();
        assert!(metrics.get("grpc.stalls").is_some_and(|stalls| *stalls >= 1.0), "{metrics:?}");
        assert!(metrics.get("grpc.stall_time").is_some_and(|time| *time > 0.05), "{metrics:?}");
    });
}

#[test]
fn peers_that_are_no_servers_are_told_as_such() {
    run(async {
        // Nobody listens.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let (exchange, mut world, session) = once(free, "", "test.v1.Probe/Unary", NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::ConnectRefused));
        drop(session);
        assert_eq!(world.metrics().get("grpc.client_UNAVAILABLE"), Some(&1.0));
        // Somebody listens and never speaks.
        let server = Server::start(Manners { silent: true, ..Manners::default() });
        let step = "{call: test.v1.Probe/Unary, timeout: 150ms}";
        let (exchange, _, _) = once(server.address, "", step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
        // Somebody speaks HTTP/1.1.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let answer = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        let (exchange, _, _) = once(address, "", "test.v1.Probe/Unary", NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Protocol), "{exchange:?}");
    });
}
