//! A broker looked at by hand: one connection that publishes a message and hears what is said to it, or shows what comes.
//! Nothing is measured here; devices under load are [`crate::device`]'s.

mod connect;
mod wire;

use std::future::poll_fn;
use std::time::Duration;

use prony_core::{Clock, Diagnostic, Timestamp};

use crate::device::link::Link;
use crate::packet::control::{Granted, Wish, read_codes, reason_text, subscribe};
use crate::packet::{
    Ack, AckKind, Malformed, Publish, PublishHead, Qos, Version, put_variable_number, topic, write_ack,
    write_publish,
};

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

impl From<Malformed> for PokeError {
    fn from(mistake: Malformed) -> Self {
        Self::Failed(format!("the broker sent {mistake}"))
    }
}

impl From<Diagnostic> for PokeError {
    fn from(mistake: Diagnostic) -> Self {
        Self::Wrong(mistake)
    }
}

fn failed<T>(text: impl Into<String>) -> Result<T, PokeError> {
    Err(PokeError::Failed(text.into()))
}

impl Client {
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
            let ack = Ack::read(&packet.frame(), self.version)?;
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
            put_variable_number(&mut again, packet.body.len() as u32);
            again.extend_from_slice(&packet.body);
            self.bytes.splice(..0, again);
        }
        let (_, codes) = read_codes(&answer.frame(), self.version)?;
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
                    let publish = Publish::read(&packet.frame(), self.version)?;
                    match publish.qos {
                        Qos::AtMostOnce => {}
                        Qos::AtLeastOnce => write_ack(AckKind::Acknowledged, publish.id, &mut ack),
                        Qos::ExactlyOnce => write_ack(AckKind::Received, publish.id, &mut ack),
                    }
                    let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
                    message = Some(Message { topic, payload, retained: publish.retained });
                }
                6 => {
                    let release = Ack::read(&packet.frame(), self.version)?;
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
