//! Sessions against the embedded target: TLS, and redirects between places that are trusted and those that are not.

use prony_core::{FailureKind, Phase};
use prony_ws::demo::{Target, TargetOptions};

use crate::server::Server;
use crate::world::{once, run, world};

fn target() -> Target {
    let free = "127.0.0.1:0".parse().ok();
    Target::start(TargetOptions { plain: free, tls: free, threads: 1, seed: 1 }).expect("starts")
}

#[test]
fn a_connection_over_tls_is_one_like_any_other() {
    let target = target();
    run(async {
        let url = format!("wss://{}/echo", target.tls().expect("bound"));
        let steps = ["connect", "{request: {size: 200000, fragments: 3}}", "ping", "close"];
        let mut world = world(&url, "{}", &steps);
        let mut session = world.session(0);
        let outcomes = world.perform_all(session.as_mut()).await;
        assert!(outcomes[0].phases.get(Phase::Tls).is_some());
        assert_eq!((outcomes[1].body_bytes, outcomes[3].status), (200_000, Some(1000)));
    });
}

#[test]
fn no_redirect_leads_out_of_tls() {
    let target = target();
    run(async {
        let (plain, tls) = (target.plain().expect("bound"), target.tls().expect("bound"));
        let url = format!("wss://{tls}/echo?redirect=ws://{plain}/echo");
        let (exchange, _, _) = once(&url, "{redirects: 3}", "connect").await;
        assert_eq!(exchange.outcome.failure, Some(FailureKind::Redirect), "{exchange:?}");
        assert!(exchange.detail.is_some_and(|told| told.contains("never followed")));
    });
}

#[test]
fn what_is_meant_for_one_server_is_told_to_no_other() {
    let (target, other) = (target(), Server::start());
    run(async {
        let url = format!("ws://{}/echo?redirect={}", target.plain().expect("bound"), other.url("/echo"));
        let settings = "{redirects: 1, bearer: secret, cookies: {a: b}, headers: {x-kept: '1'}}";
        let (exchange, _, _) = once(&url, settings, "connect").await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let head = other.seen().heads.remove(0).to_ascii_lowercase();
        assert!(
            head.contains("x-kept: 1") && !head.contains("authorization") && !head.contains("cookie"),
            "{head}"
        );
    });
}
