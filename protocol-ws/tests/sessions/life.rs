//! How long connections live: iterations, leaving, being cut off, coming back.

use std::time::Duration;

use prony_core::{ConnectionEvent, FailureKind, Random, Scope, StepIndex};

use crate::server::Server;
use crate::world::{clock, run, world};

#[test]
fn a_connection_is_the_users_or_the_iterations() {
    let server = Server::start();
    run(async {
        for (settings, connections) in [("{}", 1), ("{connections: per_iteration}", 3)] {
            let before = server.seen().heads.len();
            let mut world = world(&server.url("/echo"), settings, &["request a", "request b"]);
            let mut session = world.session(0);
            for _ in 0..3 {
                session.begin_iteration();
                world.perform_all(session.as_mut()).await;
            }
            assert_eq!(server.seen().heads.len() - before, connections, "{settings}");
        }
    });
}

#[test]
fn closing_and_leaving_are_done_in_good_order() {
    let server = Server::start();
    run(async {
        let steps = ["connect", "{close: {code: 4000, reason: 'bye {{user.id}}'}}", "request again"];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        for (step, status) in [(0, 101), (1, 4000), (2, 0)] {
            let exchange = world.perform(session.as_mut(), step).await;
            assert_eq!(
                (exchange.outcome.failure, exchange.outcome.status),
                (None, Some(status)),
                "{exchange:?}"
            );
            if step == 1 {
                assert_eq!(session.reply().field("close", "reason").as_deref(), Some("bye 0"));
                assert_eq!(session.reply().field("close", "code").as_deref(), Some("4000"));
            }
        }
        session.leave().await;
        let seen = server.until(|seen| seen.ended == 2).await;
        let closes: Vec<_> = seen
            .frames
            .iter()
            .filter(|(first, _)| *first == 0x88)
            .map(|(_, payload)| &payload[..2])
            .collect();
        assert_eq!(closes, [&[0x0F, 0xA0][..], &[0x03, 0xE8]]);
        // Who has left may come again.
        let again = world.perform(session.as_mut(), 2).await;
        assert_eq!(again.outcome.failure, None, "{again:?}");
        drop(session);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let metrics = world.metrics();
        assert_eq!((metrics.get("ws.close_4xxx"), metrics.get("ws.close_1000")), (Some(&1.0), Some(&1.0)));
        let recorded = world.recorded.borrow();
        let count = |event| recorded.connections.iter().filter(|one| **one == event).count();
        assert_eq!((count(ConnectionEvent::Opened), count(ConnectionEvent::Closed)), (3, 3));
        assert!(recorded.notices.is_empty(), "{:?}", recorded.notices);
    });
}

#[test]
fn leaving_a_server_that_says_nothing_is_bounded() {
    let server = Server::start();
    run(async {
        let mut world = world(&server.url("/silent"), "{timeout: 300ms}", &["connect"]);
        let mut session = world.session(0);
        world.perform_all(session.as_mut()).await;
        tokio::time::timeout(crate::world::PATIENCE, session.leave()).await.expect("bounded");
    });
}

#[test]
fn a_request_that_is_cut_off_harms_no_other() {
    let server = Server::start();
    run(async {
        let steps = [
            "{request: {json: {id: 1, do: slow}}, match: json $.id}",
            "{request: {json: {id: 2}}, match: json $.id}",
            "request slow",
            "request quick",
        ];
        let mut world = world(&server.url("/echo"), "{}", &steps);
        let mut session = world.session(0);
        for (cut, next) in [(0, 1), (2, 3)] {
            let mut random = Random::new(1, 1, 1);
            let mut scope = Scope {
                values: &[],
                user: 0,
                iteration: 0,
                random: &mut random,
                wall: Duration::ZERO,
                message: None,
                filter: None,
                trace: None,
            };
            let performing = session.perform(StepIndex(cut), &mut scope, clock().now());
            assert!(
                tokio::time::timeout(Duration::from_millis(150), performing).await.is_err(),
                "it is slow"
            );
            let exchange = world.perform(session.as_mut(), next).await;
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            let body = String::from_utf8_lossy(session.reply().body()).into_owned();
            assert!(body.contains("\"id\":2") || body == "quick", "{body}");
        }
        drop(session);
        assert_eq!(world.metrics().get("ws.late"), Some(&1.0));
    });
}

#[test]
fn a_loss_between_steps_is_told_by_the_next_one() {
    let server = Server::start();
    run(async {
        let mut world = world(&server.url("/echo"), "{}", &["send please close", "request a"]);
        let mut session = world.session(0);
        assert_eq!(world.perform(session.as_mut(), 0).await.outcome.failure, None);
        server.until(|seen| seen.ended == 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let next = world.perform(session.as_mut(), 1).await;
        assert_eq!(
            (next.outcome.failure, next.outcome.status),
            (Some(FailureKind::GoAway), Some(4001)),
            "{next:?}"
        );
        let again = world.perform(session.as_mut(), 1).await;
        assert_eq!(again.outcome.failure, None, "{again:?}");
    });
}

#[test]
fn lost_connections_come_back_by_themselves() {
    let server = Server::start();
    run(async {
        let settings = "{reconnect: {after: 50ms}, path: '/push=1', timeout: 5s}";
        let steps = ["receive", "send please close", "receive", "request a"];
        let mut world = world(&server.url("/"), settings, &steps);
        let mut session = world.session(0);
        world.perform(session.as_mut(), 0).await;
        world.perform(session.as_mut(), 1).await;
        // It is lost, comes back, and is pushed to again.
        server.until(|seen| seen.ended == 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let exchange = world.perform(session.as_mut(), 2).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let exchange = world.perform(session.as_mut(), 3).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        session.leave().await;
        drop(session);
        let metrics = world.metrics();
        assert_eq!(
            (metrics.get("ws.connections_lost"), metrics.get("ws.reconnected")),
            (Some(&1.0), Some(&1.0))
        );
    });
}
