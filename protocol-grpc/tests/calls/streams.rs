//! Streams in one step: counts, beats, ends, readers, and each message's own time.

use std::time::Duration;

use prony_core::FailureKind;

use crate::server::{Manners, Server};
use crate::world::{ALL, NOTHING, once, run};

#[test]
fn a_servers_stream_is_counted_and_timed() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Server, data: {text: x, count: 5}}";
        let (exchange, world, session) = once(server.address, "", step, ALL).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(0)), "{exchange:?}");
        assert_eq!(session.reply().field("messages", "count").as_deref(), Some("5"));
        let last: serde_json::Value = serde_json::from_slice(session.reply().body()).expect("JSON");
        assert_eq!(last["id"], "4");
        let first = world.recorded_as("first message test.v1.Probe/Server");
        let last = world.recorded_as("last message test.v1.Probe/Server");
        assert_eq!((first.len(), last.len()), (1, 1));
        assert!(first[0].finished <= last[0].finished && last[0].finished <= exchange.outcome.finished);
    });
}

#[test]
fn a_clients_stream_sends_its_messages_and_gets_one_answer() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Client, messages: [{text: a}, {text: b}], count: 5}";
        let (exchange, _world, session) = once(server.address, "", step, ALL).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let body: serde_json::Value = serde_json::from_slice(session.reply().body()).expect("JSON");
        assert_eq!((&body["text"], &body["id"]), (&"ababa".into(), &"5".into()));
        assert_eq!(session.reply().field("messages", "sent").as_deref(), Some("5"));
    });
}

#[test]
fn messages_are_due_on_their_beat() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Both, data: {text: x}, every: 40ms, count: 4}";
        let (exchange, world, _session) = once(server.address, "", step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let messages = world.recorded_as("message test.v1.Probe/Both");
        assert_eq!(messages.len(), 4);
        let began = exchange.outcome.sent.expect("sent");
        for (beat, message) in messages.iter().enumerate().skip(1) {
            assert_eq!(message.intended, began + Duration::from_millis(40 * beat as u64));
            assert!(message.sent.expect("sent") >= message.intended && message.finished >= message.intended);
        }
        assert!(exchange.outcome.finished - began >= Duration::from_millis(120));
    });
}

#[test]
fn a_time_for_sending_ends_the_stream() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Both, data: {text: x}, every: 20ms, for: 90ms}";
        let (exchange, world, session) = once(server.address, "", step, ALL).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        assert_eq!(session.reply().field("messages", "sent").as_deref(), Some("5"));
        assert_eq!(world.recorded_as("message test.v1.Probe/Both").len(), 5);
    });
}

#[test]
fn answers_out_of_order_are_found_by_key() {
    let server = Server::start(Manners::default());
    run(async {
        let messages: Vec<String> = (1..=6).map(|id| format!("{{id: {id}}}")).collect();
        let step = format!(
            "{{call: test.v1.Probe/Both, messages: [{}], every: 10ms, key: id, metadata: {{do: swap}}}}",
            messages.join(", ")
        );
        let (exchange, mut world, session) = once(server.address, "", &step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let mut due: Vec<_> = world.recorded_as("message test.v1.Probe/Both");
        assert_eq!(due.len(), 6);
        // They came in pairs, the second first.
        assert!(due[0].intended > due[1].intended && due[2].intended > due[3].intended);
        due.sort_by_key(|outcome| outcome.intended);
        assert!(due.windows(2).all(|pair| pair[0].intended < pair[1].intended));
        drop(session);
        assert_eq!(world.metrics().get("grpc.messages_unmatched"), None);
    });
}

#[test]
fn ping_pong_waits_for_each_answer() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Both, data: {text: x}, count: 20, in_flight: 1}";
        for settings in ["connections: own", "connections: {shared: 1}"] {
            let (exchange, world, _session) = once(server.address, settings, step, NOTHING).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            let messages = world.recorded_as("message test.v1.Probe/Both");
            assert_eq!(messages.len(), 20);
            assert!(messages.windows(2).all(|pair| pair[1].sent.expect("sent") >= pair[0].finished));
        }
    });
}

#[test]
fn many_messages_go_both_ways_at_the_same_time() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Both, data: {text: hello}, count: 20000}";
        for settings in ["connections: own", "connections: {shared: 1}"] {
            let (exchange, mut world, session) = once(server.address, settings, step, ALL).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            assert_eq!(session.reply().field("messages", "count").as_deref(), Some("20000"));
            assert_eq!(world.recorded_as("message test.v1.Probe/Both").len(), 20_000);
            drop(session);
            let metrics = world.metrics();
            assert_eq!(metrics.get("grpc.messages_sent"), Some(&20_000.0));
            assert_eq!(metrics.get("grpc.messages_received"), Some(&20_000.0));
        }
    });
}

#[test]
fn a_stream_ends_when_enough_has_come_or_the_plan_cancels() {
    let server = Server::start(Manners::default());
    run(async {
        for step in [
            "{call: test.v1.Probe/Server, receive: 3, metadata: {do: endless}}",
            "{call: test.v1.Probe/Server, cancel: {after: 100ms}, metadata: {do: endless}}",
            "{call: test.v1.Probe/Both, data: {text: x}, half_close: false, receive: 1}",
            "{call: test.v1.Probe/Unary, cancel: {after: 50ms}, metadata: {do: silence}}",
        ] {
            let (exchange, mut world, session) = once(server.address, "", step, ALL).await;
            assert_eq!(
                (exchange.outcome.failure, exchange.outcome.status),
                (None, Some(1)),
                "{step}: {exchange:?}"
            );
            if step.contains("receive: 3") {
                assert_eq!(session.reply().field("messages", "count").as_deref(), Some("3"));
            }
            drop(session);
            assert_eq!(world.metrics().get("grpc.client_CANCELLED"), Some(&1.0), "{step}");
        }
    });
}

#[test]
fn a_slow_reader_holds_the_server_back() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Server, data: {text: x, count: 6}, pace: 40ms}";
        let (exchange, _world, session) = once(server.address, "window: 16", step, ALL).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        assert_eq!(session.reply().field("messages", "count").as_deref(), Some("6"));
        assert!(exchange.outcome.finished - exchange.outcome.intended >= Duration::from_millis(200));
    });
}

#[test]
fn a_slow_reader_does_not_hold_up_the_status() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Server, data: {text: x, count: 1}, pace: 10m}";
        let (exchange, _world, session) = once(server.address, "", step, ALL).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(0)), "{exchange:?}");
        assert_eq!(session.reply().field("messages", "count").as_deref(), Some("1"));
        let step = "{call: test.v1.Probe/Server, pace: 10m, metadata: {do: reset after message}}";
        let (exchange, _, _) = once(server.address, "", step, ALL).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Reset), "{exchange:?}");
    });
}

#[test]
fn many_small_messages_before_a_slow_reader_do_not_cost_the_connection() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Server, data: {count: 60000}, pace: 1s, cancel: {after: 1500ms}}";
        let (exchange, _world, _session) = once(server.address, "", step, NOTHING).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(1)), "{exchange:?}");
    });
}

#[test]
fn answers_that_do_not_come_are_counted_and_hold_messages_back_only_as_asked() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Both, data: {text: x}, count: 7, metadata: {do: deaf}}";
        let (exchange, mut world, session) = once(server.address, "", step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        drop(session);
        assert_eq!(world.metrics().get("grpc.messages_unanswered"), Some(&7.0));
        let step =
            "{call: test.v1.Probe/Both, data: {text: x}, for: 100ms, in_flight: 2, metadata: {do: deaf}}";
        let (exchange, _world, session) = once(server.address, "", step, ALL).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        assert_eq!(session.reply().field("messages", "sent").as_deref(), Some("2"));
    });
}

#[test]
fn a_stream_that_does_not_end_ends_at_its_deadline() {
    let server = Server::start(Manners::default());
    run(async {
        for order in ["endless", "stuck"] {
            let step = format!("{{call: test.v1.Probe/Server, timeout: 200ms, metadata: {{do: {order}}}}}");
            let (exchange, _, _) = once(server.address, "", &step, NOTHING).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{order}");
            assert!(exchange.detail.expect("told").contains("the stream did not end"));
        }
    });
}
