//! Where connections go to and come from.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use prony_core::{FailureKind, Phase};
use prony_transport::Origin;
use socket2::{Domain, Socket, Type};

use crate::peer::{Peer, connector, folder, greeted, refused, worker};

fn plain(host: &str, port: u16) -> Origin {
    Origin { tls: false, host: host.into(), port }
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let folder = folder();
    // A port that was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.local_addr().expect("an address").port()
    };
    let (failure, phases) = refused(&worker("{}", folder.path(), &[]), &plain("127.0.0.1", port)).await;
    assert_eq!(failure.kind, FailureKind::ConnectRefused);
    assert!(failure.detail.contains(&format!("127.0.0.1:{port}")), "{}", failure.detail);
    assert!(phases.get(Phase::Connect).is_some());
}

#[tokio::test]
async fn a_peer_that_takes_no_more_connections_is_given_up() {
    let folder = folder();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bound");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().expect("an address").as_socket().expect("an address");
    // Fills the queue of those waiting to be accepted; what comes then is not answered.
    let waiting: Vec<Socket> = (0..8)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            client.set_nonblocking(true).expect("set");
            let _ = client.connect(&address.into());
            client
        })
        .collect();
    let worker = worker("{network: {connect_timeout: 150ms}}", folder.path(), &[]);
    let (failure, phases) = refused(&worker, &plain("127.0.0.1", address.port())).await;
    assert_eq!(failure.kind, FailureKind::ConnectTimeout, "{}", failure.detail);
    assert!(failure.detail.contains("longer than 150ms"), "{}", failure.detail);
    assert!(phases.get(Phase::Connect).expect("timed") >= 149_000_000);
    drop(waiting);
}

#[tokio::test]
async fn connections_come_from_the_addresses_named_in_turn() {
    let folder = folder();
    for (source, expected) in [
        ("127.0.0.7", &["127.0.0.7"][..]),
        ("127.0.0.2..127.0.0.4", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]),
        ("[127.0.0.9, 127.0.0.11..127.0.0.12]", &["127.0.0.11", "127.0.0.12", "127.0.0.9"]),
    ] {
        let peer = Peer::plain().await;
        let connector = connector(&format!("{{network: {{source: {source}}}}}"), folder.path(), &[])
            .expect("a good plan");
        for number in 0..2 {
            let worker = connector.worker(number);
            for _ in 0..6 {
                greeted(&worker, &plain("127.0.0.1", peer.address.port())).await.expect("connected");
            }
        }
        let seen: Vec<String> = peer.seen().iter().map(|seen| seen.from.ip().to_string()).collect();
        let different: BTreeSet<&str> = seen.iter().map(String::as_str).collect();
        assert_eq!(different.into_iter().collect::<Vec<_>>(), expected);
        for address in expected {
            let times = seen.iter().filter(|one| one == address).count();
            assert_eq!(times, 12 / expected.len(), "{address} of {source}");
        }
    }
}

#[test]
fn an_address_of_another_machine_is_refused_before_the_run() {
    // TEST-NET-1 of RFC 5737 is nobody's.
    let folder = folder();
    let problem = connector("network: {source: 192.0.2.1}", folder.path(), &[]).expect_err("refused");
    assert!(problem.starts_with("plan.yaml:1:19: connections cannot come from 192.0.2.1"), "{problem}");
    assert!(problem.contains("expected addresses of this machine"), "{problem}");
}

#[tokio::test]
async fn pinned_names_ask_nobody() {
    let folder = folder();
    let peer = Peer::plain().await;
    let port = peer.address.port();
    for (words, host, asked) in [
        (format!("{{'shop.test:{port}': 127.0.0.1}}"), "shop.test", port),
        (format!("{{'Shop.Test:{port}': 127.0.0.1}}"), "shop.test", port),
        (format!("{{'shop.test:443': '127.0.0.1:{port}'}}"), "shop.test", 443),
        (format!("{{'192.0.2.1:80': '127.0.0.1:{port}'}}"), "192.0.2.1", 80),
        (format!("{{'[2001:db8::1]:80': '127.0.0.1:{port}'}}"), "2001:db8::1", 80),
    ] {
        let connector = connector(&format!("{{network: {{resolve: {words}}}}}"), folder.path(), &[])
            .expect("a good plan");
        let origin = plain(host, asked);
        connector.resolve_now(std::slice::from_ref(&origin)).expect("pinned");
        let (_, phases) = greeted(&connector.worker(0), &origin).await.expect("connected");
        assert_eq!(phases.get(Phase::Dns), None, "{words}");
    }
}

#[tokio::test]
async fn names_are_looked_up_once_or_for_each_connection() {
    let folder = folder();
    let peer = Peer::plain().await;
    let origin = plain("localhost", peer.address.port());
    for (words, timed) in [("once", false), ("per_connection", true)] {
        let connector =
            connector(&format!("{{network: {{dns: {words}}}}}"), folder.path(), &[]).expect("a good plan");
        connector.resolve_now(std::slice::from_ref(&origin)).expect("localhost has an address");
        let (_, phases) = greeted(&connector.worker(0), &origin).await.expect("connected");
        assert_eq!(phases.get(Phase::Dns).is_some(), timed, "{words}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let folder = folder();
    // A label of 64 characters is none (RFC 1035, section 2.3.4): the resolver refuses it without asking anybody.
    let host = format!("{}.invalid", "x".repeat(64));
    let origin = plain(&host, 80);
    let once = connector("{}", folder.path(), &[]).expect("a good plan");
    let problem = once.resolve_now(std::slice::from_ref(&origin)).expect_err("no address").to_string();
    assert!(problem.contains("has no address; check its spelling, or pin it"), "{problem}");
    assert!(problem.contains(&host), "{problem}");
    let later = connector("{network: {dns: per_connection}}", folder.path(), &[]).expect("a good plan");
    later.resolve_now(std::slice::from_ref(&origin)).expect("nothing to do yet");
    let (failure, phases) = refused(&later.worker(0), &origin).await;
    assert_eq!(failure.kind, FailureKind::Dns);
    assert!(failure.detail.contains(&host), "{}", failure.detail);
    assert!(phases.get(Phase::Dns).is_some() && phases.get(Phase::Connect).is_none());
}
