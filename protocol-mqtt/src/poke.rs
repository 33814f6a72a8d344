//! A broker looked at by hand: one connection that publishes a message and hears what is said to it, or shows what comes.
//! Nothing is measured here; devices under load are [`crate::device`]'s.

use std::collections::hash_map::RandomState;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Clock, Diagnostic, Phases, Random, Scope, Timestamp, Variables};
use prony_transport::{Connector, Stream, story_of_io};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::config::Settings;
use crate::device::link::{Link, Read};
use crate::packet::control::{ConnAck, Granted, Wish, read_codes, reason_text, subscribe};
use crate::packet::{
    Ack, AckKind, Frame, Framing, Publish, PublishHead, Qos, Version, next_frame, read_disconnect, topic,
    write_ack, write_publish,
};
use crate::step::Identity;
use crate::target::Target;

/// A connection that the broker has accepted.
pub struct Client {
    link: Link,
    version: Version,
    granted: Granted,
    /// The largest packet that is taken.
    most: usize,
    timeout: Duration,
    /// The longest silence before a ping.
    keep_alive: Option<Duration>,
    clock: Clock,
    last_sent: Timestamp,
    /// A ping has no answer yet.
    pinged: bool,
    /// What has come and was not looked at.
    bytes: Vec<u8>,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// The broker kept it from before the subscription.
    pub retained: bool,
}

/// Why something did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PokeError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Wrong(Diagnostic),
    /// What happened, in words for people.
    #[error("{0}")]
    Failed(String),
}

impl From<Diagnostic> for PokeError {
    fn from(mistake: Diagnostic) -> Self {
        Self::Wrong(mistake)
    }
}

fn failed<T>(text: impl Into<String>) -> Result<T, PokeError> {
    Err(PokeError::Failed(text.into()))
}

/// A packet with its own bytes.
struct Packet {
    kind: u8,
    flags: u8,
    body: Vec<u8>,
}

impl Packet {
    fn frame(&self) -> Frame<'_> {
        Frame { kind: self.kind, flags: self.flags, body: &self.body, length: self.body.len() }
    }
}

impl Client {
    /// Connects as a plan's words say; templates among them are filled in for user 0 at the time of day `wall`.
    ///
    /// # Errors
    /// When the words are wrong, or there is no connection.
    pub async fn connect(wiring: Wiring<'_>, clock: Clock, wall: Duration) -> Result<Self, PokeError> {
        let settings = Settings::from_plan(wiring.settings)?;
        let Some(node) = wiring.target else { return failed("no target: expected where the broker is") };
        let target = Target::from_plan(node)?;
        let identity =
            Identity::compile(wiring.settings, settings.version, &Variables::default(), wiring.folder)?;
        let alpn = if target.websocket.is_some() { vec![b"http/1.1".to_vec()] } else { Vec::new() };
        let connector = Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?.build(alpn);
        let connector = Arc::new(connector.map_err(|error| PokeError::Failed(error.to_string()))?);
        let chance = RandomState::new().build_hasher().finish();
        let mut random = Random::new(chance, 0, 0);
        let mut scope =
            Scope { values: &[], user: 0, iteration: 0, random: &mut random, wall, message: None };
        let prefix = format!("prony-{:08x}", chance as u32);
        let mut rendered = identity
            .render(&settings, &prefix, &mut scope)
            .map_err(|mistake| PokeError::Failed(mistake.to_string()))?;
        // Without aliases every message says its topic.
        rendered.connect.topic_aliases = None;
        let hello =
            rendered.connect.write(settings.version).map_err(|mistake| PokeError::Failed(mistake.0))?;
        let made = tokio::time::timeout(settings.timeout, async {
            let connector = connector.worker(0);
            let connected = connector.connect(&target.origin, &clock, &mut Phases::default()).await;
            let connected = connected.map_err(|failure| {
                PokeError::Failed(format!("{}; is a broker listening there?", failure.detail))
            })?;
            let link = match &target.websocket {
                None => Link::Plain(connected.stream),
                Some(path) => upgrade(connected.stream, &target, path).await?,
            };
            let mut client = Self {
                link,
                version: settings.version,
                granted: Granted::default(),
                most: settings.max_packet,
                timeout: settings.timeout,
                keep_alive: None,
                clock,
                last_sent: clock.now(),
                pinged: false,
                bytes: Vec::new(),
            };
            client.send(&hello).await?;
            let answer = client.packet("CONNECT").await?;
            if answer.kind != 2 {
                return failed(format!("the broker answered CONNECT with a packet of type {}", answer.kind));
            }
            match ConnAck::read(&answer.frame(), settings.version) {
                Ok(ConnAck::Granted(granted)) => client.granted = *granted,
                Ok(ConnAck::Refused(reason, story)) => {
                    let said = said(reason, story.as_deref(), settings.version);
                    return failed(format!("{}: the broker refused the connection: {said}", target.origin));
                }
                Err(mistake) => return failed(format!("the broker sent {mistake}")),
            }
            let seconds = client.granted.keep_alive.unwrap_or(settings.keep_alive);
            client.keep_alive = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
            Ok(client)
        });
        made.await.unwrap_or_else(|_| {
            let limit = prony_core::units::show_duration(settings.timeout);
            failed(format!("{}: no connection within {limit}; does a broker speak there?", target.origin))
        })
    }

    /// Publishes a message and waits for the last the broker has to say to it: its words, in `Err` those of a refusal. QoS 0
    /// has no answer, so a ping behind it shows that the broker has read it.
    ///
    /// # Errors
    /// When the topic is none, or no answer comes.
    pub async fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        retain: bool,
    ) -> Result<Result<String, String>, PokeError> {
        if let Some(mistake) = topic::topic_mistake(topic) {
            return failed(format!("`{}` is no topic: {mistake}", topic.escape_debug()));
        }
        let qos = Qos::from_number(qos).unwrap_or_default();
        if qos > self.granted.max_qos {
            let most = self.granted.max_qos as u8;
            return failed(format!("the broker takes QoS {most} at most, as its CONNACK says"));
        }
        if retain && !self.granted.retain {
            return failed("the broker keeps no messages (`--retain`), as its CONNACK says");
        }
        let head = PublishHead { repeated: false, qos, retain, topic, id: 1, properties: &[] };
        let mut packet = Vec::new();
        write_publish(&head, &[payload], self.version, &mut packet);
        if packet.len() > self.granted.max_packet as usize {
            return failed(format!("the broker takes packets of {} bytes at most", self.granted.max_packet));
        }
        if qos == Qos::AtMostOnce {
            packet.extend_from_slice(&PING);
        }
        self.send(&packet).await?;
        loop {
            let packet = self.answer("PUBLISH").await?;
            match (packet.kind, qos) {
                (13, Qos::AtMostOnce) => return Ok(Ok("the broker has read it".to_owned())),
                (4, Qos::AtLeastOnce) | (5 | 7, Qos::ExactlyOnce) => {}
                _ => continue,
            }
            let ack = Ack::read(&packet.frame(), self.version);
            let ack = ack.map_err(|mistake| PokeError::Failed(format!("the broker sent {mistake}")))?;
            let said = said(ack.reason, ack.story, self.version);
            if ack.reason >= 0x80 {
                return Ok(Err(format!("the broker refused the message: {said}")));
            }
            if packet.kind != 5 {
                return Ok(Ok(format!("acknowledged: {said}")));
            }
            let mut release = Vec::new();
            write_ack(AckKind::Release, ack.id, &mut release);
            self.send(&release).await?;
        }
    }

    /// Subscribes, and waits until the broker has said yes to all `filters`.
    ///
    /// # Errors
    /// When it says no to one, or a filter is none.
    pub async fn subscribe(&mut self, filters: &[String], qos: u8) -> Result<(), PokeError> {
        let qos = Qos::from_number(qos).unwrap_or_default();
        for filter in filters {
            if let Some(mistake) = topic::filter_mistake(filter) {
                return failed(format!("`{}` is no topic filter: {mistake}", filter.escape_debug()));
            }
        }
        let wishes: Vec<Wish> =
            filters.iter().map(|filter| Wish { filter: filter.clone(), qos, ..Wish::default() }).collect();
        let packet = subscribe(1, &wishes, None, self.version);
        self.send(&packet.map_err(|mistake| PokeError::Failed(mistake.0))?).await?;
        // The broker may send messages before its SUBACK; they are looked at behind it.
        let mut before = Vec::new();
        let answer = loop {
            let packet = self.answer("SUBSCRIBE").await?;
            if packet.kind == 9 {
                break packet;
            }
            before.push(packet);
        };
        for packet in before.iter().rev() {
            let mut again = vec![packet.kind << 4 | packet.flags];
            crate::packet::put_variable_number(&mut again, packet.body.len() as u32);
            again.extend_from_slice(&packet.body);
            self.bytes.splice(..0, again);
        }
        let (_, codes) = read_codes(&answer.frame(), self.version)
            .map_err(|mistake| PokeError::Failed(format!("the broker sent {mistake}")))?;
        match filters.iter().zip(codes).find(|(_, code)| **code >= 0x80) {
            Some((filter, code)) => {
                failed(format!("the broker refused `{filter}`: {}", said(*code, None, self.version)))
            }
            None => Ok(()),
        }
    }

    /// The next message; acknowledged as its QoS asks for. Pings when there was silence for long.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn next(&mut self) -> Result<Message, PokeError> {
        loop {
            let packet = match self.keep_alive {
                None => self.packet("").await?,
                Some(longest) => {
                    let mut left = longest.saturating_sub(self.clock.now() - self.last_sent);
                    // Also when messages come without a pause: it is what we send that the broker waits for.
                    if left.is_zero() && !self.pinged {
                        self.pinged = true;
                        self.send(&PING).await?;
                        left = longest;
                    }
                    match tokio::time::timeout(left, self.packet("")).await {
                        Ok(packet) => packet?,
                        Err(_) if self.pinged => return failed("the broker does not answer pings any more"),
                        Err(_) => continue,
                    }
                }
            };
            let mut ack = Vec::new();
            let mut message = None;
            match packet.kind {
                3 => {
                    let publish = Publish::read(&packet.frame(), self.version)
                        .map_err(|mistake| PokeError::Failed(format!("the broker sent {mistake}")))?;
                    match publish.qos {
                        Qos::AtMostOnce => {}
                        Qos::AtLeastOnce => write_ack(AckKind::Acknowledged, publish.id, &mut ack),
                        Qos::ExactlyOnce => write_ack(AckKind::Received, publish.id, &mut ack),
                    }
                    let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
                    message = Some(Message { topic, payload, retained: publish.retained });
                }
                6 => {
                    let release = Ack::read(&packet.frame(), self.version)
                        .map_err(|mistake| PokeError::Failed(format!("the broker sent {mistake}")))?;
                    write_ack(AckKind::Complete, release.id, &mut ack);
                }
                13 => self.pinged = false,
                _ => {}
            }
            if !ack.is_empty() {
                self.send(&ack).await?;
            }
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// Says goodbye. What goes wrong then is no matter.
    pub async fn close(mut self) {
        let goodbye = async {
            let _ = self.send(&[0xE0, 0]).await;
            let _ = poll_fn(|context| self.link.poll_close(context)).await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }

    /// The next packet, within the time a request may take.
    async fn answer(&mut self, to: &str) -> Result<Packet, PokeError> {
        let limit = self.timeout;
        tokio::time::timeout(limit, self.packet(to)).await.unwrap_or_else(|_| {
            failed(format!("no answer to {to} within {}", prony_core::units::show_duration(limit)))
        })
    }

    /// The next packet; it may be the answer `to` something. Loses nothing when it is given up.
    async fn packet(&mut self, to: &str) -> Result<Packet, PokeError> {
        loop {
            match next_frame(&self.bytes, self.most) {
                Err(mistake) => return failed(format!("the broker sent {mistake}")),
                Ok(Framing::Part) => {}
                Ok(Framing::Whole(frame)) => {
                    let packet = Packet { kind: frame.kind, flags: frame.flags, body: frame.body.to_vec() };
                    let length = frame.length;
                    self.bytes.drain(..length);
                    if packet.kind == 14 {
                        let (reason, story) = read_disconnect(&packet.frame()).unwrap_or((0, None));
                        let said = said(reason, story, self.version);
                        return failed(format!("the broker ended the connection: {said}"));
                    }
                    return Ok(packet);
                }
            }
            let (link, bytes) = (&mut self.link, &mut self.bytes);
            let read =
                poll_fn(|context| link.poll_read(context, &mut |more| bytes.extend_from_slice(more))).await;
            match read {
                Ok(Read::Some) => {}
                Ok(Read::End) => {
                    return failed(match to {
                        "" => "the broker closed the connection".to_owned(),
                        "CONNECT" => "the broker closed the connection in answer to CONNECT; does it speak this version of MQTT (`--mqtt`)?".to_owned(),
                        _ => format!("the broker closed the connection in answer to {to}, which in MQTT 3.1.1 may mean that it forbids it"),
                    });
                }
                Err(error) => return failed(format!("the connection broke: {}", story_of_io(&error))),
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), PokeError> {
        self.last_sent = self.clock.now();
        let (link, mut done) = (&mut self.link, 0);
        let sent: io::Result<()> = poll_fn(|context| {
            while done < bytes.len() {
                match ready!(link.poll_write(context, &bytes[done..]))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => done += written,
                }
            }
            link.poll_flush(context)
        })
        .await;
        sent.map_err(|error| PokeError::Failed(format!("the connection broke: {}", story_of_io(&error))))
    }
}

const PING: [u8; 2] = [0xC0, 0];

/// A reason code and the broker's own words.
fn said(reason: u8, story: Option<&str>, version: Version) -> String {
    let words = story.map(|story| format!(" ({})", story.escape_debug())).unwrap_or_default();
    match reason {
        0 => format!("success{words}"),
        _ => format!("{}, reason code {reason}{words}", reason_text(reason, version)),
    }
}

async fn upgrade(stream: Stream, target: &Target, path: &str) -> Result<Link, PokeError> {
    let scheme = if target.origin.tls { "wss" } else { "ws" };
    let wrong =
        |error: &dyn std::fmt::Display| PokeError::Failed(format!("no WebSocket came about: {error}"));
    let mut request = format!("{scheme}://{}{path}", target.origin.authority(0))
        .into_client_request()
        .map_err(|error| wrong(&error))?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let (socket, _) =
        tokio_tungstenite::client_async(request, stream).await.map_err(|error| wrong(&error))?;
    Ok(Link::WebSocket(Box::new(socket)))
}
