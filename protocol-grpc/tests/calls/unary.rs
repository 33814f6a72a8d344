//! Unary calls: what goes over the wire, what is kept, what is measured.

use prony_core::{FailureKind, Message, Phase, ReplyNeeds, Variables};
use serde_json::Value;

use crate::server::{Manners, Server};
use crate::world::{ALL, NOTHING, World, compile, once, run, with_proto};

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn a_call_is_made_as_its_plan_says() {
    let server = Server::start(Manners::default());
    run(async {
        let settings = "authority: 'shop.test:7', user_agent: tester/1, timeout: 3s, metadata: {x-all: one, x-both: one}";
        let step = "{call: test.v1.Probe/Unary, data: {text: hello, id: 7}, metadata: {x-both: two, x-raw-bin: AAE=}}";
        let (exchange, mut world, session) = once(server.address, settings, step, ALL).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(0)), "{exchange:?}");
        let body = json(session.reply().body());
        assert_eq!((&body["text"], &body["id"]), (&"hello".into(), &"7".into()), "{body}");
        let seen = &body["seen"];
        for (name, value) in [
            (":authority", "shop.test:7"),
            ("user-agent", "tester/1"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-accept-encoding", "identity,gzip,zstd"),
            ("x-all", "one"),
            ("x-both", "two"),
            ("x-raw-bin", "AAE"),
        ] {
            assert_eq!(seen[name], value, "{name} in {seen}");
        }
        // Less the time that connecting took.
        let told = seen["grpc-timeout"].as_str().and_then(|text| text.strip_suffix('u'));
        let told: u64 = told.and_then(|digits| digits.parse().ok()).expect("microseconds");
        assert!((2_000_000..=3_000_000).contains(&told), "{seen}");
        let field = |kind: &str, name: &str| session.reply().field(kind, name).map(String::from);
        assert_eq!(field("metadata", "x-initial").as_deref(), Some("first"));
        assert_eq!(field("metadata", "x-odd-bin").as_deref(), Some("AAE"));
        assert_eq!(field("trailer", "x-last").as_deref(), Some("bye"));
        assert_eq!(field("messages", "count").as_deref(), Some("1"));
        let outcome = exchange.outcome;
        for phase in [Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive] {
            assert!(outcome.phases.get(phase).is_some(), "{}", phase.name());
        }
        assert!(outcome.body_bytes > 20 && outcome.traffic.sent > 100 && outcome.traffic.received > 100);
        assert!(outcome.sent.expect("sent") >= outcome.intended && outcome.finished > outcome.intended);
        drop(session);
        let metrics = world.metrics();
        assert_eq!(metrics.get("grpc.server_OK"), Some(&1.0), "{metrics:?}");
        assert_eq!(
            metrics.get(&format!("grpc.calls_to_127.0.0.1_{}", server.address.port())),
            Some(&1.0),
            "{metrics:?}"
        );
        assert_eq!(metrics.get("grpc.messages_sent"), Some(&1.0));
        assert_eq!(metrics.get("grpc.client_CANCELLED"), None);
    });
}

#[test]
fn templates_are_filled_in_for_each_call() {
    let server = Server::start(Manners::default());
    run(async {
        let mut variables = Variables::default();
        variables.define("id");
        let step = "{call: test.v1.Probe/Unary, data: {text: 'n-{{id}}'}, metadata: {x-id: '{{id}}'}}";
        let target = format!("grpc://{}", server.address);
        let plan = compile(Some(&target), &with_proto(""), &[(step, ALL)], &variables).expect("compiles");
        let mut world = World::new(plan);
        let mut session = world.session(0);
        for id in ["7", "eight"] {
            let values = [Some(id.to_owned())];
            let exchange = world.perform_with(session.as_mut(), 0, &values, None).await;
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            let body = json(session.reply().body());
            assert_eq!(body["text"], format!("n-{id}"));
            assert_eq!(body["seen"]["x-id"], id);
        }
        assert_eq!(server.connections(), 1);
        for (values, part) in [(vec![None], "no value"), (vec![Some("a\nb".to_owned())], "printable")] {
            let exchange = world.perform_with(session.as_mut(), 0, &values, None).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Request), "{exchange:?}");
            assert!(exchange.detail.expect("told").contains(part));
        }
    });
}

#[test]
fn a_plugins_message_is_laid_over_the_steps() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Unary, data: {text: plan}, metadata: {x-a: plan}}";
        let target = format!("grpc://{}", server.address);
        let plan = compile(Some(&target), &with_proto(""), &[(step, ALL)], &Variables::default());
        let mut world = World::new(plan.expect("compiles"));
        let mut session = world.session(0);
        let text = |text: &str| text.to_owned();
        let message = Message {
            body: Some(vec![0x0a, 3, b'a', b'b', b'c']),
            fields: vec![(text("metadata"), text("x-a"), text("plugin"))],
        };
        let exchange = world.perform_with(session.as_mut(), 0, &[], Some(&message)).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let body = json(session.reply().body());
        assert_eq!((&body["text"], &body["seen"]["x-a"]), (&"abc".into(), &"plugin".into()));
        for (kind, name, part) in
            [("header", "x", "gRPC has metadata"), ("metadata", "grpc-status", "gRPC's own")]
        {
            let message = Message { body: None, fields: vec![(text(kind), text(name), text("v"))] };
            let exchange = world.perform_with(session.as_mut(), 0, &[], Some(&message)).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Request));
            assert!(exchange.detail.expect("told").contains(part));
        }
    });
}

#[test]
fn messages_are_compressed_both_ways() {
    let server = Server::start(Manners::default());
    run(async {
        let text = "a".repeat(5_000);
        let step = format!("{{call: test.v1.Probe/Unary, data: {{text: {text}}}, metadata: {{do: gzip}}}}");
        let (exchange, _world, session) = once(server.address, "compression: gzip", &step, ALL).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let body = json(session.reply().body());
        assert_eq!(body["text"], text);
        assert_eq!(body["seen"]["grpc-encoding"], "gzip");
        assert!(exchange.outcome.body_bytes < 1_000 && exchange.outcome.traffic.sent < 1_000);
    });
}

#[test]
fn a_status_is_a_failure_unless_somebody_judges_it() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Unary, metadata: {do: trailers only}}";
        let (exchange, _, session) = once(server.address, "", step, ALL).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (Some(FailureKind::Status), Some(5)));
        let told = exchange.detail.expect("told");
        assert!(told.starts_with("the server says NOT_FOUND (5): no such \u{263a} (details: INVALID_ARGUMENT (3), shop.v1.Reason)"), "{told}");
        assert_eq!(session.reply().field("trailer", "grpc-status").as_deref(), Some("5"));
        let judged = ReplyNeeds { judges_status: true, ..NOTHING };
        let (exchange, mut world, session) = once(server.address, "", step, judged).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(5)));
        drop(session);
        assert_eq!(world.metrics().get("grpc.server_NOT_FOUND"), Some(&1.0));
    });
}

#[test]
fn the_deadline_is_told_apart_from_the_servers() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Unary, timeout: 150ms, metadata: {do: silence}}";
        let (exchange, mut world, session) = once(server.address, "", step, NOTHING).await;
        assert_eq!(
            (exchange.outcome.failure, exchange.outcome.status),
            (Some(FailureKind::Timeout), Some(4))
        );
        drop(session);
        let metrics = world.metrics();
        assert_eq!(metrics.get("grpc.client_DEADLINE_EXCEEDED"), Some(&1.0), "{metrics:?}");
        assert_eq!(metrics.get("grpc.server_DEADLINE_EXCEEDED"), None);
        // The connection lives on.
        assert_eq!(server.connections(), 1);
        let judged = ReplyNeeds { judges_status: true, ..NOTHING };
        let (exchange, _, _) = once(server.address, "", step, judged).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(4)));
    });
}

#[test]
fn health_is_asked_in_its_own_protocol() {
    let server = Server::start(Manners::default());
    run(async {
        let (exchange, _, _) = once(server.address, "", "{health: up}", NOTHING).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(0)), "{exchange:?}");
        let (exchange, _, _) = once(server.address, "", "{health: down}", NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Status));
        assert!(exchange.detail.expect("told").contains("NOT_SERVING"));
        let (exchange, _, session) = once(server.address, "", "{health: down}", ALL).await;
        assert_eq!(exchange.outcome.failure, None);
        assert_eq!(json(session.reply().body())["status"], "NOT_SERVING");
    });
}

#[test]
fn raw_bytes_are_a_message_too() {
    let server = Server::start(Manners::default());
    run(async {
        for raw in ["hex: '0a 02 68 69'", "base64: CgJoaQ=="] {
            let step = format!("{{call: test.v1.Probe/Unary, raw: {{{raw}}}}}");
            let (exchange, _, session) = once(server.address, "", &step, ALL).await;
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            assert_eq!(json(session.reply().body())["text"], "hi");
        }
    });
}

/// Five thousand open streams are to cost less than 6 KB each, HTTP/2's own share included.
#[test]
fn a_call_under_way_takes_little_memory() {
    let server = Server::start(Manners::default());
    run(async {
        let target = format!("grpc://{}", server.address);
        let step = ("test.v1.Probe/Unary", NOTHING);
        let plan = compile(Some(&target), &with_proto(""), &[step], &Variables::default());
        let mut world = World::new(plan.expect("compiles"));
        let mut session = world.session(0);
        let mut random = prony_core::Random::new(1, 1, 1);
        let mut scope = prony_core::Scope {
            values: &[],
            user: 0,
            iteration: 0,
            random: &mut random,
            wall: std::time::Duration::ZERO,
            message: None,
            filter: None,
            trace: None,
        };
        let call = session.perform(prony_core::StepIndex(0), &mut scope, prony_core::Timestamp::default());
        let bytes = size_of_val(&*call);
        assert!(bytes < 3_100, "{bytes}");
    });
}
