//! Connections: a user's own, pools, servers in turn, servers that go away and come back.

use std::time::Duration;

use prony_core::{ConnectionEvent, FailureKind, Variables};

use crate::server::{Manners, Server};
use crate::world::{NOTHING, World, compile, once, run, with_proto};

fn world(targets: &[String], settings: &str, step: &str) -> World {
    let target = targets.first().map(|target| format!("grpc://{target}"));
    let list: Vec<String> = targets.iter().map(|target| format!("'{target}'")).collect();
    let settings = if targets.len() > 1 {
        format!("targets: [{}], {settings}", list.join(", "))
    } else {
        settings.to_owned()
    };
    let plan = compile(target.as_deref(), &with_proto(&settings), &[(step, NOTHING)], &Variables::default());
    World::new(plan.expect("compiles"))
}

fn addresses(servers: &[&Server]) -> Vec<String> {
    servers.iter().map(|server| server.address.to_string()).collect()
}

#[test]
fn a_user_keeps_its_connection_or_makes_one_each_iteration() {
    let server = Server::start(Manners::default());
    run(async {
        for (settings, connections) in [("connections: own", 1), ("connections: per_iteration", 4)] {
            let before = server.connections();
            let mut world = world(&addresses(&[&server]), settings, "test.v1.Probe/Unary");
            let mut session = world.session(0);
            for _ in 0..4 {
                session.begin_iteration();
                let exchange = world.perform(session.as_mut(), 0).await;
                assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            }
            assert_eq!(server.connections() - before, connections, "{settings}");
        }
    });
}

#[test]
fn a_pool_is_shared_and_its_streams_are_limited() {
    let server = Server::start(Manners::default());
    run(async {
        let step = "{call: test.v1.Probe/Unary, metadata: {do: slow}}";
        let mut world = world(&addresses(&[&server]), "connections: {shared: 2, streams: 1}", step);
        let mut sessions: Vec<_> = (0..4).map(|user| world.session(user)).collect();
        let clock = crate::world::clock();
        let began = clock.now();
        for exchange in World::perform_together(&mut sessions, 0).await {
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        }
        // Two connections with a stream each: four calls of 300 ms take two turns.
        assert_eq!(server.connections(), 2);
        assert!(clock.now() - began >= Duration::from_millis(600));
    });
}

#[test]
fn servers_take_turns_and_each_ones_share_is_told() {
    let (one, two) = (Server::start(Manners::default()), Server::start(Manners::default()));
    run(async {
        for connections in ["own", "{shared: 1}"] {
            let (before_one, before_two) = (one.calls(), two.calls());
            let settings = format!("balance: round_robin, connections: {connections}");
            let mut world = world(&addresses(&[&one, &two]), &settings, "test.v1.Probe/Unary");
            let mut session = world.session(0);
            for _ in 0..6 {
                let exchange = world.perform(session.as_mut(), 0).await;
                assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            }
            assert_eq!((one.calls() - before_one, two.calls() - before_two), (3, 3));
            drop(session);
            let metrics = world.metrics();
            for server in [&one, &two] {
                assert_eq!(
                    metrics.get(&format!("grpc.calls_to_127.0.0.1_{}", server.address.port())),
                    Some(&3.0),
                    "{metrics:?}"
                );
            }
        }
    });
}

#[test]
fn a_server_that_is_down_is_passed_over() {
    let up = Server::start(Manners::default());
    run(async {
        let down = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let targets = vec![down.to_string(), up.address.to_string()];
        for balance in ["pick_first", "round_robin"] {
            let settings = format!("balance: {balance}, reconnect: true");
            let mut world = world(&targets, &settings, "test.v1.Probe/Unary");
            let mut session = world.session(0);
            for _ in 0..4 {
                let exchange = world.perform(session.as_mut(), 0).await;
                assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            }
            drop(session);
            // It is tried once, and then not for a while.
            assert_eq!(world.metrics().get("grpc.connect_failures"), Some(&1.0), "{balance}");
        }
    });
}

#[test]
fn a_server_that_goes_away_in_good_order_costs_no_call() {
    let server = Server::start(Manners { goaway_after: Some(2), ..Manners::default() });
    run(async {
        for connections in ["own", "{shared: 1}"] {
            let settings = format!("connections: {connections}");
            let mut world = world(&addresses(&[&server]), &settings, "test.v1.Probe/Unary");
            let mut session = world.session(0);
            for call in 0..7 {
                let exchange = world.perform(session.as_mut(), 0).await;
                assert_eq!(exchange.outcome.failure, None, "{connections} {call}: {exchange:?}");
                // The GOAWAY has its time.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            drop(session);
            let goaways = world.metrics().get("grpc.goaways").copied();
            assert_eq!(goaways, Some(3.0), "{connections}");
        }
    });
}

#[test]
fn a_call_waits_for_its_server_when_it_is_told_to() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let settings = "wait_for_ready: true, reconnect: {after: 50ms, jitter: 0%}";
        let starting = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Server::on(std::net::TcpListener::bind(address).expect("still free"), Manners::default())
        };
        let calling = once(address, settings, "test.v1.Probe/Unary", NOTHING);
        let (server, (exchange, _, _)) = tokio::join!(starting, calling);
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        drop(server);
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let step = "{call: test.v1.Probe/Unary, timeout: 200ms}";
        let (exchange, _, _) = once(free, settings, step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
        assert!(exchange.detail.expect("told").contains("no server became ready (last: connecting to"));
    });
}

#[test]
fn pauses_after_a_failure_fail_calls_at_once() {
    run(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let mut world = world(&[free.to_string()], "reconnect: {after: 1m}", "test.v1.Probe/Unary");
        let mut session = world.session(0);
        for paused in [false, true] {
            let exchange = world.perform(session.as_mut(), 0).await;
            assert_eq!(exchange.outcome.failure, Some(FailureKind::ConnectRefused), "{exchange:?}");
            assert_eq!(exchange.detail.expect("told").contains("tried again in"), paused);
        }
    });
}

#[test]
fn who_waits_for_a_pools_connection_hears_why_there_is_none() {
    run(async {
        // A peer that takes its time to break off the TLS handshake.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let tried = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = std::rc::Rc::clone(&tried);
        let accepting = async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accepts");
                counted.set(counted.get() + 1);
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(stream);
            }
        };
        let calling = async {
            let settings = format!("targets: ['grpcs://{address}'], connections: {{shared: 1}}");
            let mut world = world(&[], &settings, "test.v1.Probe/Unary");
            let mut sessions: Vec<_> = (0..20).map(|user| world.session(user)).collect();
            World::perform_together(&mut sessions, 0).await
        };
        let exchanges = tokio::select! { exchanges = calling => exchanges, () = accepting => Vec::new() };
        let kinds: Vec<_> = exchanges.iter().map(|exchange| exchange.outcome.failure).collect();
        assert_eq!((kinds.len(), tried.get()), (20, 1), "one tries, and all hear of it");
        assert!(kinds.iter().all(|kind| kind.is_some() && *kind == kinds[0]), "{kinds:?}");
        assert_ne!(kinds[0], Some(FailureKind::Timeout));
    });
}

#[test]
fn a_silent_peer_is_found_out_by_pings() {
    run(async {
        // A relay that passes bytes on until it is told not to.
        let server = Server::start(Manners::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let upstream = server.address;
        tokio::spawn(async move {
            let (mut near, _) = listener.accept().await.expect("accepts");
            let mut far = tokio::net::TcpStream::connect(upstream).await.expect("connects");
            let passing = tokio::io::copy_bidirectional(&mut near, &mut far);
            let _ = tokio::time::timeout(Duration::from_millis(300), passing).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        });
        let settings = "keep_alive: {every: 100ms, timeout: 150ms}";
        let step = "{call: test.v1.Probe/Unary, timeout: 10s, metadata: {do: silence}}";
        let (exchange, world, session) = once(address, settings, step, NOTHING).await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Timeout), "{exchange:?}");
        assert!(exchange.detail.expect("told").contains("PING"));
        let took = exchange.outcome.finished - exchange.outcome.intended;
        assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&took), "{took:?}");
        drop(session);
        assert!(world.recorded.borrow().connections.contains(&ConnectionEvent::Closed));
    });
}
