//! Whose certificates are accepted, and what is said of those that are not.

use prony_core::{FailureKind, Phase};

use crate::peer::{Authority, Leaf, Manners, Peer, Valid, folder, greeted, refused, worker, write};

const OWN: &str = "{network: {resolve: {\"shop.test:PORT\": 127.0.0.1}}, tls: {ca: ca.pem, roots: none}}";

fn plan(text: &str, peer: &Peer) -> String {
    text.replace("PORT", &peer.address.port().to_string())
}

#[tokio::test]
async fn an_authority_of_the_plan_is_trusted() {
    let (folder, authority) = (folder(), Authority::new("ours"));
    write(folder.path(), "ca.pem", &authority.pem());
    let leaf = authority.issue("shop.test", Valid::Now);
    let peer = Peer::tls(Manners::of(&leaf)).await;
    let worker = worker(&plan(OWN, &peer), folder.path(), &[]);
    let (_, phases) = greeted(&worker, &peer.origin("shop.test")).await.expect("trusted");
    assert!(phases.get(Phase::Connect).is_some() && phases.get(Phase::Tls).is_some());
    assert_eq!(phases.get(Phase::Dns), None, "a pinned name is not looked up");
    assert_eq!(peer.seen()[0].server_name.as_deref(), Some("shop.test"));
}

#[tokio::test]
async fn several_authorities_may_be_named() {
    let (folder, one, two) = (folder(), Authority::new("one"), Authority::new("two"));
    write(folder.path(), "one.pem", &one.pem());
    write(folder.path(), "both.pem", &format!("{}\n{}", one.pem(), two.pem()));
    let leaf = two.issue("127.0.0.1", Valid::Now);
    let peer = Peer::tls(Manners::of(&leaf)).await;
    let worker = worker("{tls: {ca: [one.pem, both.pem]}}", folder.path(), &[]);
    greeted(&worker, &peer.origin("127.0.0.1")).await.expect("trusted");
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_with_advice() {
    let (folder, authority, stranger) = (folder(), Authority::new("ours"), Authority::new("theirs"));
    let namesake = Authority::new("ours");
    write(folder.path(), "ca.pem", &authority.pem());
    let own = Leaf::authority_itself("shop.test");
    write(folder.path(), "own.pem", &own.pem);
    let of_plan = |text: &str| text.to_owned();
    for (what, leaf, plan_text, advice) in [
        ("unknown", stranger.issue("shop.test", Valid::Now), of_plan(OWN), "name it under `tls: {ca: …}`"),
        (
            "namesake",
            namesake.issue("shop.test", Valid::Now),
            of_plan(OWN),
            "is the file under `tls: {ca: …}` out of date?",
        ),
        (
            "public roots only",
            authority.issue("shop.test", Valid::Now),
            OWN.replace("ca: ca.pem, roots: none", "resume: true"),
            "name it under `tls: {ca: …}`",
        ),
        ("expired", authority.issue("shop.test", Valid::LongAgo), of_plan(OWN), "it has expired; renew it"),
        ("early", authority.issue("shop.test", Valid::Later), of_plan(OWN), "it is not valid yet"),
        ("name", authority.issue("other.test", Valid::Now), of_plan(OWN), "set `tls: {server_name: …}`"),
        ("authority as server", own, OWN.replace("ca.pem", "own.pem"), "CA:TRUE"),
    ] {
        let peer = Peer::tls(Manners::of(&leaf)).await;
        let worker = worker(&plan(&plan_text, &peer), folder.path(), &[]);
        let (failure, phases) = refused(&worker, &peer.origin("shop.test")).await;
        assert_eq!(failure.kind, FailureKind::Certificate, "{what}: {}", failure.detail);
        assert!(failure.detail.contains(advice), "{what}: {}", failure.detail);
        let origin = format!("shop.test:{}", peer.address.port());
        assert!(failure.detail.contains(&origin), "{what}: {}", failure.detail);
        assert!(failure.detail.contains("insecure: true"), "{what}: {}", failure.detail);
        assert!(phases.get(Phase::Tls).is_some(), "{what}: the time it took is known");
        assert_eq!(peer.seen().len(), 0);
    }
}

#[tokio::test]
async fn insecure_accepts_anybody() {
    let (folder, stranger) = (folder(), Authority::new("ours"));
    for leaf in [stranger.issue("other.test", Valid::LongAgo), Leaf::authority_itself("x.test")] {
        for version in ["1.2", "1.3"] {
            let peer = Peer::tls(Manners::of(&leaf)).await;
            let text =
                format!("{{tls: {{insecure: true, min_version: '{version}', max_version: '{version}'}}}}");
            let worker = worker(&text, folder.path(), &[]);
            greeted(&worker, &peer.origin("127.0.0.1")).await.expect("anybody");
        }
    }
}

#[tokio::test]
async fn another_name_may_be_asked_for() {
    let (folder, authority) = (folder(), Authority::new("ours"));
    write(folder.path(), "ca.pem", &authority.pem());
    let leaf = authority.issue("inner.test", Valid::Now);
    let peer = Peer::tls(Manners::of(&leaf)).await;
    let worker = worker("{tls: {ca: ca.pem, server_name: inner.test}}", folder.path(), &[]);
    greeted(&worker, &peer.origin("127.0.0.1")).await.expect("trusted");
    assert_eq!(peer.seen()[0].server_name.as_deref(), Some("inner.test"));
}
