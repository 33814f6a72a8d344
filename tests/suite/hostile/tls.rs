//! TLS: certificates that must not be accepted, and peers that do not speak it.

use crate::hostile::{Answered, BODY, Failed, OK, USERS, assert_all_by, case, plan};
use crate::servers::{
    Authority, END, END_HEADERS, HEADERS, Identity, Peer, STATUS_200, Server, Valid, frame,
};

#[test]
fn tls_that_cannot_be_trusted() {
    let authority = Authority::new("one");
    let impostor = Authority::new("one");
    let other = Authority::new("other");
    let good = authority.identity("localhost", Valid::Now);
    let answer = |peer: &mut Peer| while peer.request().is_some() && peer.send(OK.as_bytes()) {};
    let tls = |identity: &Identity, alpn: &[&str]| Server::tls(identity.server(alpn), answer);
    let cases = [
        case("right", tls(&good, &["http/1.1"]), Answered).https("ca.pem").connections(USERS),
        case("no-alpn", tls(&good, &[]), Answered).https("ca.pem").steps(BODY),
        case(
            "expired",
            tls(&authority.identity("localhost", Valid::Formerly), &[]),
            Failed("certificate", "expired"),
        )
        .https("ca.pem"),
        case(
            "wrong-host",
            tls(&authority.identity("shop.test", Valid::Now), &[]),
            Failed("certificate", "localhost"),
        )
        .https("ca.pem"),
        case(
            "unknown-authority",
            tls(&other.identity("localhost", Valid::Now), &[]),
            Failed("certificate", "not trusted"),
        )
        .https("ca.pem"),
        case(
            "impostor",
            tls(&impostor.identity("localhost", Valid::Now), &[]),
            Failed("certificate", "did not sign it"),
        )
        .https("ca.pem"),
        case("insecure", tls(&other.identity("shop.test", Valid::Formerly), &[]), Answered)
            .https("ca.pem")
            .further("tls: {insecure: true}"),
        case(
            "plain-server",
            Server::tcp(|peer| {
                peer.take(1);
                peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }),
            Failed("tls", ""),
        )
        .https("ca.pem"),
        case("plain-client", tls(&good, &[]), Failed("protocol", "not HTTP/1.1")),
        case(
            "closed-in-handshake",
            Server::tcp(|peer| {
                peer.take(1);
            }),
            Failed("closed", "handshake"),
        )
        .https("ca.pem"),
        case("no-http2", tls(&good, &[]), Failed("protocol", "does not agree to HTTP/2 (ALPN)"))
            .http("version: 2")
            .https("ca.pem"),
        case(
            "refuses-http2",
            tls(&good, &["http/1.1"]),
            Failed("tls", "does not speak the HTTP version asked for"),
        )
        .http("version: 2")
        .https("ca.pem"),
        case(
            "http2",
            Server::tls(good.server(&["h2"]), |peer| {
                peer.begin_http2(&[]);
                while let Some(stream) = peer.http2_request() {
                    peer.send(&frame(HEADERS, END | END_HEADERS, stream, STATUS_200));
                }
            }),
            Answered,
        )
        .https("ca.pem")
        .connections(USERS),
        case(
            "cut-off-without-notice",
            Server::tls(good.server(&[]), |peer| {
                peer.request();
                peer.send(b"HTTP/1.1 200 OK\r\n\r\nhel");
            }),
            Failed("closed", "without a TLS close_notify after 3 bytes of the body"),
        )
        .https("ca.pem"),
    ];
    let plan = plan(&cases).with_file("ca.pem", authority.pem());
    assert_all_by(&cases, &plan);
}
