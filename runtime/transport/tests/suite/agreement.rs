//! What TLS agrees on: versions, application protocols, resumption, the client's identity; and peers with which nothing
//! can be agreed on.

use prony_core::{FailureKind, Phase, Phases};
use prony_transport::{Handshake, Stream, failure_of_io, story_of_io};
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncReadExt;

use crate::peer::{
    Authority, Leaf, Manners, Peer, Valid, clock, connector, folder, greeted, leave, refused, worker, write,
};

/// A folder with an authority's file, and a certificate of it for 127.0.0.1.
fn prepared() -> (tempfile::TempDir, Authority, Leaf) {
    let (folder, authority) = (folder(), Authority::new("ours"));
    write(folder.path(), "ca.pem", &authority.pem());
    let leaf = authority.issue("127.0.0.1", Valid::Now);
    (folder, authority, leaf)
}

#[tokio::test]
async fn versions_are_those_both_speak() {
    let (folder, _, leaf) = prepared();
    let (old, new) = (ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3);
    for (words, peers, agreed) in [
        ("", &[&TLS13, &TLS12][..], Some(new)),
        ("", &[&TLS12], Some(old)),
        ("", &[&TLS13], Some(new)),
        (", max_version: '1.2'", &[&TLS13, &TLS12], Some(old)),
        (", min_version: '1.3'", &[&TLS13, &TLS12], Some(new)),
        (", min_version: '1.3'", &[&TLS12], None),
        (", max_version: '1.2'", &[&TLS13], None),
    ] {
        let peer = Peer::tls(Manners { versions: peers, ..Manners::of(&leaf) }).await;
        let worker = worker(&format!("{{tls: {{ca: ca.pem{words}}}}}"), folder.path(), &[]);
        match agreed {
            Some(version) => {
                greeted(&worker, &peer.origin("127.0.0.1")).await.expect("agreed");
                assert_eq!(peer.seen()[0].version, Some(version), "{words}");
            }
            None => {
                let (failure, _) = refused(&worker, &peer.origin("127.0.0.1")).await;
                assert_eq!(failure.kind, FailureKind::Tls, "{}", failure.detail);
                assert!(failure.detail.contains("`min_version` and `max_version`"), "{}", failure.detail);
            }
        }
    }
}

#[tokio::test]
async fn the_application_protocol_is_the_first_both_speak() {
    let (folder, _, leaf) = prepared();
    for (offered, spoken, agreed) in [
        (&["h2", "http/1.1"][..], &["h2", "http/1.1"][..], Some("h2")),
        (&["h2", "http/1.1"], &["http/1.1"], Some("http/1.1")),
        (&["http/1.1"], &["h2", "http/1.1"], Some("http/1.1")),
        (&["h2"], &[], None),
    ] {
        let peer = Peer::tls(Manners { alpn: spoken, ..Manners::of(&leaf) }).await;
        let worker = worker("{tls: {ca: ca.pem}}", folder.path(), offered);
        let (connected, _) = greeted(&worker, &peer.origin("127.0.0.1")).await.expect("agreed");
        assert_eq!(connected.alpn.as_deref(), agreed.map(str::as_bytes), "{offered:?} {spoken:?}");
    }
    let peer = Peer::tls(Manners { alpn: &["http/1.1"], ..Manners::of(&leaf) }).await;
    let worker = worker("{tls: {ca: ca.pem}}", folder.path(), &["h2"]);
    let (failure, _) = refused(&worker, &peer.origin("127.0.0.1")).await;
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.detail.contains("does not speak the HTTP version"), "{}", failure.detail);
}

#[tokio::test]
async fn sessions_are_resumed_unless_told_otherwise() {
    let (folder, _, leaf) = prepared();
    for versions in [&[&TLS12][..], &[&TLS13]] {
        for (words, later) in [("", Handshake::Resumed), (", resume: false", Handshake::Full)] {
            let peer = Peer::tls(Manners { versions, ..Manners::of(&leaf) }).await;
            let worker = worker(&format!("{{tls: {{ca: ca.pem{words}}}}}"), folder.path(), &[]);
            let mut handshakes = Vec::new();
            for _ in 0..4 {
                let (connected, _) = greeted(&worker, &peer.origin("127.0.0.1")).await.expect("agreed");
                handshakes.push(connected.handshake);
                leave(connected.stream).await;
            }
            assert_eq!(handshakes[0], Some(Handshake::Full));
            assert!(
                handshakes[1..].iter().all(|one| *one == Some(later)),
                "{versions:?} {words} {handshakes:?}"
            );
            let resumed = peer.seen().iter().filter(|seen| seen.resumed).count();
            assert_eq!(resumed, if later == Handshake::Resumed { 3 } else { 0 }, "as the peer saw it");
        }
    }
}

#[tokio::test]
async fn workers_share_no_sessions() {
    let (folder, _, leaf) = prepared();
    let peer = Peer::tls(Manners::of(&leaf)).await;
    let connector = connector("{tls: {ca: ca.pem}}", folder.path(), &[]).expect("a good plan");
    for number in 0..3 {
        let (connected, _) =
            greeted(&connector.worker(number), &peer.origin("127.0.0.1")).await.expect("agreed");
        assert_eq!(connected.handshake, Some(Handshake::Full));
        leave(connected.stream).await;
    }
}

const IDENTITY: &str = "{tls: {ca: ca.pem, certificate: me.pem, key: me.key, max_version: 'VERSION'}}";

#[tokio::test]
async fn a_peer_that_asks_for_a_certificate_is_shown_ours() {
    let (folder, authority, leaf) = prepared();
    let me = authority.issue("client.test", Valid::Now);
    write(folder.path(), "me.pem", &me.pem);
    write(folder.path(), "me.key", &me.key_pem);
    for version in ["1.2", "1.3"] {
        let peer = Peer::tls(Manners { clients_of: Some(&authority), ..Manners::of(&leaf) }).await;
        let worker = worker(&IDENTITY.replace("VERSION", version), folder.path(), &[]);
        greeted(&worker, &peer.origin("127.0.0.1")).await.expect("let in");
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_peer_that_wants_another_certificate_says_so() {
    let (folder, authority, leaf) = prepared();
    let me = Authority::new("theirs").issue("client.test", Valid::Now);
    write(folder.path(), "me.pem", &me.pem);
    write(folder.path(), "me.key", &me.key_pem);
    let nobody = "{tls: {ca: ca.pem, max_version: 'VERSION'}}";
    for text in [nobody, IDENTITY] {
        // TLS 1.2: the handshake fails. TLS 1.3: we are through before the peer has looked, and hear it when we read.
        for version in ["1.2", "1.3"] {
            let peer = Peer::tls(Manners { clients_of: Some(&authority), ..Manners::of(&leaf) }).await;
            let worker = worker(&text.replace("VERSION", version), folder.path(), &[]);
            let connected = worker.connect(&peer.origin("127.0.0.1"), &clock(), &mut Phases::default()).await;
            let (kind, story) = match connected {
                Err(failure) => (failure.kind, failure.detail.to_string()),
                Ok(mut connected) => {
                    let error = connected.stream.read(&mut [0; 16]).await.expect_err("refused");
                    (failure_of_io(&error), story_of_io(&error))
                }
            };
            assert_eq!(kind, FailureKind::Tls, "{version}: {story}");
            assert!(story.contains("`tls: {certificate: …, key: …}`"), "{version}: {story}");
            assert_eq!(peer.seen().len(), 0);
        }
    }
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_found_out() {
    let folder = folder();
    let peer = Peer::plain().await;
    let worker = worker("{}", folder.path(), &[]);
    let (failure, phases) = refused(&worker, &peer.origin("127.0.0.1")).await;
    assert_eq!(failure.kind, FailureKind::Tls, "{}", failure.detail);
    assert!(failure.detail.contains("does not speak TLS here"), "{}", failure.detail);
    assert!(phases.get(Phase::Connect).is_some() && phases.get(Phase::Tls).is_some());
}

#[tokio::test]
async fn a_peer_that_never_answers_the_handshake_is_given_up() {
    let folder = folder();
    // The system accepts for it; nobody reads.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let origin = prony_transport::Origin {
        tls: true,
        host: "127.0.0.1".into(),
        port: silent.local_addr().expect("an address").port(),
    };
    let worker = worker("{network: {tls_timeout: 150ms}}", folder.path(), &[]);
    let (failure, phases) = refused(&worker, &origin).await;
    assert_eq!(failure.kind, FailureKind::TlsTimeout);
    assert!(failure.detail.contains("longer than 150ms"), "{}", failure.detail);
    assert!(phases.get(Phase::Tls).expect("timed") >= 149_000_000);
}

#[tokio::test]
async fn a_plain_connection_says_nothing_of_tls() {
    let folder = folder();
    let peer = Peer::plain().await;
    let origin = prony_transport::Origin { tls: false, ..peer.origin("127.0.0.1") };
    let (connected, phases) = greeted(&worker("{}", folder.path(), &[]), &origin).await.expect("connected");
    assert!(matches!(connected.stream, Stream::Plain(_)));
    assert_eq!((connected.alpn, connected.handshake), (None, None));
    assert_eq!(phases.get(Phase::Tls), None);
}
