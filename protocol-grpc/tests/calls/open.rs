//! Streams that stay open across a plan's steps: opened, sent on, read from and ended by steps of their own.

use prony_core::{Exchange, FailureKind, Outcome, Reply, ReplyNeeds, Session, Settled, Variables};

use crate::server::{Manners, Server};
use crate::world::{ALL, NOTHING, World, compile, run, with_proto};

const JUDGES: ReplyNeeds = ReplyNeeds { judges_status: true, ..ALL };

fn world(server: &Server, settings: &str, steps: &[(&str, ReplyNeeds)]) -> World {
    let target = format!("grpc://{}", server.address);
    let plan = compile(Some(&target), &with_proto(settings), steps, &Variables::default());
    World::new(plan.expect("compiles"))
}

fn json(session: &dyn Session) -> serde_json::Value {
    serde_json::from_slice(session.reply().body()).expect("JSON")
}

/// What was recorded under the step of that name.
fn recorded(world: &World, name: &str) -> Vec<Outcome> {
    let number = world.plan.catalog.steps.iter().position(|step| step.name == name).expect(name);
    let recorded = world.recorded.borrow();
    let of_it = recorded.requests.iter().filter(|(id, _)| usize::from(id.0) == number);
    of_it.map(|(_, outcome)| *outcome).collect()
}

fn passed(exchange: &Exchange) -> Outcome {
    assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
    exchange.outcome
}

#[test]
fn a_stream_listens_while_its_user_does_something_else() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Server, as: events, data: {text: x, count: 3}}", NOTHING),
            ("{call: test.v1.Probe/Unary, data: {text: beside}}", ALL),
            ("{receive: true}", ALL),
            ("{receive: events, count: 2}", ALL),
            ("{close: events}", ALL),
        ];
        for settings in ["connections: own", "connections: {shared: 1}"] {
            let mut world = world(&server, settings, &steps);
            let mut session = world.session(0);
            let opened = world.perform(session.as_mut(), 0).await;
            assert_eq!((passed(&opened).status, opened.settled), (None, Settled::Later));
            passed(&world.perform(session.as_mut(), 1).await);
            assert_eq!(json(session.as_ref())["text"], "beside");
            let first = passed(&world.perform(session.as_mut(), 2).await);
            assert_eq!((first.status, json(session.as_ref())["id"].as_str()), (Some(0), Some("0")));
            passed(&world.perform(session.as_mut(), 3).await);
            assert_eq!(json(session.as_ref())["id"], "2", "of several it is the last");
            assert_eq!(session.reply().field("messages", "count").as_deref(), Some("2"));
            let closed = passed(&world.perform(session.as_mut(), 4).await);
            assert_eq!(closed.status, Some(0));
            assert_eq!(session.reply().field("trailer", "x-last").as_deref(), Some("bye"));
            assert_eq!(session.reply().field("metadata", "x-initial").as_deref(), Some("first"));
            // The stream itself is a request, from when it was due to its end.
            let stream = recorded(&world, "test.v1.Probe/Server");
            assert_eq!((stream.len(), stream[0].status, stream[0].failure), (1, Some(0), None));
            assert!(stream[0].finished > stream[0].intended && stream[0].traffic.received > 0);
            let heard = recorded(&world, "first message test.v1.Probe/Server");
            assert_eq!((heard.len(), heard[0].intended), (1, stream[0].intended));
            // What had come before the step that took it was not waited for.
            assert!(first.finished == first.intended || heard[0].finished == first.finished);
            assert_eq!(server.connections(), if settings.contains("own") { 1 } else { 2 });
        }
    });
}

/// Takes the message whose text has a part in it.
#[derive(Debug)]
struct Holding(&'static str);

impl prony_core::Filter for Holding {
    fn takes(&self, message: &dyn Reply) -> bool {
        String::from_utf8_lossy(message.body()).contains(self.0)
    }

    fn story(&self, _message: &dyn Reply) -> String {
        format!("it has no `{}` in it", self.0)
    }
}

#[test]
fn a_step_takes_the_message_that_its_plan_describes_and_leaves_the_others() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Server, data: {count: 5}}", NOTHING),
            ("{receive: true}", ALL),
            ("{receive: true}", ALL),
            ("{receive: true, timeout: 100ms}", ALL),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        passed(&world.perform_where(session.as_mut(), 1, &Holding("\"id\":\"3\"")).await);
        assert_eq!(json(session.as_ref())["id"], "3");
        assert!(session.reply().arrived().is_some());
        passed(&world.perform(session.as_mut(), 2).await);
        assert_eq!(json(session.as_ref())["id"], "0", "the others are still there");
        let none = world.perform_where(session.as_mut(), 3, &Holding("\"id\":\"3\"")).await;
        assert_eq!(none.outcome.failure, Some(FailureKind::Closed), "it has ended without another");
    });
}

#[test]
fn messages_go_both_ways_and_are_timed_by_their_key() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Both, key: id, metadata: {do: swap}}", NOTHING),
            ("{send: test.v1.Probe/Both, data: {id: 1, text: a}}", NOTHING),
            ("{send: true, data: {id: 2, text: b}}", NOTHING),
            ("{receive: true}", ALL),
            ("{receive: true}", ALL),
            ("{send: true, data: {id: 3, text: held}}", NOTHING),
            ("{close: true}", ALL),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        for step in 0..3 {
            passed(&world.perform(session.as_mut(), step).await);
        }
        for id in ["2", "1"] {
            passed(&world.perform(session.as_mut(), if id == "2" { 3 } else { 4 }).await);
            assert_eq!(json(session.as_ref())["id"], id);
        }
        passed(&world.perform(session.as_mut(), 5).await);
        passed(&world.perform(session.as_mut(), 6).await);
        let timed = world.recorded_as("message test.v1.Probe/Both");
        assert_eq!(timed.len(), 2);
        assert!(timed[0].intended > timed[1].intended, "the second was answered first");
        drop(session);
        let metrics = world.metrics();
        assert_eq!(
            (metrics.get("grpc.messages_sent"), metrics.get("grpc.messages_unanswered")),
            (Some(&3.0), Some(&1.0))
        );
        assert_eq!(metrics.get("grpc.server_OK"), Some(&1.0));
    });
}

#[test]
fn a_clients_stream_has_its_answer_when_it_is_closed() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Client, as: upload, data: {text: a}}", NOTHING),
            ("{send: upload, data: {text: b}}", NOTHING),
            ("{close: upload}", ALL),
            ("{send: upload, data: {text: c}}", NOTHING),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        for step in 0..3 {
            passed(&world.perform(session.as_mut(), step).await);
        }
        assert_eq!(
            (json(session.as_ref())["text"].as_str(), session.reply().field("messages", "sent").as_deref()),
            (Some("ab"), Some("2"))
        );
        let late = world.perform(session.as_mut(), 3).await;
        assert_eq!(late.outcome.failure, Some(FailureKind::Request));
        assert!(late.detail.expect("told").contains("the stream `upload` is not open"));
    });
}

#[test]
fn a_streams_end_is_recorded_when_it_is_there_and_told_to_who_waits() {
    let server = Server::start(Manners::default());
    run(async {
        let reset = "{open: test.v1.Probe/Server, metadata: {do: reset after message}}";
        let refused = "{open: test.v1.Probe/Both, metadata: {do: trailers only}}";
        let steps = [
            (reset, NOTHING),
            ("{receive: test.v1.Probe/Server}", ALL),
            ("{receive: test.v1.Probe/Server}", ALL),
            (refused, NOTHING),
            ("{receive: test.v1.Probe/Both}", NOTHING),
            ("{close: test.v1.Probe/Both}", ALL),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        passed(&world.perform(session.as_mut(), 1).await);
        let broken = world.perform(session.as_mut(), 2).await;
        assert_eq!(broken.outcome.failure, Some(FailureKind::Reset), "{broken:?}");
        let stream = recorded(&world, "test.v1.Probe/Server");
        assert_eq!((stream.len(), stream[0].failure), (1, Some(FailureKind::Reset)));
        passed(&world.perform(session.as_mut(), 3).await);
        let none = world.perform(session.as_mut(), 4).await;
        assert_eq!(none.outcome.failure, Some(FailureKind::Status), "{none:?}");
        assert!(none.detail.expect("told").contains("NOT_FOUND"));
        let closed = world.perform(session.as_mut(), 5).await;
        assert_eq!((closed.outcome.status, closed.outcome.failure), (Some(5), Some(FailureKind::Status)));
        let told = world.recorded.borrow().notices.join("\n");
        assert!(told.contains("test.v1.Probe/Both: status: the server says NOT_FOUND (5)"), "{told}");
    });
}

#[test]
fn a_step_that_checks_the_status_judges_the_stream() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Both, metadata: {do: trailers only}}", NOTHING),
            ("{close: true}", JUDGES),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        let closed = passed(&world.perform(session.as_mut(), 1).await);
        assert_eq!(closed.status, Some(5));
        let stream = recorded(&world, "test.v1.Probe/Both");
        assert_eq!((stream[0].status, stream[0].failure), (Some(5), None));
    });
}

#[test]
fn a_stream_that_is_wanted_no_longer_is_cancelled_which_is_no_failure() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Server, metadata: {do: endless}}", NOTHING),
            ("{receive: true, count: 3}", ALL),
            ("{cancel: true}", ALL),
        ];
        // By a step, by opening it again, by the user's leaving, with the iteration's connection.
        for (walk, settings) in [
            (&[0, 1, 2][..], ""),
            (&[0, 0][..], ""),
            (&[0][..], ""),
            (&[0, 1][..], "connections: per_iteration"),
        ] {
            let mut world = world(&server, settings, &steps);
            let mut session = world.session(0);
            for step in walk {
                let exchange = world.perform(session.as_mut(), *step).await;
                passed(&exchange);
                if *step == 2 {
                    assert_eq!(exchange.outcome.status, Some(1));
                }
            }
            if settings.is_empty() {
                session.leave().await;
            } else {
                session.begin_iteration();
            }
            while recorded(&world, "test.v1.Probe/Server").len()
                < walk.iter().filter(|step| **step == 0).count()
            {
                tokio::task::yield_now().await;
            }
            let ends: Vec<_> = recorded(&world, "test.v1.Probe/Server");
            assert!(ends.iter().all(|end| (end.status, end.failure) == (Some(1), None)), "{ends:?}");
            drop(session);
            assert_eq!(world.metrics().get("grpc.client_CANCELLED"), Some(&(ends.len() as f64)));
        }
    });
}

#[test]
fn a_user_that_is_cut_off_leaves_a_record_of_its_streams() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [("{open: test.v1.Probe/Server, metadata: {do: endless}}", NOTHING)];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        drop(session);
        let ends = recorded(&world, "test.v1.Probe/Server");
        assert_eq!((ends.len(), ends[0].failure), (1, Some(FailureKind::Cut)));
    });
}

#[test]
fn waiting_ends_by_a_steps_own_time_and_a_streams_by_its_own() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Server, as: short, timeout: 300ms, metadata: {do: silence}}", NOTHING),
            ("{receive: short, timeout: 50ms}", ALL),
            ("{receive: short}", ALL),
            ("{open: test.v1.Probe/Server, as: long, metadata: {do: stuck}}", NOTHING),
            ("{close: long, timeout: 100ms}", ALL),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        let early = world.perform(session.as_mut(), 1).await;
        assert_eq!(early.outcome.failure, Some(FailureKind::Timeout));
        assert!(early.detail.expect("told").contains("no message came"));
        assert!(recorded(&world, "test.v1.Probe/Server").is_empty(), "the stream goes on");
        let late = world.perform(session.as_mut(), 2).await;
        assert_eq!(late.outcome.failure, Some(FailureKind::Timeout));
        assert_eq!(recorded(&world, "test.v1.Probe/Server")[0].failure, Some(FailureKind::Timeout));
        passed(&world.perform(session.as_mut(), 3).await);
        let unclosed = world.perform(session.as_mut(), 4).await;
        assert_eq!(unclosed.outcome.failure, Some(FailureKind::Timeout));
        session.leave().await;
        while recorded(&world, "test.v1.Probe/Server (2)").is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(recorded(&world, "test.v1.Probe/Server (2)")[0].failure, Some(FailureKind::Timeout));
    });
}

#[test]
fn the_oldest_messages_make_room_when_nobody_takes_them() {
    let server = Server::start(Manners::default());
    run(async {
        let steps = [
            ("{open: test.v1.Probe/Server, data: {count: 1500}}", NOTHING),
            ("{close: true}", ALL),
            ("{open: test.v1.Probe/Server, data: {count: 1500}}", NOTHING),
            ("{receive: true, timeout: 20s}", ALL),
        ];
        let mut world = world(&server, "", &steps);
        let mut session = world.session(0);
        passed(&world.perform(session.as_mut(), 0).await);
        passed(&world.perform(session.as_mut(), 1).await);
        assert_eq!(json(session.as_ref())["id"], "1499", "the last that was not taken");
        assert_eq!(session.reply().field("messages", "count").as_deref(), Some("1500"));
        passed(&world.perform(session.as_mut(), 2).await);
        session.leave().await;
        drop(session);
        let told = world.recorded.borrow().notices.join("\n");
        assert!(told.contains("the oldest are dropped"), "{told}");
        assert!(world.metrics().get("grpc.messages_dropped").is_some_and(|dropped| *dropped >= 500.0));
    });
}

#[test]
fn a_stream_that_cannot_be_opened_is_a_failure_of_its_step() {
    run(async {
        let steps = [("{open: test.v1.Probe/Server}", NOTHING), ("{receive: true}", NOTHING)];
        let plan = compile(Some("grpc://127.0.0.1:1"), &with_proto(""), &steps, &Variables::default());
        let mut world = World::new(plan.expect("compiles"));
        let mut session = world.session(0);
        let refused = world.perform(session.as_mut(), 0).await;
        assert_eq!(
            (refused.outcome.failure, refused.settled),
            (Some(FailureKind::ConnectRefused), Settled::Now)
        );
        let none = world.perform(session.as_mut(), 1).await;
        assert_eq!(none.outcome.failure, Some(FailureKind::Request));
        assert!(none.detail.expect("told").contains("is not open"));
    });
}

#[test]
fn mistakes_of_steps_on_streams_are_told_before_the_run() {
    let open = ("{open: test.v1.Probe/Both, as: chat}", NOTHING);
    let other = ("{open: test.v1.Probe/Server}", NOTHING);
    for (steps, part) in [
        (&[("{receive: true}", NOTHING)][..], "no stream is open here"),
        (&[open, ("{receive: chta}", NOTHING)][..], "did you mean `chat`?"),
        (&[open, ("{receive: test.v1.Probe/Both}", NOTHING)][..], "those that are open: `chat`"),
        (&[open, other, ("{receive: true}", NOTHING)][..], "there are 2 streams here"),
        (&[open, ("{receive: 5}", NOTHING)][..], "stands in `count`"),
        (&[open, ("{receive: true, every: 1s}", NOTHING)][..], "`every` beside `receive`"),
        (&[open, ("{send: true, cancel: true}", NOTHING)][..], "`cancel` beside `send`"),
        (&[open, ("{call: test.v1.Probe/Unary, as: x}", NOTHING)][..], "`as` in a step that calls"),
        (
            &[open, ("{call: test.v1.Probe/Unary, cancel: true}", NOTHING)][..],
            "`{after: TIME}` beside `call`",
        ),
        (&[open, ("{call: test.v1.Probe/Server, receive: true}", NOTHING)][..], "whole number"),
        (&[open, ("{open: test.v1.Probe/Server, as: chat}", NOTHING)][..], "expected another name"),
        (&[open, ("{cancel: {after: 1s}}", NOTHING)][..], "`call` beside it"),
        (&[other, ("{send: true}", NOTHING)][..], "which takes one message"),
        (
            &[("{open: test.v1.Probe/Client}", NOTHING), ("{receive: true}", NOTHING)][..],
            "`close` waits for it",
        ),
        (&[("{open: test.v1.Probe/Both}", ALL)][..], "beside `receive` or `close`"),
        (&[("{open: test.v1.Probe/Server, key: id}", NOTHING)][..], "messages go one way"),
        (&[("{open: test.v1.Probe/Bth}", NOTHING)][..], "Both"),
        (&[open, ("{send: chat, data: {txt: a}}", NOTHING)][..], "text"),
    ] {
        let told = compile(Some("grpc://127.0.0.1:1"), &with_proto(""), steps, &Variables::default());
        let told = told.err().expect(part);
        assert!(told.contains(part) && told.starts_with("plan:1:"), "{part}: {told}");
    }
}
