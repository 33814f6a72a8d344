//! What a device sends once it is connected.

use std::sync::Arc;
use std::time::Duration;

use prony_core::delivery::{Incoming, Ledger, Stamp};
use prony_core::{FailureKind, StepId, Timestamp, Traced};

use super::arrive::{STAMP, guarantee};
use super::flights::{Flight, Stage, Whose};
use super::watch::Watch;
use super::{Device, MOST_STREAMS, SharedDevice, State, Trouble, Unwritten};
use crate::config::StampPlace;
use crate::packet::properties::Property;
use crate::packet::{PublishHead, Qos, Version, write_publish};

/// So many bytes may pile up before a user has to wait for the connection.
pub(super) const PILE: usize = 64 * 1024;

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Outbound<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<Property<'a>>,
    pub(crate) stamp: StampPlace,
    /// The payload is made up: a stamp takes the place of its first bytes.
    pub(crate) made: bool,
    pub(crate) step: StepId,
    pub(crate) intended: Timestamp,
    /// Its place in a trace; a property tells the receiver.
    pub(crate) trace: Option<Traced>,
    pub(crate) timeout: Duration,
    pub(crate) whose: Whose,
    /// Who asks about it after it was handed over.
    pub(crate) watch: Option<Watch>,
}

/// What was handed to the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handed {
    pub(crate) length: u32,
    /// How many bytes the connection will have written by its end.
    pub(crate) upto: u64,
    pub(crate) sent: Timestamp,
}

impl Device {
    /// Puts bytes into the output.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.queued += bytes.len() as u64;
    }

    /// Publishes a message. There must be room in window and output.
    ///
    /// # Errors
    /// When the broker has said that it does not take such a message.
    pub(crate) fn publish(
        this: &SharedDevice,
        message: &Outbound<'_>,
        now: Timestamp,
    ) -> Result<Handed, Trouble> {
        let mut device = this.borrow_mut();
        let device = &mut *device;
        device.granted_for(message)?;
        let version = device.part.compiled.settings.version;
        let mut properties = message.properties.clone();
        let alias = if version == Version::V5 { device.alias(message.topic) } else { None };
        let mut topic = message.topic;
        if let Some((number, known)) = alias {
            properties.push(Property::TopicAlias(number));
            if known {
                topic = "";
            }
        }
        let stamped = match message.stamp {
            StampPlace::Off => {
                device.part.tell_unstamped();
                None
            }
            _ => device.stamp(message, now),
        };
        let bytes;
        let mut text = String::new();
        let mut front: &[u8] = &[];
        let mut payload = message.payload;
        if let Some((_, stamp)) = &stamped {
            if message.stamp == StampPlace::Property {
                text = stamp.to_text();
            } else {
                bytes = stamp.to_bytes();
                front = &bytes;
                if message.made {
                    payload = payload.get(Stamp::LENGTH..).unwrap_or_default();
                }
            }
        }
        if !text.is_empty() {
            properties.push(Property::User(STAMP, &text));
        }
        let id = if message.qos == Qos::AtMostOnce { 0 } else { device.flights.next_id() };
        let head = PublishHead {
            repeated: false,
            qos: message.qos,
            retain: message.retain,
            topic,
            id,
            properties: &properties,
        };
        let start = device.out.len();
        let length = write_publish(&head, &[front, payload], version, &mut device.out) as u32;
        device.queued += u64::from(length);
        let handed = Handed { length, upto: device.queued, sent: now };
        let stamped = stamped.map(|(stream, stamp)| (stream, stamp.sequence));
        if message.qos == Qos::AtMostOnce {
            if message.whose == Whose::Devices {
                device.unwritten.push_back(Unwritten {
                    upto: handed.upto,
                    step: message.step,
                    intended: message.intended,
                    trace: message.trace,
                    sent: now,
                    length,
                    watch: message.watch.clone(),
                });
            }
        } else {
            let deadline = now + message.timeout;
            let kept =
                device.part.compiled.keeps_session() && device.part.compiled.settings.reconnect.is_some();
            let packet = kept.then(|| device.repeatable(message, &properties, &[front, payload], start));
            device.flights.begin(Flight {
                id,
                stage: if message.qos == Qos::AtLeastOnce { Stage::Publish1 } else { Stage::Publish2 },
                whose: message.whose,
                step: message.step,
                intended: message.intended,
                trace: message.trace,
                sent: now,
                deadline,
                length,
                stamped,
                packet,
                watch: message.watch.clone(),
            });
            device.part.heart.look_at(this, &device.planned, deadline);
        }
        device.wants_to_write();
        Ok(handed)
    }

    /// The packet from `start` on, for a later connection: there an alias means nothing, so it is written without one.
    fn repeatable(
        &self,
        message: &Outbound<'_>,
        properties: &[Property<'_>],
        payload: &[&[u8]],
        start: usize,
    ) -> Box<[u8]> {
        if !properties.iter().any(|property| matches!(property, Property::TopicAlias(_))) {
            return self.out[start..].into();
        }
        let plain: Vec<Property<'_>> = properties
            .iter()
            .filter(|property| !matches!(property, Property::TopicAlias(_)))
            .copied()
            .collect();
        let head = PublishHead {
            repeated: false,
            qos: message.qos,
            retain: message.retain,
            topic: message.topic,
            id: self.flights.next_id(),
            properties: &plain,
        };
        let mut bytes = Vec::new();
        write_publish(&head, payload, Version::V5, &mut bytes);
        bytes.into()
    }

    fn granted_for(&self, message: &Outbound<'_>) -> Result<(), Trouble> {
        let refuse = |text: String| Err(Trouble::new(FailureKind::Request, text));
        if message.qos > self.granted.max_qos {
            return refuse(format!("the broker takes QoS {} at most", self.granted.max_qos as u8));
        }
        if message.retain && !self.granted.retain {
            return refuse("the broker retains no messages".to_owned());
        }
        let about = message.payload.len() + message.topic.len() + Stamp::LENGTH * 2 + 64;
        if about as u64 > u64::from(self.granted.max_packet) {
            return refuse(format!(
                "the broker takes packets of {} bytes at most, and this has about {about}",
                self.granted.max_packet
            ));
        }
        Ok(())
    }

    /// The topic's alias, and whether the broker knows it.
    fn alias(&mut self, topic: &str) -> Option<(u16, bool)> {
        let most = self.granted.topic_aliases.min(self.part.compiled.settings.topic_aliases);
        if most == 0 {
            return None;
        }
        let aliases = self.own_aliases.get_or_insert_default();
        if let Some(number) = aliases.get(topic) {
            return Some((*number, true));
        }
        let number = aliases.len() as u16 + 1;
        (number <= most).then(|| {
            aliases.insert(topic.into(), number);
            (number, false)
        })
    }

    /// The message's place among all on its topic; `None` for a device of too many topics.
    fn stamp(&mut self, message: &Outbound<'_>, now: Timestamp) -> Option<(u16, Stamp)> {
        let known = self.streams.iter().position(|(topic, _)| **topic == *message.topic);
        let place = match known {
            Some(place) => place,
            None if self.streams.len() >= MOST_STREAMS => {
                self.part.notice("streams", &|| {
                    format!("a user publishes to more than {MOST_STREAMS} topics: messages on further ones are not audited")
                });
                return None;
            }
            None => {
                let ledger = &self.part.commons.ledger;
                self.publishing.get_or_insert_with(|| Ledger::publishing(ledger));
                self.streams
                    .push((message.topic.into(), ledger.outgoing(message.topic, guarantee(message.qos))));
                self.streams.len() - 1
            }
        };
        if self.publishing.is_none() {
            self.publishing = Some(Ledger::publishing(&self.part.commons.ledger));
        }
        Some((place as u16, self.streams[place].1.stamp(message.intended, now)))
    }

    /// Sends a SUBSCRIBE or UNSUBSCRIBE that `write` makes for its identifier. The user waits for the answer.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn ask(
        this: &SharedDevice,
        stage: Stage,
        whose: Whose,
        (step, intended, timeout): (StepId, Timestamp, Duration),
        write: impl FnOnce(u16) -> Result<bytes::BytesMut, crate::packet::Malformed>,
    ) -> Result<Handed, Trouble> {
        let mut device = this.borrow_mut();
        let device = &mut *device;
        let now = device.part.clock.now();
        let id = device.flights.next_id();
        let bytes = write(id).map_err(|mistake| Trouble::new(FailureKind::Request, mistake.0))?;
        device.put(&bytes);
        let deadline = now + timeout;
        device.flights.begin(Flight {
            id,
            stage,
            whose,
            step,
            intended,
            // Whoever asks waits for the answer, and knows.
            trace: None,
            sent: now,
            deadline,
            length: bytes.len() as u32,
            stamped: None,
            packet: None,
            watch: None,
        });
        device.part.heart.look_at(this, &device.planned, deadline);
        device.wants_to_write();
        Ok(Handed { length: bytes.len() as u32, upto: device.queued, sent: now })
    }

    /// Sends a SUBSCRIBE, and notes what it asks for until its SUBACK comes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn subscribe(
        this: &SharedDevice,
        whose: Whose,
        terms: (StepId, Timestamp, Duration),
        asked: Vec<super::Subscription>,
    ) -> Result<Handed, Trouble> {
        let version = this.borrow().part.compiled.settings.version;
        let wishes: Vec<_> = asked.iter().map(|one| one.wish.clone()).collect();
        let identifier = asked.iter().find_map(|one| one.identifier);
        let mut number = 0;
        let handed = Self::ask(this, Stage::Subscribe, whose, terms, |id| {
            number = id;
            crate::packet::control::subscribe(id, &wishes, identifier, version)
        })?;
        this.borrow_mut().asked_for.push((number, asked));
        Ok(handed)
    }

    /// The broker has acknowledged subscriptions.
    pub(super) fn subscribed(&mut self, subscriptions: Vec<super::Subscription>) {
        let ledger = Arc::clone(&self.part.commons.ledger);
        let incoming = self.incoming.get_or_insert_with(|| Box::new(Incoming::new(ledger)));
        for subscription in subscriptions {
            let filter = &subscription.wish.filter;
            match crate::packet::topic::shared(filter) {
                Some((group, inner)) => incoming.joined(group, inner, guarantee(subscription.qos)),
                None => incoming.subscribed(filter, guarantee(subscription.qos)),
            }
            self.subscriptions.retain(|known| known.wish.filter != subscription.wish.filter);
            self.subscriptions.push(subscription);
        }
    }

    /// Subscriptions are about to be ended: nothing more is owed.
    pub(crate) fn unsubscribing(&mut self, filters: &[String]) {
        if let Some(incoming) = &mut self.incoming {
            for filter in filters {
                match crate::packet::topic::shared(filter) {
                    Some((group, inner)) => incoming.left(group, inner),
                    None => incoming.unsubscribed(filter),
                }
            }
        }
        self.subscriptions.retain(|known| !filters.contains(&known.wish.filter));
    }

    /// Says DISCONNECT.
    pub(crate) fn say_goodbye(&mut self) {
        if self.state == State::Up {
            self.put(&[0xE0, 0]);
            self.write_now();
        }
    }

    /// Writes what can be written without waiting: the connection ends next.
    fn write_now(&mut self) {
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        while let Some(link) = self.link.as_mut().filter(|_| self.out_done < self.out.len()) {
            match link.poll_write(&mut context, &self.out[self.out_done..]) {
                std::task::Poll::Ready(Ok(written)) if written > 0 => {
                    self.out_done += written;
                    self.written += written as u64;
                }
                _ => break,
            }
        }
        if let Some(link) = &mut self.link {
            let _ = link.poll_flush(&mut context);
            let _ = link.poll_close(&mut context);
        }
    }
}
