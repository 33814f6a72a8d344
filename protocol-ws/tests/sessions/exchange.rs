//! Messages out and in.

use std::time::Duration;

use prony_core::{FailureKind, Filter, Phase, Reply};

use crate::server::Server;
use crate::world::{once, run, world};

fn body(session: &dyn prony_core::Session) -> String {
    String::from_utf8_lossy(session.reply().body()).into_owned()
}

#[test]
fn messages_of_all_kinds_are_sent_as_they_are_meant() {
    let server = Server::start();
    run(async {
        let steps = [
            "request hello",
            "{request: {json: {user: '{{user.id}}', n: 5}}}",
            "{request: {hex: 00 ff 7F}}",
            "{request: {base64: AAEC}}",
            "{request: {size: 70000}}",
            "{request: {random: 300}}",
            "{request: {text: ''}}",
            "{request: {size: 5, type: text}}",
        ];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        let (mut sizes, mut kinds) = (Vec::new(), Vec::new());
        for step in 0..steps.len() as u32 {
            let exchange = world.perform(session.as_mut(), step).await;
            assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(0)), "{exchange:?}");
            assert!(exchange.outcome.phases.get(Phase::Wait).is_some());
            sizes.push(exchange.outcome.body_bytes);
            kinds.push(
                session.reply().field("message", "type").map(|kind| kind.into_owned()).expect("a kind"),
            );
            if step == 1 {
                assert_eq!(body(session.as_ref()), r#"{"user":"0","n":5}"#);
            }
        }
        assert_eq!(sizes, [5, 18, 3, 3, 70_000, 300, 0, 5]);
        assert_eq!(kinds, ["text", "text", "binary", "binary", "binary", "binary", "text", "text"]);
        let frames = server.seen().frames;
        assert_eq!(frames[2], (0x82, vec![0, 255, 127]));
        assert_eq!(frames[7], (0x81, b"abcde".to_vec()));
        drop(session);
        let metrics = world.metrics();
        for (name, value) in [
            ("ws.sent_text", 4.0),
            ("ws.sent_binary", 4.0),
            ("ws.received_text", 4.0),
            ("ws.received_binary", 4.0),
        ] {
            assert_eq!(metrics.get(name), Some(&value), "{name}: {metrics:?}");
        }
        assert!(metrics["ws.sent_bytes"] > 70_000.0 && metrics["ws.received_bytes"] > 70_000.0);
    });
}

#[test]
fn fragments_go_and_come() {
    let server = Server::start();
    run(async {
        // The server sends back frame by frame.
        let (exchange, _, session) =
            once(&server.url("/echo"), "{}", "{request: {text: häppchen, fragments: 4}}").await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        assert_eq!(body(session.as_ref()), "häppchen");
        let firsts: Vec<u8> = server.seen().frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x01, 0x00, 0x00, 0x80]);
    });
}

#[test]
fn answers_are_known_by_their_key_whatever_their_order() {
    let server = Server::start();
    run(async {
        let steps = [
            "{request: {json: {id: 1, do: push}}, match: json $.id}",
            "{request: {text: 'hold id=7'}, match: 'regex /id=(\\d+)/', timeout: 200ms}",
            "{request: {text: 'id=8'}, match: 'regex /id=(\\d+)/'}",
            "{request: {text: 'id=9'}, match: 'regex /id=(\\d+)/'}",
            "{request: {json: {id: a, re: b}}, match: {sent: json $.re, received: json $.re}}",
            "{request: {text: no key}, match: json $.id}",
        ];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        let expected = [None, Some(FailureKind::Timeout), None, None, None, Some(FailureKind::Request)];
        for (step, failure) in expected.into_iter().enumerate() {
            let exchange = world.perform(session.as_mut(), step as u32).await;
            assert_eq!(exchange.outcome.failure, failure, "{step}: {exchange:?}");
            if step == 3 {
                assert_eq!(body(session.as_ref()), "id=9");
            }
        }
        drop(session);
        // The answer that was held back came behind the next one.
        assert_eq!(world.metrics().get("ws.late"), Some(&1.0));
        assert_eq!(server.seen().heads.len(), 1, "by a key the connection stays");
    });
}

#[test]
fn by_order_a_late_answer_is_nobody_elses() {
    let server = Server::start();
    run(async {
        let steps = ["{request: slow one, timeout: 100ms}", "request two"];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        let late = world.perform(session.as_mut(), 0).await;
        assert_eq!(late.outcome.failure, Some(FailureKind::Timeout));
        let next = world.perform(session.as_mut(), 1).await;
        assert_eq!(next.outcome.failure, None, "{next:?}");
        assert_eq!(body(session.as_ref()), "two");
        assert_eq!(server.seen().heads.len(), 2, "it went over a connection of its own");
        assert!(world.recorded.borrow().notices.iter().any(|told| told.contains("by order")));
    });
}

#[test]
fn what_is_pushed_waits_for_who_receives_it() {
    let server = Server::start();
    run(async {
        let steps = ["request push it", "receive", "{receive: true, timeout: 150ms}"];
        let mut world = world(&server.url("/early"), "{}", &steps);
        let mut session = world.session(0);
        // By order the first message that comes answers; that is the early one, which was there before anything was asked.
        let first = world.perform(session.as_mut(), 0).await;
        assert_eq!(first.outcome.failure, None, "{first:?}");
        let got = world.perform(session.as_mut(), 1).await;
        assert_eq!(got.outcome.failure, None, "{got:?}");
        drop(session);
    });
}

#[test]
fn several_messages_are_received_in_a_row_and_a_pong_is_never_one() {
    let server = Server::start();
    run(async {
        let steps =
            ["connect", "ping", "{receive: true, count: 3}", "{receive: true, timeout: 150ms}", "ping"];
        let mut world = world(&server.url("/push=1,2,3"), "{}", &steps);
        let mut session = world.session(0);
        let expected = [None, None, None, Some(FailureKind::Timeout), None];
        for (step, failure) in expected.into_iter().enumerate() {
            let exchange = world.perform(session.as_mut(), step as u32).await;
            assert_eq!(exchange.outcome.failure, failure, "{step}: {exchange:?}");
            if step == 2 {
                assert!(body(session.as_ref()).contains("\"seq\": 3"));
                // They were here before anybody asked.
                assert_eq!(exchange.outcome.service_nanos(), Some(0));
                assert!(session.reply().arrived().is_some());
            }
        }
        drop(session);
        assert_eq!(world.recorded_as("first message").len(), 1);
    });
}

/// Takes messages with this in them.
#[derive(Debug)]
struct With(&'static str);

impl Filter for With {
    fn takes(&self, message: &dyn Reply) -> bool {
        String::from_utf8_lossy(message.body()).contains(self.0)
    }

    fn story(&self, _: &dyn Reply) -> String {
        format!("not a word of {}", self.0)
    }
}

#[test]
fn a_filter_takes_its_own_and_leaves_the_others() {
    let server = Server::start();
    run(async {
        let steps = ["connect", "{receive: true, timeout: 300ms}"];
        let mut world = world(&server.url("/push=1,2,3"), "{}", &steps);
        let mut session = world.session(0);
        world.perform(session.as_mut(), 0).await;
        for (wanted, found) in
            [("\"seq\": 2", true), ("\"seq\": 2", false), ("\"seq\": 1", true), ("room", true)]
        {
            let exchange = world.perform_where(session.as_mut(), 1, Some(&With(wanted))).await;
            assert_eq!(exchange.outcome.failure.is_none(), found, "{wanted}: {exchange:?}");
            assert_eq!(session.reply().arrived().is_some(), found);
        }
    });
}

#[test]
fn who_waited_in_vain_is_told_what_came() {
    let server = Server::start();
    run(async {
        let steps =
            ["connect", "{receive: true, timeout: 300ms}", "{receive: true, count: 5, timeout: 300ms}"];
        let mut world = world(&server.url("/push=1,2,3"), "{}", &steps);
        let mut session = world.session(0);
        world.perform(session.as_mut(), 0).await;
        let told = |exchange: prony_core::Exchange| exchange.detail.expect("a story").into_string();
        let none = told(world.perform_where(session.as_mut(), 1, Some(&With("colour"))).await);
        assert!(
            none.starts_with(
                "no fitting message came within 300ms: 3 messages came that `where` does not take; the last was \
                 `{\"room\": \"one\", \"seq\": 3, \"at\": "
            ) && none.ends_with("}`: not a word of colour"),
            "{none}"
        );
        let some = told(world.perform_where(session.as_mut(), 2, Some(&With("\"seq\": 1"))).await);
        assert!(
            some.starts_with("1 of 5 messages came within 300ms: 2 messages came that `where` does not"),
            "{some}"
        );
        let few = told(world.perform(session.as_mut(), 2).await);
        assert_eq!(few, "2 of 5 messages came within 300ms");
        let nothing = told(world.perform(session.as_mut(), 1).await);
        assert_eq!(nothing, "no message came within 300ms");
    });
}

#[test]
fn a_key_that_stands_elsewhere_in_the_answer_is_told() {
    let server = Server::start();
    run(async {
        let steps = [
            "{request: {json: {id: 1, do: push}}, match: {sent: json $.id, received: json $.re}, timeout: 300ms}",
            "{request: {json: {id: 2, re: 7}}, match: {sent: json $.id, received: json $.re}, timeout: 300ms}",
            "{request: {json: {id: 3, do: hold}}, match: json $.id, timeout: 300ms}",
        ];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        for (step, told) in [
            (
                0,
                "no answer came within 300ms: 2 messages came, none with the key `1` at `json $.re` (nothing stands there); the last was `{\"id\":1,\"do\":\"push\"}`",
            ),
            (
                1,
                "no answer came within 300ms: 1 message came, none with the key `2` at `json $.re` (another one stands there); the last was `{\"id\":2,\"re\":7}`",
            ),
            (2, "no answer came within 300ms"),
        ] {
            let exchange = world.perform(session.as_mut(), step).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
            assert_eq!(exchange.detail.as_deref(), Some(told));
        }
    });
}

#[test]
fn what_nobody_receives_is_bounded_and_told() {
    let server = Server::start();
    run(async {
        let steps = ["connect", "ping", "receive"];
        let mut world = world(&server.url("/push=1,2,3,4,5"), "{inbox: {messages: 2}}", &steps);
        let mut session = world.session(0);
        world.perform_all(session.as_mut()).await;
        assert!(body(session.as_ref()).contains("\"seq\": 4"), "the oldest were dropped");
        assert!(world.recorded.borrow().notices.iter().any(|told| told.contains("`inbox`")));
        drop(session);
        assert_eq!(world.metrics().get("ws.inbox_dropped"), Some(&3.0));
    });
}

#[test]
fn a_servers_ping_is_answered_while_the_user_waits_for_something_else() {
    let server = Server::start();
    run(async {
        let (exchange, mut world, session) = once(&server.url("/echo"), "{}", "request ping me").await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        server.until(|seen| seen.frames.contains(&(0x8A, b"are you there".to_vec()))).await;
        drop(session);
        assert_eq!(world.metrics().get("ws.pings_answered"), Some(&1.0));
    });
}

#[test]
fn a_message_that_nobody_reads_is_not_sent() {
    let server = Server::start();
    run(async {
        let steps = ["connect", "{send: {size: 64mb}}"];
        let mut world = world(&server.url("/deaf"), "{timeout: 1s}", &steps);
        let mut session = world.session(0);
        world.perform(session.as_mut(), 0).await;
        let exchange = world.perform(session.as_mut(), 1).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
        assert!(exchange.detail.is_some_and(|told| told.contains("did not read")));
    });
}

#[test]
fn a_slow_reader_holds_its_server_back() {
    let server = Server::start();
    run(async {
        let steps = ["connect", "{receive: true, count: 3}"];
        let mut world = world(&server.url("/flood=100000"), "{pace: 20ms, inbox: {bytes: 100mb}}", &steps);
        let mut session = world.session(0);
        let outcomes = world.perform_all(session.as_mut()).await;
        // Three messages, and two pauses between them.
        assert!(outcomes[1].finished - outcomes[0].finished >= Duration::from_millis(38));
        drop(session);
        let received = world.metrics()["ws.received_binary"];
        assert!((3.0..100.0).contains(&received), "{received} of 1,000");
    });
}
