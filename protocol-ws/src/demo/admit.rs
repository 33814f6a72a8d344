//! The handshake: who is let in, as what, and with which answer; and plain HTTP.

use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use prony_transport::target::Fate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::control;
use super::fault::{Faults, Handshake};
use super::head::{Bad, Head};
use super::reply::Reply;
use super::session::Session;
use super::source::Source;
use super::worker::{Stream, Worker};

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest body of a control call.
const LONGEST_BODY: usize = 64 * 1024;

/// The longest message that is taken.
const LONGEST_MESSAGE: usize = 16_000_000;

/// What a connection reads into. A load test may well open tens of thousands.
const READ_BUFFER: usize = 4 * 1024;

/// Serves one connection.
pub(super) async fn admit(mut stream: Box<dyn Stream>, fate: Rc<Fate>, worker: Rc<Worker>) {
    let mut behind = BytesMut::new();
    let head = match tokio::time::timeout(PATIENCE, Head::read(&mut stream, &mut behind)).await {
        Ok(Ok(head)) => head,
        Ok(Err(Bad::Wrong(error))) => return refuse(&mut stream, &Reply::wrong(400, error)).await,
        Ok(Err(Bad::Gone)) | Err(_) => return,
    };
    if head.path().starts_with(control::PREFIX) {
        let reply = match body(&mut stream, &head, behind).await {
            Some(body) => control::answer(&worker.shared, &head, &body),
            None => Reply::wrong(
                400,
                format!("expected a body of at most {LONGEST_BODY} bytes, with its `content-length`"),
            ),
        };
        return refuse(&mut stream, &reply).await;
    }
    if !head.says("upgrade", "websocket") {
        return refuse(&mut stream, &Reply::only_websocket(head.path())).await;
    }
    let counters = &worker.shared.counters;
    let Some((source, faults, answer)) = judge(&mut stream, &fate, &head, &worker).await else {
        counters.refused();
        return;
    };
    if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(LONGEST_MESSAGE))
        .max_frame_size(Some(LONGEST_MESSAGE));
    let socket =
        WebSocketStream::from_partially_read(stream, behind.to_vec(), Role::Server, Some(config)).await;
    let _open = counters.opened(head.path());
    Session::new(&worker, fate, socket, head.path().to_owned(), faults, source).run().await;
}

/// Whether the client is let in, and with which answer; else it has been refused.
async fn judge(
    stream: &mut Box<dyn Stream>,
    fate: &Fate,
    head: &Head,
    worker: &Rc<Worker>,
) -> Option<(super::source::Opened, Faults, Vec<u8>)> {
    let faults = match faults(head, worker) {
        Ok(faults) => faults,
        Err(error) => {
            refuse(stream, &Reply::wrong(400, error)).await;
            return None;
        }
    };
    if let Some(delay) = faults.handshake_delay {
        worker.alarm.until(worker.due(delay)).await;
    }
    worker.hold_while_stalled().await;
    let faults = if worker.chance(faults.share) { faults } else { faults.spared() };
    let reply = match &faults.handshake {
        Some(Handshake::Status(status)) => Some(Reply::ordered(*status)),
        Some(Handshake::Redirect(place)) => Some(Reply::redirect(place)),
        Some(Handshake::Reset) => {
            fate.reset_at_the_end();
            return None;
        }
        Some(Handshake::HangUp) => return None,
        Some(Handshake::Silent) => {
            discard(stream).await;
            return None;
        }
        Some(Handshake::WrongAccept | Handshake::NoAccept | Handshake::Half) | None => wrong(head),
    };
    let opened = match reply.map_or_else(|| Source::open(head, worker), Err) {
        Ok(opened) => opened,
        Err(reply) => {
            refuse(stream, &reply).await;
            return None;
        }
    };
    let answer = accept(head, &faults);
    if faults.handshake == Some(Handshake::Half) {
        let _ = stream.write_all(&answer[..answer.len() / 2]).await;
        let _ = stream.shutdown().await;
        return None;
    }
    Some((opened, faults, answer))
}

/// The connection's own faults, and where they say nothing those that stand.
fn faults(head: &Head, worker: &Worker) -> Result<Faults, String> {
    let of_header = head.header("prony-fault").map(Faults::of_words).transpose()?;
    let own = Faults::of_query(head.query())?;
    let own = match of_header {
        Some(of_header) => own.or(&of_header),
        None => own,
    };
    Ok(own.or(worker.standing().faults(head.path())))
}

/// What is wrong with the request for an upgrade (RFC 6455, section 4.2.1).
fn wrong(head: &Head) -> Option<Reply> {
    if head.method != "GET" {
        return Some(Reply::wrong(405, "an upgrade to WebSocket is a GET").with("allow", "GET"));
    }
    if !head.says("connection", "upgrade") {
        return Some(Reply::wrong(400, "expected `connection: upgrade` beside `upgrade: websocket`"));
    }
    if head.header("sec-websocket-version") != Some("13") {
        let reply = Reply::wrong(426, "expected `sec-websocket-version: 13`");
        return Some(reply.with("sec-websocket-version", "13"));
    }
    match head.header("sec-websocket-key") {
        Some(key) if key.len() == 24 => None,
        _ => Some(Reply::wrong(400, "expected `sec-websocket-key` with 16 bytes in base64")),
    }
}

/// 101, and what goes with it.
fn accept(head: &Head, faults: &Faults) -> Vec<u8> {
    let key = match faults.handshake {
        Some(Handshake::WrongAccept) => "AAAAAAAAAAAAAAAAAAAAAA==",
        _ => head.header("sec-websocket-key").unwrap_or_default(),
    };
    let mut text =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n".to_owned();
    if faults.handshake != Some(Handshake::NoAccept) {
        text.push_str(&format!("sec-websocket-accept: {}\r\n", derive_accept_key(key.as_bytes())));
    }
    let offered = || head.listed("sec-websocket-protocol").next();
    match faults.protocol.as_deref().or_else(offered) {
        None | Some("") => {}
        Some(protocol) => text.push_str(&format!("sec-websocket-protocol: {protocol}\r\n")),
    }
    if let Some(extensions) = &faults.extensions {
        text.push_str(&format!("sec-websocket-extensions: {extensions}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    for number in 1..=faults.greeting {
        let message = format!("{{\"greeting\":{number}}}");
        bytes.extend([0x81, message.len() as u8]);
        bytes.extend(message.as_bytes());
    }
    bytes
}

async fn refuse(stream: &mut Box<dyn Stream>, reply: &Reply) {
    if stream.write_all(&reply.bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        // A socket that is closed with something unread in it would be reset, and the answer lost.
        let _ = tokio::time::timeout(PATIENCE, discard(stream)).await;
    }
}

/// Reads and forgets until the client leaves.
pub(super) async fn discard<S: Stream + ?Sized>(stream: &mut S) {
    let mut forgotten = vec![0; READ_BUFFER];
    while stream.read(&mut forgotten).await.is_ok_and(|read| read > 0) {}
}

/// The body of a control call.
async fn body(stream: &mut Box<dyn Stream>, head: &Head, mut begun: BytesMut) -> Option<BytesMut> {
    let length = head.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    if length > LONGEST_BODY || head.header("transfer-encoding").is_some() {
        return None;
    }
    while begun.len() < length {
        match tokio::time::timeout(PATIENCE, stream.read_buf(&mut begun)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return None,
        }
    }
    begun.truncate(length);
    Some(begun)
}
