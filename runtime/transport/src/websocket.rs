//! The opening handshake of a WebSocket from the client's side (RFC 6455, section 4). What is said after it is the protocols'
//! business.
//!
//! It is not tungstenite's own, which keeps a refusal's body only by chance and does not tell when what was sent and what came;
//! its keys are.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use prony_core::{Clock, Phase, Phases, Traffic};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::origin::Origin;
use crate::scratch::with_scratch;
use crate::stream::Stream;

/// The longest head of an answer, in bytes, and the most headers.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;
/// How much of a refusal's body is kept, and how long it is waited for.
const MOST_BODY: usize = 1024;
const WAIT_FOR_BODY: Duration = Duration::from_millis(500);

/// Headers that the handshake makes itself.
pub const OWN_HEADERS: [&str; 5] =
    ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"];

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Of whom.
    pub origin: &'a Origin,
    /// The path, with its query.
    pub target: &'a str,
    /// Headers beside the handshake's own. A `host` among them wins.
    pub headers: &'a [(String, String)],
    /// The subprotocols offered, the favourite first.
    pub protocols: &'a [String],
}

/// A server's answer, its names in lower case.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Of an upgrade: what came behind the head, which belongs to the WebSocket. Of a refusal: the beginning of the body.
    pub rest: Vec<u8>,
}

impl Answer {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }

    /// Whether a header is a list that has `word`.
    fn lists(&self, name: &str, word: &str) -> bool {
        let of_it = self.headers.iter().filter(|(known, _)| **known == *name);
        let mut words = of_it.flat_map(|(_, value)| value.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    }
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub enum NoUpgrade {
    /// It cannot be asked for: a header that is none.
    Unaskable(String),
    /// The connection broke, or ended.
    Broken(io::Error),
    /// The server answered otherwise.
    Refused(Answer),
    /// What the server sent is no such handshake.
    Wrong(String),
}

/// Asks for a WebSocket on a fresh connection. Notes in `phases` and `traffic` what it took, as far as it came to that.
///
/// # Errors
/// When there is none. It does not watch the time but for a refusal's body.
pub async fn upgrade(
    stream: &mut Stream,
    asking: &Asking<'_>,
    clock: &Clock,
    phases: &mut Phases,
    traffic: &mut Traffic,
) -> Result<Answer, NoUpgrade> {
    let key = generate_key();
    let request = write(asking, &key).map_err(NoUpgrade::Unaskable)?;
    let began = clock.now();
    stream.write_all(request.as_bytes()).await.map_err(NoUpgrade::Broken)?;
    stream.flush().await.map_err(NoUpgrade::Broken)?;
    let sent = clock.now();
    traffic.sent += request.len() as u64;
    phases.set(Phase::Send, sent.nanos_since(began));
    let mut bytes = Vec::new();
    loop {
        let parsed = parse(&mut bytes);
        if let Some(mut answer) = parsed.map_err(NoUpgrade::Wrong)? {
            phases.set(Phase::Wait, clock.now().nanos_since(sent));
            if answer.status != 101 {
                // Nobody who refuses must be believed that more will come.
                let _ = tokio::time::timeout(WAIT_FOR_BODY, body(stream, &mut answer, traffic)).await;
                answer.rest.truncate(MOST_BODY);
                return Err(NoUpgrade::Refused(answer));
            }
            verify(&answer, &key, asking.protocols).map_err(NoUpgrade::Wrong)?;
            return Ok(answer);
        }
        if bytes.len() > LONGEST_HEAD {
            let text = format!("the head of the server's answer is longer than {LONGEST_HEAD} bytes");
            return Err(NoUpgrade::Wrong(text));
        }
        let read = read_more(stream, &mut bytes).await.map_err(NoUpgrade::Broken)?;
        traffic.received += read as u64;
        if read == 0 {
            return Err(NoUpgrade::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// Whether `name` and `value` can be a header's.
#[must_use]
pub fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(token)
        && !value.chars().any(|character| character.is_control() && character != '\t')
}

fn write(asking: &Asking<'_>, key: &str) -> Result<String, String> {
    use std::fmt::Write as _;
    let origin = asking.origin;
    if asking.target.bytes().any(|byte| byte <= b' ' || byte == 0x7F) || !asking.target.starts_with('/') {
        return Err(format!("`{}` can be no path of a request", asking.target.escape_debug()));
    }
    let host = asking.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host =
        host.map_or_else(|| origin.authority(if origin.tls { 443 } else { 80 }), |(_, host)| host.clone());
    let mut text = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\n",
        asking.target
    );
    // Writing to a String cannot fail.
    if !asking.protocols.is_empty() {
        let _ = write!(text, "Sec-WebSocket-Protocol: {}\r\n", asking.protocols.join(", "));
    }
    for (name, value) in asking.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let mut all = asking.headers.iter();
    if let Some((name, value)) = all.find(|(name, value)| !is_header(name, value)) {
        return Err(format!("`{}: {}` can be no header", name.escape_debug(), value.escape_debug()));
    }
    if let Some(bad) = asking.protocols.iter().find(|name| !is_header(name, "")) {
        return Err(format!("`{}` can be no subprotocol", bad.escape_debug()));
    }
    text.push_str("\r\n");
    Ok(text)
}

/// The answer once its head is whole; answers that only announce another (1xx) are left out.
fn parse(bytes: &mut Vec<u8>) -> Result<Option<Answer>, String> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(length)) => length,
            Err(httparse::Error::TooManyHeaders) => {
                return Err(format!(
                    "the server's answer to the handshake has more than {MOST_HEADERS} headers"
                ));
            }
            Err(error) => {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).into_owned();
                return Err(format!(
                    "the server answered the handshake with what is no HTTP/1.1: {error} (it begins with `{}`)",
                    shown.escape_debug()
                ));
            }
        };
        let status = head.code.unwrap_or_default();
        if (100..200).contains(&status) && status != 101 {
            bytes.drain(..length);
            continue;
        }
        let headers = head.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_ascii_lowercase().into(), value.trim().into())
        });
        return Ok(Some(Answer { status, headers: headers.collect(), rest: bytes[length..].to_vec() }));
    }
}

/// What makes an answer with status 101 the handshake's second half (section 4.1).
fn verify(answer: &Answer, key: &str, protocols: &[String]) -> Result<(), String> {
    let lacks = |what: &str| Err(format!("the server's handshake {what}"));
    if !answer.lists("upgrade", "websocket") {
        return lacks("has no `Upgrade: websocket`");
    }
    if !answer.lists("connection", "upgrade") {
        return lacks("has no `Connection: Upgrade`");
    }
    match answer.header("sec-websocket-accept") {
        Some(accept) if *accept == derive_accept_key(key.as_bytes()) => {}
        Some(_) => return lacks("has a wrong Sec-WebSocket-Accept: it answers another request's"),
        None => return lacks("has no Sec-WebSocket-Accept"),
    }
    if let Some(extension) = answer.header("sec-websocket-extensions").filter(|text| !text.is_empty()) {
        return lacks(&format!("has the extension `{}`, which was not asked for", extension.escape_debug()));
    }
    match answer.header("sec-websocket-protocol") {
        None if protocols.is_empty() => Ok(()),
        // As browsers do.
        None => lacks(&format!("chooses none of the subprotocols {}", protocols.join(", "))),
        Some(chosen) if protocols.iter().any(|known| known == chosen) => Ok(()),
        Some(chosen) => {
            lacks(&format!("chooses the subprotocol `{}`, which was not offered", chosen.escape_debug()))
        }
    }
}

async fn body(stream: &mut Stream, answer: &mut Answer, traffic: &mut Traffic) -> io::Result<()> {
    let told = answer.header("content-length").and_then(|length| length.parse().ok());
    let wanted = told.map_or(MOST_BODY, |length: usize| length.min(MOST_BODY));
    while answer.rest.len() < wanted {
        let read = read_more(stream, &mut answer.rest).await?;
        traffic.received += read as u64;
        if read == 0 {
            break;
        }
    }
    Ok(())
}

async fn read_more(stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
            bytes.extend_from_slice(buffer.filled());
            read.map_ok(|()| buffer.filled().len())
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(text: &str) -> Answer {
        parse(&mut text.as_bytes().to_vec()).expect("HTTP").expect("whole")
    }

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUPGRADE: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_standards_own_handshake_is_taken_and_what_follows_it_kept() {
        let answer = answered(&format!("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n{GOOD}rest"));
        assert_eq!((answer.status, answer.rest.as_slice()), (101, b"rest".as_slice()));
        assert_eq!(verify(&answer, KEY, &[]), Ok(()));
    }

    #[test]
    fn what_breaks_a_rule_is_told() {
        let chat = ["chat".to_owned()];
        for (from, to, protocols, part) in [
            ("UPGRADE", "upgrad", &[][..], "Upgrade: websocket"),
            ("keep-alive, Upgrade", "keep-alive", &[], "Connection: Upgrade"),
            ("s3p", "t3p", &[], "wrong Sec-WebSocket-Accept"),
            ("Sec-WebSocket-Accept", "x", &[], "no Sec-WebSocket-Accept"),
            ("\r\n\r\n", "\r\nsec-websocket-extensions: x-magic\r\n\r\n", &[], "x-magic"),
            (
                "\r\n\r\n",
                "\r\nsec-websocket-protocol: other\r\n\r\n",
                &chat,
                "`other`, which was not offered",
            ),
            ("\r\n\r\n", "\r\nsec-websocket-protocol: chat\r\n\r\n", &[], "not offered"),
            ("x", "x", &chat, "none of the subprotocols chat"),
        ] {
            let told = verify(&answered(&GOOD.replacen(from, to, 1)), KEY, protocols).expect_err(part);
            assert!(told.contains(part), "{told}");
        }
        let told = parse(&mut b"\x81\x05hello".to_vec()).expect_err("no HTTP");
        assert!(told.contains("no HTTP/1.1"), "{told}");
    }

    #[test]
    fn a_request_says_what_it_should_and_nothing_that_breaks_out() {
        let origin = Origin { tls: true, host: "a.test".into(), port: 443 };
        let headers = [("x-one".to_owned(), "1".to_owned()), ("Host".to_owned(), "b.test".to_owned())];
        let protocols = ["v2".to_owned(), "v1".to_owned()];
        let asking =
            Asking { origin: &origin, target: "/chat?a=b", headers: &headers, protocols: &protocols };
        let text = write(&asking, KEY).expect("a request");
        assert!(text.starts_with("GET /chat?a=b HTTP/1.1\r\nHost: b.test\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Protocol: v2, v1\r\nx-one: 1\r\n\r\n"), "{text}");
        for (name, value) in [("a b", "c"), ("a", "b\r\nc: d"), ("", "x")] {
            let headers = [(name.to_owned(), value.to_owned())];
            assert!(write(&Asking { headers: &headers, ..asking }, KEY).is_err(), "{name}: {value}");
        }
        for target in ["chat", "/a b", "/a\r\nb"] {
            assert!(write(&Asking { target, ..asking }, KEY).is_err(), "{target}");
        }
        let protocols = ["a b".to_owned()];
        assert!(write(&Asking { protocols: &protocols, ..asking }, KEY).is_err());
    }
}
