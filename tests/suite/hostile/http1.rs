//! HTTP/1.1: answers cut off, malformed or merely odd, early replies, redirects, and nobody there.

use std::time::Duration;

use crate::hostile::{ALL, Answered, BODY, Case, Failed, OK, USERS, assert_all, assert_all_by, case, plan};
use crate::servers::Server;

#[test]
fn answers_that_are_cut_off_or_malformed() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let saying = |bytes: &[u8]| Server::saying_once(bytes);
    assert_all(&[
        case(
            "reset",
            Server::tcp(|peer| {
                peer.request();
                peer.reset();
            }),
            Failed("reset", "reset by peer"),
        ),
        // A connection that was good for a request before: what happens to the next one is no less a failure.
        case(
            "reset-when-kept",
            Server::tcp(|peer| {
                peer.request();
                peer.send(OK.as_bytes());
                peer.request();
                peer.reset();
            }),
            Failed("reset", "reset by peer"),
        )
        .steps("[{http: GET /}, {http: GET /}]")
        .connections(ALL),
        case(
            "closed-when-kept",
            Server::tcp(|peer| {
                peer.request();
                peer.send(OK.as_bytes());
                peer.request();
            }),
            Failed("closed", "closed the connection without an answer"),
        )
        .steps("[{http: GET /}, {http: GET /}]")
        .http("connections: {shared: 1}")
        .connections(ALL),
        case(
            "silent-close",
            Server::tcp(|peer| {
                peer.request();
            }),
            Failed("closed", "closed the connection without an answer"),
        ),
        case(
            "half-head",
            saying(b"HTTP/1.1 200 OK\r\ncontent-le"),
            Failed("closed", "within the head of its answer"),
        ),
        case(
            "half-body",
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"),
            Failed("closed", "after 5 bytes of the body"),
        ),
        case(
            "half-body-reset",
            Server::tcp(|peer| {
                peer.request();
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
                peer.wait(Duration::from_millis(50));
                peer.reset();
            }),
            Failed("reset", "reset by peer"),
        ),
        case(
            "half-chunk",
            saying(format!("{chunked}5\r\nhel").as_bytes()),
            Failed("closed", "after 3 bytes of the body"),
        ),
        case(
            "chunks-without-end",
            saying(format!("{chunked}5\r\nhello\r\n").as_bytes()),
            Failed("closed", "after 5 bytes"),
        ),
        case(
            "chunk-no-number",
            saying(format!("{chunked}xyz\r\n").as_bytes()),
            Failed("protocol", "hexadecimal"),
        ),
        case(
            "chunk-negative",
            saying(format!("{chunked}-5\r\nhello\r\n").as_bytes()),
            Failed("protocol", "hexadecimal"),
        ),
        case(
            "chunk-enormous",
            saying(format!("{chunked}ffffffffffffffff\r\n").as_bytes()),
            Failed("protocol", "sensible size"),
        ),
        case(
            "chunk-too-short",
            saying(format!("{chunked}3\r\nhello\r\n0\r\n\r\n").as_bytes()),
            Failed("protocol", "does not end where its size says"),
        ),
        case("garbage", saying(b"\x00\x01\xfe\xff\r\n\r\n\x16\x03\x01"), Failed("protocol", "not HTTP/1.1")),
        case(
            "ssh",
            Server::tcp(|peer| {
                peer.send(b"SSH-2.0-OpenSSH_9.2\r\n");
                peer.wait_for_end();
            }),
            Failed("protocol", "SSH-2.0-OpenSSH"),
        ),
        case("icecast", saying(b"ICY 200 OK\r\n\r\n"), Failed("protocol", "ICY 200")),
        case(
            "status-000",
            Server::saying("HTTP/1.1 000 Nothing\r\ncontent-length: 0\r\n\r\n"),
            Failed("protocol", "status 000"),
        ),
        case(
            "status-999",
            Server::saying("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
            Failed("status_5xx", "status 999"),
        ),
        case(
            "status-99999",
            saying(b"HTTP/1.1 99999 Odd\r\ncontent-length: 0\r\n\r\n"),
            Failed("protocol", "99999"),
        ),
        case(
            "status-101",
            saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            Failed("protocol", "no upgrade"),
        ),
        case(
            "length-negative",
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello"),
            Failed("protocol", "content-length"),
        ),
        case(
            "length-enormous",
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello"),
            Failed("protocol", "content-length"),
        ),
        case(
            "length-twice",
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
            Failed("protocol", "content-length"),
        ),
        case("header-null", saying(b"HTTP/1.1 200 OK\r\nx\0y: z\r\n\r\n"), Failed("protocol", "header")),
        case("http2-frames", saying(b"\0\0\0\x04\0\0\0\0\0"), Failed("protocol", "not HTTP/1.1")),
    ]);
}

#[test]
fn odd_answers_that_are_right() {
    assert_all(&[
        case(
            "interim",
            Server::saying(format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{OK}"
            )),
            Answered,
        )
        .steps(BODY)
        .connections(USERS),
        case(
            "trailers",
            Server::saying(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2;a=\"b\"\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 7\r\n\r\n",
            ),
            Answered,
        )
        .steps(r#"[{http: GET /, check: [body == "hello", trailer x-sum == 7]}]"#)
        .connections(USERS),
        case("http10", Server::saying_once("HTTP/1.0 200 OK\r\n\r\nhello"), Answered)
            .steps(BODY)
            .connections(ALL),
        case("until-close", Server::saying_once("HTTP/1.1 200 OK\r\n\r\nhello"), Answered)
            .steps(BODY)
            .connections(ALL),
        case(
            "length-twice-alike",
            Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
            Answered,
        )
        .steps(BODY),
        case("further-bytes", Server::saying(format!("{OK}HTTP/1.1 500 ")), Answered)
            .steps(BODY)
            .connections(ALL),
        case(
            "cookies",
            Server::saying(
                b"HTTP/1.1 200 OK\r\nset-cookie: =\r\nset-cookie: ;;;\r\nset-cookie: a\xff\xfe=\x80; expires=never; domain=.\r\nset-cookie: k=v; max-age=99999999999999999999\r\nset-cookie: \r\ncontent-length: 5\r\n\r\nhello".as_slice(),
            ),
            Answered,
        )
        .connections(USERS),
        case(
            "not-utf8",
            Server::saying(
                b"HTTP/1.1 200 \xe4\xf6\r\nx-odd: \xff\xfe\xfd\r\ncontent-length: 2\r\n\r\n\xff\xfe".as_slice(),
            ),
            Answered,
        )
        .steps("[{http: GET /, check: [header x-odd exists, size == 2, body exists]}]"),
        case("lengths-of-head", Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n"), Answered)
            .steps("[{http: {head: /}}]")
            .connections(USERS),
        case("no-content", Server::saying("HTTP/1.1 204 No Content\r\n\r\n"), Answered).connections(USERS),
        case(
            "piecemeal",
            Server::tcp(|peer| {
                while peer.request().is_some() {
                    for byte in OK.as_bytes() {
                        peer.send(&[*byte]);
                    }
                }
            }),
            Answered,
        )
        .steps(BODY)
        .connections(USERS),
        // It closes a connection after each answer, without having said so.
        case("closed-while-idle", Server::saying_once(OK), Answered)
            .steps("[{http: GET /}, {think: 50ms}]")
            .connections(ALL),
        case("closed-while-idle-post", Server::saying_once(OK), Answered)
            .steps(r#"[{http: {post: /, text: "x"}}, {think: 100ms}]"#)
            .connections(ALL),
        case("closed-while-idle-pool", Server::saying_once(OK), Answered)
            .steps("[{http: GET /}, {think: 50ms}]")
            .http("connections: {shared: 1}"),
    ]);
}

/// A request larger than what the sockets' buffers take.
const LARGE: &str = r#"[{http: {post: /, file: large}}]"#;

#[test]
fn replies_before_the_request_ended() {
    let too_much = "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    let cases = [
        case(
            "and-a-close",
            Server::tcp(move |peer| {
                peer.head();
                peer.send(too_much.as_bytes());
            }),
            Failed("status_4xx", "status 413"),
        )
        .steps(LARGE)
        .connections(ALL),
        case(
            "and-a-reset",
            Server::tcp(move |peer| {
                peer.head();
                peer.send(too_much.as_bytes());
                peer.wait(Duration::from_millis(50));
                peer.reset();
            }),
            Failed("status_4xx", "status 413"),
        )
        .steps(LARGE)
        .connections(ALL),
        case(
            "and-nothing-more",
            Server::tcp(move |peer| {
                peer.head();
                peer.send(too_much.as_bytes());
                peer.wait(Duration::from_millis(100));
                peer.wait_for_end();
            }),
            Failed("status_4xx", "status 413"),
        )
        .steps(LARGE)
        .connections(ALL),
        case(
            "no-reply",
            Server::tcp(|peer| {
                peer.head();
                peer.reset();
            }),
            Failed("reset", "the peer reset the connection without an answer"),
        )
        .steps(LARGE),
    ];
    let plan = plan(&cases).with_file("large", vec![b'x'; 16 << 20]);
    assert_all_by(&cases, &plan);
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago, and one whose queue is full: the kernel drops further handshakes.
    let refused =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    full.bind(&any.into()).expect("a port");
    full.listen(0).expect("it listens");
    let queue = full.local_addr().expect("an address").as_socket().expect("an address");
    let waiting: Vec<_> =
        (0..4).map(|_| std::net::TcpStream::connect_timeout(&queue, Duration::from_millis(100))).collect();
    assert!(waiting.iter().any(Result::is_err), "the queue is not full");
    let cases = [
        Case {
            target: format!("http://{refused}"),
            ..case("refused", Server::saying(OK), Failed("connect_refused", "Connection refused"))
        }
        .connections(0),
        Case {
            target: format!("http://{queue}"),
            ..case("queue-full", Server::saying(OK), Failed("connect_timeout", "took longer than 300ms"))
        }
        .further("network: {connect_timeout: 300ms}"),
    ];
    assert_all(&cases);
}

#[test]
fn redirects_that_lead_nowhere() {
    let to = |location: &str| {
        Server::saying(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
    };
    let follow = "redirects: 5";
    let cases = [
        case("loop", to("/"), Failed("redirect", "more than 5 redirects; the last leads to /")).http(follow),
        case("no-url", to("http://[::"), Failed("redirect", "leads nowhere")).http(follow),
        case("other-scheme", to("gopher://127.0.0.1/"), Failed("redirect", "leads nowhere")).http(follow),
        case("not-followed", to("/"), Answered).steps("[{http: GET /, check: status == 302}]"),
        case("nameless", Server::saying("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"), Answered)
            .http(follow),
    ];
    assert_all(&cases);
    assert_eq!(cases[0].server.requests(), ALL * 6, "each request and five that it led to");
}
