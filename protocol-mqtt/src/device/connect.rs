//! Making a connection: TCP, TLS, WebSocket, CONNECT and its answer.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use prony_core::delivery::Stamp;
use prony_core::{ConnectionEvent, FailureKind, Outcome, Phase, Timestamp};
use prony_transport::{Handshake, Stream, failure_of_io, story_of_io};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::link::{Link, Read};
use super::{Counted, Device, SharedDevice, State, Trouble, Will, pump};
use crate::config::StampPlace;
use crate::driver::SharedPart;
use crate::packet::control::{ConnAck, Granted, reason_text};
use crate::packet::{Framing, next_frame};
use crate::step::Rendered;

/// A connection that the broker has accepted.
pub(crate) struct Established {
    pub(crate) link: Link,
    pub(crate) granted: Granted,
    /// What came behind the CONNACK.
    rest: Vec<u8>,
    counted: Counted,
}

/// What an attempt costs and what came of it, as far as it went.
pub(crate) type Opening = Outcome;

/// Read buffers of a WebSocket: there are thousands of them.
const WEBSOCKET_BUFFER: usize = 4 * 1024;

/// Makes a connection, and notes in `opening` how long each part took.
///
/// # Errors
/// With what went wrong.
pub(crate) async fn establish(
    part: SharedPart,
    rendered: &Rendered,
    opening: &mut Opening,
) -> Result<Established, Trouble> {
    let limit = part.compiled.settings.timeout;
    let made = tokio::time::timeout(limit, attempt(part.clone(), rendered, opening)).await;
    let made = made.unwrap_or_else(|_| {
        let text = format!(
            "{}: no connection within {}",
            part.compiled.target.origin,
            prony_core::units::show_duration(limit)
        );
        Err(Trouble::new(FailureKind::Timeout, text))
    });
    opening.finished = part.clock.now();
    made
}

async fn attempt(
    part: SharedPart,
    rendered: &Rendered,
    opening: &mut Opening,
) -> Result<Established, Trouble> {
    let target = Arc::clone(&part.compiled.target);
    let clock = part.clock;
    opening.sent = Some(clock.now());
    let connected = match &rendered.certificate {
        None => part.connector.connect(&target.origin, &clock, &mut opening.phases).await,
        Some((certificate, key)) => {
            let identity = part.connector.identity(certificate, key);
            let identity = identity.map_err(|text| Trouble::new(FailureKind::Request, text))?;
            part.connector.connect_as(&target.origin, &identity, &clock, &mut opening.phases).await
        }
    };
    let connected = connected.map_err(|failure| Trouble::new(failure.kind, failure.detail))?;
    part.meter.connection(part.scenario, ConnectionEvent::Opened);
    match connected.handshake {
        Some(Handshake::Full) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeFull),
        Some(Handshake::Resumed) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeResumed),
        None => {}
    }
    let counted = Counted::new(part.meter.clone(), part.scenario);
    let began = clock.now();
    let mut link = match &target.websocket {
        None => Link::Plain(connected.stream),
        Some(path) => upgrade(connected.stream, path, rendered, &part).await?,
    };
    let packet = rendered
        .connect
        .write(part.compiled.settings.version)
        .map_err(|mistake| Trouble::new(FailureKind::Request, mistake.0))?;
    opening.traffic.sent += packet.len() as u64;
    send(&mut link, &packet).await.map_err(|error| broken(&error))?;
    let (answer, rest, length) = connack(&mut link, &part).await?;
    opening.traffic.received += length as u64;
    opening.phases.set(Phase::Wait, clock.now().nanos_since(began));
    match answer {
        ConnAck::Granted(granted) => Ok(Established { link, granted: *granted, rest, counted }),
        ConnAck::Refused(reason, story) => {
            let words = story.map(|story| format!(" ({})", story.escape_debug())).unwrap_or_default();
            let text = format!(
                "the broker refused the connection: {}, reason code {reason}{words}",
                reason_text(reason, part.compiled.settings.version)
            );
            Err(Trouble { kind: FailureKind::Status, reason: Some(reason), story: text.into() })
        }
    }
}

async fn upgrade(
    stream: Stream,
    path: &str,
    rendered: &Rendered,
    part: &SharedPart,
) -> Result<Link, Trouble> {
    let origin = &part.compiled.target.origin;
    let scheme = if origin.tls { "wss" } else { "ws" };
    let wrong = |text: String| Trouble::new(FailureKind::Request, text);
    let mut request = format!("{scheme}://{}{path}", origin.authority(0))
        .into_client_request()
        .map_err(|error| wrong(format!("no WebSocket can be asked for: {error}")))?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    for (name, value) in &rendered.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return Err(wrong(format!("`{}` cannot be a header's name and value", name.escape_debug())));
        };
        headers.insert(name, value);
    }
    let most = part.compiled.settings.max_packet;
    let config = WebSocketConfig::default()
        .read_buffer_size(WEBSOCKET_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(most.max(64 * 1024)))
        .max_frame_size(Some(most.max(64 * 1024)));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Link::WebSocket(Box::new(socket))),
        Err(WsError::Io(error)) => Err(broken(&error)),
        Err(WsError::Http(answer)) => {
            let status = answer.status().as_u16();
            let kind = if status >= 500 { FailureKind::StatusServer } else { FailureKind::StatusClient };
            Err(Trouble::new(kind, format!("the WebSocket was refused with HTTP status {status} at {path}")))
        }
        Err(error) => Err(Trouble::new(FailureKind::Protocol, format!("no WebSocket came about: {error}"))),
    }
}

async fn send(link: &mut Link, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    std::future::poll_fn(|context| {
        while done < bytes.len() {
            match link.poll_write(context, &bytes[done..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => done += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        link.poll_flush(context)
    })
    .await
}

/// Reads up to the end of the CONNACK: it, what came behind it, and its length.
async fn connack(link: &mut Link, part: &SharedPart) -> Result<(ConnAck, Vec<u8>, usize), Trouble> {
    let settings = &part.compiled.settings;
    let mut bytes = Vec::new();
    let wrong = |text: String| Trouble::new(FailureKind::Protocol, text);
    loop {
        match next_frame(&bytes, settings.max_packet) {
            Ok(Framing::Whole(frame)) if frame.kind == 2 => {
                let answer = ConnAck::read(&frame, settings.version)
                    .map_err(|mistake| wrong(format!("the broker sent {mistake}")))?;
                let length = frame.length;
                bytes.drain(..length);
                return Ok((answer, bytes, length));
            }
            Ok(Framing::Whole(frame)) => {
                let what =
                    if frame.kind == 15 { "AUTH, though no authentication method was asked for" } else { "" };
                return Err(wrong(if what.is_empty() {
                    format!("the broker answered CONNECT with a packet of type {}", frame.kind)
                } else {
                    format!("the broker answered CONNECT with {what}")
                }));
            }
            // Whoever speaks something else would be waited for in vain.
            Ok(Framing::Part) if bytes.starts_with(b"HTTP") => {
                return Err(wrong(
                    "an HTTP server answered CONNECT; MQTT over WebSocket is `ws://HOST:PORT/PATH`"
                        .to_owned(),
                ));
            }
            Ok(Framing::Part) if bytes.first().is_some_and(|first| !matches!(first >> 4, 2 | 15)) => {
                let kind = bytes[0] >> 4;
                return Err(wrong(format!("the broker answered CONNECT with a packet of type {kind}")));
            }
            Ok(Framing::Part) => {}
            Err(mistake) => return Err(wrong(format!("the broker sent {mistake}"))),
        }
        let read = std::future::poll_fn(|context| {
            link.poll_read(context, &mut |more| bytes.extend_from_slice(more))
        });
        match read.await {
            Ok(Read::Some) => {}
            Ok(Read::End) => {
                return Err(Trouble::new(
                    FailureKind::Closed,
                    "the broker closed the connection in answer to CONNECT; does it speak this version of MQTT (`version`)?",
                ));
            }
            Err(error) => return Err(broken(&error)),
        }
    }
}

fn broken(error: &io::Error) -> Trouble {
    let kind = match error.kind() {
        io::ErrorKind::Unsupported => FailureKind::Protocol,
        _ => failure_of_io(error),
    };
    Trouble::new(kind, format!("the connection broke while it was made: {}", story_of_io(error)))
}

impl Device {
    /// The device's words with the stamp of its will, for the next CONNECT.
    pub(crate) fn introduce(&mut self, mut rendered: Box<Rendered>) -> Box<Rendered> {
        if let (Some(will), true) = (&mut rendered.connect.will, rendered.will_takes_stamp)
            && self.part.compiled.settings.stamp != StampPlace::Off
        {
            let ledger = &self.part.commons.ledger;
            let known = self.will.get_or_insert_with(|| {
                let stream = ledger.outgoing(&will.topic, super::arrive::guarantee(will.qos));
                Box::new(Will { stream, next: 0, armed: false })
            });
            // Without moments: how long a will takes is the broker's affair, which waits for the connection to be lost.
            let stamp = Stamp {
                run: ledger.run(),
                stream: known.stream.stream(),
                sequence: known.next,
                intended: Timestamp::default(),
                sent: Timestamp::default(),
            };
            if let Some(front) = will.payload.get_mut(..Stamp::LENGTH) {
                front.copy_from_slice(&stamp.to_bytes());
            }
        }
        rendered
    }

    /// Puts a connection into use. True when the broker still had the session.
    pub(crate) fn install(this: &SharedDevice, made: Established, rendered: Box<Rendered>) -> bool {
        let cell: &Rc<RefCell<Device>> = this;
        let mut device = cell.borrow_mut();
        let device = &mut *device;
        let now = device.part.clock.now();
        device.connection += 1;
        device.state = State::Up;
        device.link = Some(made.link);
        device.granted = made.granted;
        device.rest = made.rest;
        device.counted = Some(made.counted);
        device.trouble = None;
        device.last_sent = now;
        device.ping_sent = None;
        (device.out_done, device.queued, device.written) = (0, 0, 0);
        if let Some(will) = &mut device.will {
            will.armed = rendered.connect.will.is_some();
        }
        let present = device.granted.session_present;
        device.rendered = device.part.compiled.settings.reconnect.is_some().then_some(rendered);
        if present {
            device.send_again();
        } else {
            device.held = Vec::new();
        }
        if let Some(interval) = device.keep_alive_interval() {
            device.part.heart.look_at(this, &device.planned, now + interval);
        }
        pump::start(cell, device.connection);
        present
    }

    /// What the session kept, once more and in order (section 4.4).
    fn send_again(&mut self) {
        let mut again = Vec::new();
        for flight in self.flights.iter() {
            match (flight.stage, &flight.packet) {
                (super::Stage::Release, _) => {
                    crate::packet::write_ack(crate::packet::AckKind::Release, flight.id, &mut again);
                }
                (_, Some(packet)) => {
                    let start = again.len();
                    again.extend_from_slice(packet);
                    // DUP.
                    again[start] |= 8;
                }
                _ => {}
            }
        }
        self.put(&again);
    }
}
