//! HTTP/2: connections and streams that end early, frames that are none, settings that hamper.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::hostile::{ALL, Answered, Either, Failed, USERS, assert_all, case, flood};
use crate::servers::{
    DATA, END, END_HEADERS, GOAWAY, HEADERS, Peer, RST_STREAM, STATUS_200, Server, WINDOW_UPDATE, frame,
};

/// An HTTP/2 server that sends these settings and answers each stream by `answer`.
fn http2(settings: &'static [(u16, u32)], answer: impl Fn(&mut Peer, u32) + Send + Sync + 'static) -> Server {
    Server::tcp(move |peer| {
        if peer.begin_http2(settings).is_none() {
            return;
        }
        while let Some(stream) = peer.http2_request() {
            answer(peer, stream);
        }
    })
}

fn answered(stream: u32) -> Vec<u8> {
    frame(HEADERS, END | END_HEADERS, stream, STATUS_200)
}

/// GOAWAY: streams up to `last` were taken, the reason is `error`.
fn goaway(last: u32, error: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), error.to_be_bytes()].concat())
}

const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;

#[test]
fn http2_connections_that_misbehave() {
    let version = "version: 2, timeout: 10s";
    let sending = |bytes: Vec<u8>| {
        http2(&[], move |peer, _| {
            peer.send(&bytes);
        })
    };
    let on_stream = |make: fn(u32) -> Vec<u8>| {
        http2(&[], move |peer, stream| {
            peer.send(&make(stream));
        })
    };
    assert_all(&[
        case("right", on_stream(answered), Answered).http(version).connections(USERS),
        case(
            "goaway-after-each",
            http2(&[], |peer, stream| {
                peer.send(&[answered(stream), goaway(stream, 0)].concat());
            }),
            Answered,
        )
        .http(version)
        .connections(ALL),
        // What it did not begin with is sent again elsewhere, whatever the method.
        case(
            "goaway-now-and-then",
            {
                let turn = AtomicU64::new(0);
                http2(&[], move |peer, stream| {
                    let away = turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
                    peer.send(&if away { goaway(stream - 1, 0) } else { answered(stream) });
                })
            },
            Answered,
        )
        .http(version)
        .steps(r#"[{http: {post: /, text: "hello"}}]"#),
        case("goaway-at-once", sending(goaway(0, 0)), Failed("goaway", "the peer sent GOAWAY")).http(version),
        case("goaway-with-error", sending(goaway(0, 11)), Failed("goaway", "ENHANCE_YOUR_CALM"))
            .http(version),
        case(
            "reset-stream",
            on_stream(|stream| frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes())),
            Failed("reset", "the peer reset the stream"),
        )
        .http(version)
        .connections(USERS),
        case(
            "reset-within-body",
            on_stream(|stream| {
                [
                    frame(HEADERS, END_HEADERS, stream, STATUS_200),
                    frame(DATA, 0, stream, b"hello"),
                    frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes()),
                ]
                .concat()
            }),
            Failed("reset", "INTERNAL_ERROR"),
        )
        .http(version),
        case(
            "closed-within-body",
            Server::tcp(|peer| {
                peer.begin_http2(&[]);
                if let Some(stream) = peer.http2_request() {
                    peer.send(&frame(HEADERS, END_HEADERS, stream, STATUS_200));
                    peer.send(&frame(DATA, 0, stream, b"hello"));
                }
            }),
            Failed("closed", "the peer closed the HTTP/2 connection"),
        )
        .http(version),
        case(
            "closed-without-answer",
            Server::tcp(|peer| {
                peer.begin_http2(&[]);
                peer.http2_request();
            }),
            Failed("closed", "the peer closed the HTTP/2 connection"),
        )
        .http(version),
        case("closed-at-once", Server::tcp(|_| {}), Failed("closed", "the peer closed")).http(version),
        case(
            "http1",
            Server::tcp(|peer| {
                peer.take(24);
                peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            }),
            Failed("protocol", "perhaps it speaks HTTP/1.1"),
        )
        .http(version),
        case(
            "headers-on-stream-0",
            sending(frame(HEADERS, END | END_HEADERS, 0, STATUS_200)),
            Failed("protocol", "PROTOCOL_ERROR"),
        )
        .http(version),
        case(
            "data-on-idle-stream",
            sending(frame(DATA, END, 99, b"x")),
            Failed("protocol", "PROTOCOL_ERROR"),
        )
        .http(version),
        case(
            "bad-hpack",
            on_stream(|stream| frame(HEADERS, END | END_HEADERS, stream, &[0xff; 20])),
            Failed("protocol", "what the peer sent cannot be accepted"),
        )
        .http(version),
        case(
            "no-status",
            on_stream(|stream| frame(HEADERS, END | END_HEADERS, stream, &[])),
            Failed("protocol", "PROTOCOL_ERROR"),
        )
        .http(version),
        case(
            "frame-too-long",
            sending(frame(DATA, 0, 1, &vec![0; 1 << 20])),
            Failed("protocol", "FRAME_SIZE_ERROR"),
        )
        .http(version),
        case(
            "more-than-the-window",
            on_stream(|stream| {
                let mut bytes = frame(HEADERS, END_HEADERS, stream, STATUS_200);
                (0..2_000).for_each(|_| bytes.extend(frame(DATA, 0, stream, &[b'z'; 16 * 1024])));
                bytes
            }),
            // Whoever reads fast makes room in time: then it is an answer without end, and no violation.
            Either(["protocol", "timeout"]),
        )
        .http("version: 2, timeout: 2s"),
        case(
            "max-body",
            on_stream(|stream| {
                let mut bytes = frame(HEADERS, END_HEADERS, stream, STATUS_200);
                (0..20).for_each(|_| bytes.extend(frame(DATA, 0, stream, &[b'z'; 16 * 1024])));
                bytes
            }),
            Failed("too_large", "`max_body`"),
        )
        .http(version)
        .steps("[{http: {get: /, max_body: 100kb}}]"),
        case(
            "endless-headers",
            Server::tcp(|peer| {
                peer.begin_http2(&[]);
                if let Some(stream) = peer.http2_request() {
                    // A literal header without indexing: name `x`, value of 100 bytes.
                    let header = [&[0, 1, b'x', 100], [b'y'; 100].as_slice()].concat();
                    peer.send(&frame(HEADERS, 0, stream, STATUS_200));
                    flood(peer, &frame(9, 0, stream, &header.repeat(100)));
                }
            }),
            Failed("protocol", ""),
        )
        .http(version),
    ]);
}

#[test]
fn http2_settings_that_hamper() {
    let summary = assert_all(&[
        // Two users and one connection that takes one stream at a time: they take turns.
        case(
            "one-stream",
            http2(&[(MAX_CONCURRENT_STREAMS, 1)], |peer, stream| {
                peer.send(&answered(stream));
            }),
            Answered,
        )
        .http("version: 2, connections: {shared: 1}"),
        case(
            "no-stream",
            http2(&[(MAX_CONCURRENT_STREAMS, 0)], |_, _| {}),
            Failed("timeout", "within the time-out"),
        )
        .http("version: 2, timeout: 300ms"),
        case("no-window", http2(&[(INITIAL_WINDOW_SIZE, 0)], |_, _| {}), Failed("timeout", "no answer came"))
            .http("version: 2, timeout: 300ms")
            .steps(r#"[{http: {post: /, text: "hello"}}]"#),
        case(
            "late-window",
            http2(&[(INITIAL_WINDOW_SIZE, 0)], |peer, stream| {
                peer.wait(Duration::from_millis(20));
                peer.send(&frame(WINDOW_UPDATE, 0, stream, &5_u32.to_be_bytes()));
                while let Some((kind, flags, _, _)) = peer.frame() {
                    if kind == DATA && flags & END != 0 {
                        break;
                    }
                }
                peer.send(&answered(stream));
            }),
            Answered,
        )
        .http("version: 2")
        .steps(r#"[{http: {post: /, text: "hello"}}]"#)
        .connections(USERS),
        case("never", http2(&[], |_, _| {}), Failed("timeout", "no answer came"))
            .http("version: 2, timeout: 300ms"),
        case(
            "endless-body",
            http2(&[], |peer, stream| peer.http2_flood(stream)),
            Failed("timeout", "was not complete"),
        )
        .http("version: 2, timeout: 400ms"),
        case(
            "pings-for-ever",
            http2(&[], |peer, _| flood(peer, &frame(6, 0, 0, &[7; 8]).repeat(100))),
            Failed("timeout", "no answer came"),
        )
        .http("version: 2, timeout: 300ms"),
    ]);
    let received = summary["scenarios"]["endless-body"]["bytes"]["received"].as_u64().expect("bytes");
    assert!(received > 20_000_000, "only {received} bytes: the windows were not opened again");
}
