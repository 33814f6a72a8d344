//! The target by itself, held against tungstenite's client and, where the rules are broken, against the bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use prony_transport::target::clock;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use super::{Target, TargetOptions};

fn start() -> Target {
    let plain = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    Target::start(TargetOptions { plain, tls: None, threads: 2, seed: 1 }).expect("it starts")
}

fn socket(target: &Target) -> TcpStream {
    let socket = TcpStream::connect(target.plain().expect("a port")).expect("it accepts");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    socket
}

fn try_to(
    target: &Target,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket<TcpStream>, Error> {
    let mut request = format!("ws://localhost{path}").into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    match client(request, socket(target)) {
        Ok((client, _)) => Ok(client),
        Err(HandshakeError::Failure(error)) => Err(error),
        Err(HandshakeError::Interrupted(_)) => panic!("the handshake takes too long"),
    }
}

fn open(target: &Target, path: &str) -> WebSocket<TcpStream> {
    try_to(target, path, &[]).expect("an upgrade")
}

fn json(message: &Message) -> Value {
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

/// What the target says to plain HTTP.
fn http(target: &Target, request: &str) -> String {
    let mut socket = socket(target);
    socket.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

fn control(target: &Target, order: &str, body: &str) -> String {
    let length = body.len();
    http(
        target,
        &format!("POST /_control/{order} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
}

fn counters(target: &Target) -> Value {
    let answer = http(target, "GET /_control/counters HTTP/1.1\r\nhost: x\r\n\r\n");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

#[test]
fn what_is_sent_comes_back() {
    let target = start();
    let mut client = open(&target, "/echo");
    for message in [Message::text("häl"), Message::binary(vec![0, 255]), Message::text("x".repeat(300_000))]
    {
        client.send(message.clone()).expect("sent");
        assert_eq!(client.read().expect("an answer"), message);
    }
    client.send(Message::Ping(Bytes::from_static(b"p"))).expect("sent");
    assert_eq!(client.read().expect("an answer"), Message::Pong(Bytes::from_static(b"p")));
    client.close(Some(CloseFrame { code: 4002.into(), reason: "bye".into() })).expect("sent");
    assert!(matches!(client.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 4002));
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    let mut counted = counters(&target);
    for _ in 0..100 {
        if counted["open"] == 0 {
            break;
        }
        counted = counters(&target);
    }
    assert_eq!(
        (&counted["open"], &counted["ends"]["4002"], &counted["messages"]["received"]),
        (&0.into(), &1.into(), &3.into())
    );
}

#[test]
fn a_room_is_heard_by_all_in_it() {
    let target = start();
    let mut ada = open(&target, "/room/hall?user=ada&presence");
    assert_eq!(json(&ada.read().expect("a message"))["type"], "join");
    let mut bob = open(&target, "/room/hall?user=bob");
    assert_eq!(json(&ada.read().expect("a message"))["user"], "bob");
    let mut other = open(&target, "/room/other");
    other.send(Message::text("elsewhere")).expect("sent");
    bob.send(Message::text("hi")).expect("sent");
    assert_eq!(bob.read().expect("a message"), Message::text("hi"));
    assert_eq!(ada.read().expect("a message"), Message::text("hi"));
    drop(bob);
    assert_eq!(json(&ada.read().expect("a message"))["type"], "leave");
}

#[test]
fn a_feed_is_numbered_and_ends() {
    let target = start();
    let mut client = open(&target, "/feed/prices?rate=5000&count=100&size=200");
    for number in 1..=100 {
        let message = client.read().expect("a message");
        assert_eq!(message.len(), 200);
        let message = json(&message);
        assert_eq!((&message["seq"], &message["room"]), (&number.into(), &"prices".into()));
        assert!(message["at"].as_u64().is_some_and(|at| at > 1_600_000_000_000_000));
    }
    assert!(matches!(client.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1000));
    let numbers = |path: &str| {
        let mut client = open(&target, path);
        let mut found = Vec::new();
        while let Ok(message @ Message::Text(_)) = client.read() {
            found.push(json(&message)["seq"].as_u64().expect("a number"));
        }
        found
    };
    assert_eq!(numbers("/feed?rate=10000&count=6&lose=3"), [1, 2, 4, 5]);
    assert_eq!(numbers("/feed?rate=10000&count=4&double=2"), [1, 2, 2, 3, 4, 4]);
    assert_eq!(numbers("/feed?rate=10000&count=5&swap=2"), [1, 3, 2, 5, 4]);
    assert_eq!(numbers("/feed?rate=1000&for=50ms").len(), 50);
}

#[test]
fn a_bridge_asks_for_a_token_and_brings_what_comes_from_elsewhere() {
    let target = start();
    let refused = try_to(&target, "/bridge?topic=site/%2B/t", &[]).expect_err("no token");
    assert!(matches!(&refused, Error::Http(response) if response.status() == 401), "{refused}");
    let token = prony_transport::target::token::make("ada");
    let header = format!("Bearer {token}");
    let mut client =
        try_to(&target, "/bridge?topic=site/%2B/t", &[("authorization", &header)]).expect("an upgrade");
    let mut plain = open(&target, &format!("/bridge?topic=site/7/t&payload&token={token}"));
    assert_eq!(target.bridge().publish("site/7/t", &Bytes::from_static(b"{\"v\":21}")), 2);
    let brought = json(&client.read().expect("a message"));
    assert_eq!((&brought["topic"], &brought["payload"]["v"]), (&"site/7/t".into(), &21.into()));
    assert_eq!(plain.read().expect("a message"), Message::text("{\"v\":21}"));
}

#[test]
fn headers_and_subprotocols_are_shown() {
    let target = start();
    let mut client = try_to(
        &target,
        "/headers?a=1",
        &[
            ("origin", "https://shop.test"),
            ("sec-websocket-protocol", "chat.v2, chat.v1"),
            ("cookie", "session=x"),
        ],
    )
    .expect("an upgrade");
    let told = json(&client.read().expect("a message"));
    assert_eq!(told["headers"]["origin"], "https://shop.test");
    assert_eq!((&told["query"], &told["headers"]["cookie"]), (&"a=1".into(), &"session=x".into()));
}

#[test]
fn an_upgrade_can_be_refused_and_redirected() {
    let target = start();
    for (path, status) in [
        ("/echo?status=503", 503),
        ("/echo?redirect=/room/x", 302),
        ("/redirect/2", 302),
        ("/nowhere", 404),
        ("/room/", 404),
        ("/bridge", 401),
        ("/echo?delay=5", 400),
        ("/feed?rate=0", 400),
    ] {
        let refused = try_to(&target, path, &[]).expect_err(path);
        let Error::Http(response) = &refused else { panic!("{path}: {refused}") };
        assert_eq!(response.status(), status, "{path}");
    }
    let mut client = open(&target, "/redirect/0");
    client.send(Message::text("here")).expect("sent");
    assert_eq!(client.read().expect("an answer"), Message::text("here"));
    let refused = try_to(&target, "/echo", &[("prony-fault", "closed")]).expect_err("no such fault");
    assert!(matches!(&refused, Error::Http(response) if response.status() == 400), "{refused}");
    for (fault, broken) in [
        ("wrong_accept", ProtocolError::SecWebSocketAcceptKeyMismatch),
        ("no_accept", ProtocolError::SecWebSocketAcceptKeyMismatch),
        ("half", ProtocolError::HandshakeIncomplete),
        ("hang_up", ProtocolError::HandshakeIncomplete),
    ] {
        let error = try_to(&target, &format!("/echo?handshake={fault}"), &[]).expect_err(fault);
        assert!(matches!(&error, Error::Protocol(found) if *found == broken), "{fault}: {error:?}");
    }
    assert!(http(&target, "GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 426"));
    assert!(http(&target, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert!(http(&target, "\x16\x03\x01garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
}

/// What the target sends behind the handshake's answer, to its end or for as much as is asked.
fn raw(target: &Target, path: &str, most: usize) -> Vec<u8> {
    let mut socket = socket(target);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("written");
    let mut found = Vec::new();
    while !found.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("a head");
        found.extend(byte);
    }
    assert!(found.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&found));
    let mut behind = vec![0; most];
    let mut length = 0;
    while length < most {
        match socket.read(&mut behind[length..]) {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
    }
    behind.truncate(length);
    behind
}

#[test]
fn frames_break_the_rules_as_ordered() {
    let target = start();
    for (fault, begins) in [
        ("masked", &[0x81, 0x85][..]),
        ("reserved_bit", &[0xc1, 5]),
        ("bad_opcode", &[0x83, 5]),
        ("bad_utf8", &[0x81, 4, b'h', 0xc3]),
        ("short_close", &[0x88, 1]),
        ("bad_close", &[0x88, 2, 0x03, 0xed]),
        ("bad_continuation", &[0x80, 5]),
        ("interrupted", &[0x01, 5]),
        ("long_ping", &[0x89, 126, 0, 126]),
        ("part_ping", &[0x09, 5]),
        ("oversized=5MB", &[0x82, 127, 0, 0, 0, 0, 0, 0x4c, 0x4b, 0x40]),
        ("endless", &[0x02, 126, 0x3e, 0x80]),
        ("close=4001&reason=x", &[0x88, 3, 0x0f, 0xa1, b'x']),
        ("close", &[0x88, 0]),
        ("stuck_frame", &[0x81, 100]),
        ("greeting=2&no_reply", b"\x81\x0e{\"greeting\":1}\x81\x0e{\"greeting\":2}"),
    ] {
        let early = if fault.contains("greeting") { "" } else { "&early" };
        let found = raw(&target, &format!("/echo?{fault}{early}"), begins.len());
        assert_eq!(found, begins, "{fault}");
    }
    assert_eq!(raw(&target, "/echo?half_frame&early", 1_000).len(), 52);
    assert!(raw(&target, "/echo?hang_up&early", 1).is_empty());
    assert!(raw(&target, "/echo?reset&early", 1).is_empty());
}

#[test]
fn an_ending_waits_for_its_message() {
    let target = start();
    let mut client = open(&target, "/echo?close=4001&after=2");
    for text in ["one", "two", "three"] {
        client.send(Message::text(text)).expect("sent");
    }
    assert_eq!(client.read().expect("an answer"), Message::text("one"));
    assert_eq!(client.read().expect("an answer"), Message::text("two"));
    assert!(matches!(client.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 4001));
    // No answers, but pings have theirs; and no pongs, but a feed goes on.
    let mut client = open(&target, "/echo?no_reply&after=1");
    for text in ["one", "two"] {
        client.send(Message::text(text)).expect("sent");
    }
    client.send(Message::Ping(Bytes::new())).expect("sent");
    assert_eq!(client.read().expect("an answer"), Message::text("one"));
    assert_eq!(client.read().expect("an answer"), Message::Pong(Bytes::new()));
    let mut client = open(&target, "/feed?rate=1000&no_pong");
    client.send(Message::Ping(Bytes::new())).expect("sent");
    for number in 1..=20 {
        assert_eq!(json(&client.read().expect("a message"))["seq"], number);
    }
}

#[test]
fn answers_wait_as_ordered_and_keep_their_order_unless_told() {
    let target = start();
    let mut client = open(&target, "/echo?delay=uniform(0ms,20ms)");
    let mut free = open(&target, "/echo?delay=uniform(0ms,50ms)&unordered");
    for number in 0..50 {
        client.send(Message::text(number.to_string())).expect("sent");
        free.send(Message::text(number.to_string())).expect("sent");
    }
    let mut overtaken = false;
    for number in 0..50 {
        assert_eq!(client.read().expect("an answer"), Message::text(number.to_string()));
        overtaken |= free.read().expect("an answer") != Message::text(number.to_string());
    }
    assert!(overtaken);
}

#[test]
fn control_calls_change_what_comes_and_what_is_there() {
    let target = start();
    assert!(
        control(&target, "fault", r#"{"path": "/echo", "fault": "status=503"}"#).starts_with("HTTP/1.1 200")
    );
    assert!(try_to(&target, "/echo", &[]).is_err());
    open(&target, "/sink");
    assert!(control(&target, "reset", "").starts_with("HTTP/1.1 200"));
    let mut client = open(&target, "/echo");
    let mut other = open(&target, "/room/x");
    assert!(
        control(&target, "end", r#"{"path": "/room/*", "fault": "close=1012"}"#).starts_with("HTTP/1.1 200")
    );
    assert!(matches!(other.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1012));
    client.send(Message::text("still here")).expect("sent");
    assert_eq!(client.read().expect("an answer"), Message::text("still here"));
    for (order, body, told) in [
        ("stall", "{}", "expected `for`"),
        ("fault", r#"{"fault": "odd"}"#, "`odd` is no fault"),
        ("end", r#"{"fault": "delay=1ms"}"#, "an ending"),
        ("reset", r#"{"a": 1}"#, "this call has none"),
        ("fault", r#"{"path": "echo", "fault": "reset"}"#, "expects a path"),
    ] {
        let answer = control(&target, order, body);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(told), "{order}: {answer}");
    }
    // Counted from before the order: however late the message comes, its answer does not come before the stall's end.
    let begun = clock::now();
    control(&target, "stall", r#"{"for": "300ms"}"#);
    client.send(Message::text("held")).expect("sent");
    assert_eq!(client.read().expect("an answer"), Message::text("held"));
    assert!(clock::now() - begun >= Duration::from_millis(299));
}

#[test]
fn a_client_that_breaks_the_rules_is_told() {
    let target = start();
    for (frames, code) in [
        (&[0x81, 0x02, b'h', b'i'][..], 1002),
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        (&[0x82, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0], 1009),
    ] {
        let mut client = open(&target, "/echo");
        client.get_mut().write_all(frames).expect("written");
        let found = client.read();
        assert!(
            matches!(&found, Ok(Message::Close(Some(frame))) if u16::from(frame.code) == code),
            "{code}: {found:?}"
        );
    }
}
