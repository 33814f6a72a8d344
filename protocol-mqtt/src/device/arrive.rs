//! What the broker sends.

use std::cell::RefCell;
use std::rc::Rc;

use prony_core::delivery::{Guarantee, Mark, Receipt, Stamp};
use prony_core::{FailureKind, Marks, Outcome, Timestamp};

use super::flights::{Flight, Stage, Whose};
use super::pump::malformed;
use super::{Answer, Device, Loss, MOST_ARRIVED, State, Subscription, Trouble};
use crate::metrics::count;
use crate::packet::control::{TOPIC_ALIASES, read_codes, reason_text};
use crate::packet::properties::Property;
use crate::packet::{Ack, AckKind, Frame, Malformed, Publish, Qos, Version, read_disconnect, write_ack};
use crate::reply::Arrived;

/// The user property that a stamp travels in.
pub(crate) const STAMP: &str = "prony";
/// Answers to unknown identifiers that are counted; a broker that sends more of them in a row is mad.
const REFUSED: u8 = 0x80;

type Ended = (Trouble, Loss);

impl Device {
    /// Takes one packet.
    pub(super) fn arrive(
        &mut self,
        shared: &Rc<RefCell<Device>>,
        frame: &Frame<'_>,
        now: Timestamp,
    ) -> Result<(), Ended> {
        let version = self.part.compiled.settings.version;
        match frame.kind {
            3 => {
                let publish = Publish::read(frame, version).map_err(|mistake| malformed(&mistake))?;
                self.message(&publish, frame.length, now).map_err(|mistake| malformed(&mistake))
            }
            4..=7 => {
                let ack = Ack::read(frame, version).map_err(|mistake| malformed(&mistake))?;
                let kind = match frame.kind {
                    4 => AckKind::Acknowledged,
                    5 => AckKind::Received,
                    6 => AckKind::Release,
                    _ => AckKind::Complete,
                };
                self.acknowledged(kind, &ack, frame.length, now).map_err(|mistake| malformed(&mistake))
            }
            9 | 11 => {
                let (id, codes) = read_codes(frame, version).map_err(|mistake| malformed(&mistake))?;
                let stage = if frame.kind == 9 { Stage::Subscribe } else { Stage::Unsubscribe };
                self.subscriptions_answered(stage, id, codes, frame.length, now)
                    .map_err(|mistake| malformed(&mistake))
            }
            13 => {
                self.ping_sent = None;
                self.part.heart.look_at(
                    shared,
                    &self.planned,
                    now + self.keep_alive_interval().unwrap_or_default(),
                );
                Ok(())
            }
            14 if version == Version::V5 => {
                let (reason, story) = read_disconnect(frame).map_err(|mistake| malformed(&mistake))?;
                let words = story.map(|story| format!(" ({})", story.escape_debug())).unwrap_or_default();
                let text = format!(
                    "the broker disconnected: {}, reason code {reason}{words}",
                    reason_text(reason, version)
                );
                if let Some(metrics) = &self.part.compiled.metrics {
                    self.part.meter.metric(metrics.disconnects_received, now, 1.0);
                }
                let trouble = Trouble { kind: FailureKind::GoAway, reason: Some(reason), story: text.into() };
                Err((trouble, Loss::Theirs))
            }
            15 if version == Version::V5 => {
                // 0x8C: bad authentication method; none was asked for.
                self.put(&[0xE0, 2, 0x8C, 0]);
                Err(malformed(&Malformed::new("AUTH, though no authentication method was asked for")))
            }
            kind => {
                Err(malformed(&Malformed::new(format!("a packet of type {kind}, which brokers do not send"))))
            }
        }
    }

    /// A message.
    fn message(&mut self, publish: &Publish<'_>, length: usize, now: Timestamp) -> Result<(), Malformed> {
        let part = Rc::clone(&self.part);
        count(&part.tallies.received, 1);
        count(&part.tallies.received_bytes, length as u64);
        let alias = self.resolve(publish)?;
        let mut number = 0;
        match publish.qos {
            Qos::AtMostOnce => {}
            _ if self.settles => {
                if self.held.contains(&publish.id) {
                    self.put_ack(AckKind::Received, publish.id);
                    count(&part.tallies.redelivered, 1);
                    return Ok(());
                }
                number = settling_number(self.connection, publish.qos, publish.id);
            }
            Qos::AtLeastOnce => {
                self.put_ack(AckKind::Acknowledged, publish.id);
            }
            Qos::ExactlyOnce => {
                self.put_ack(AckKind::Received, publish.id);
                if self.held.contains(&publish.id) {
                    // Not released yet: the same message once more (section 4.3.3).
                    count(&part.tallies.redelivered, 1);
                    return Ok(());
                }
                self.held.push(publish.id);
            }
        }
        let topic = match &alias {
            Some(topic) => topic,
            None => publish.topic,
        };
        self.audit(publish, topic, length, now);
        if part.compiled.keeps_messages || self.keeps {
            if self.arrived.len() >= MOST_ARRIVED {
                self.arrived.pop_front();
                part.notice("arrived", &|| {
                    format!("more than {MOST_ARRIVED} messages wait for `receive`; the oldest are dropped")
                });
            }
            self.kept += 1;
            let arrived = Arrived::new(publish, topic, length as u64, now);
            self.arrived.push_back(Arrived { number, place: self.kept, ..arrived });
            self.tell_user();
        }
        Ok(())
    }

    /// Acknowledges a message that its user was to settle. One of an earlier connection is not known any more.
    pub(crate) fn settle(&mut self, number: u64) {
        let id = number as u16;
        let is = |qos| number == settling_number(self.connection, qos, id);
        if id == 0 || self.state != State::Up {
            return;
        }
        if is(Qos::AtLeastOnce) {
            self.put_ack(AckKind::Acknowledged, id);
        } else if is(Qos::ExactlyOnce) && !self.held.contains(&id) {
            self.put_ack(AckKind::Received, id);
            self.held.push(id);
        }
        self.wants_to_write();
    }

    /// The topic that an alias stands for, and what an alias is to stand for.
    fn resolve(&mut self, publish: &Publish<'_>) -> Result<Option<Box<str>>, Malformed> {
        let mut alias = None;
        for property in publish.properties.iter() {
            if let Property::TopicAlias(number) = property? {
                alias = Some(number);
            }
        }
        match (alias, publish.topic) {
            (None, "") => Err(Malformed::new("a PUBLISH without a topic or an alias")),
            (None, _) => Ok(None),
            (Some(number), _) if number == 0 || number > TOPIC_ALIASES => Err(Malformed::new(format!(
                "a PUBLISH with topic alias {number}, where 1 to {TOPIC_ALIASES} are allowed"
            ))),
            (Some(number), "") => {
                let known = self.aliases.as_ref().and_then(|aliases| aliases.get(&number));
                known
                    .cloned()
                    .map(Some)
                    .ok_or_else(|| Malformed::new(format!("a PUBLISH with the unknown topic alias {number}")))
            }
            (Some(number), topic) => {
                self.aliases.get_or_insert_default().insert(number, topic.into());
                Ok(None)
            }
        }
    }

    /// Times a message, and holds it against what was sent.
    fn audit(&mut self, publish: &Publish<'_>, topic: &str, length: usize, now: Timestamp) {
        let part = Rc::clone(&self.part);
        let stamp = Stamp::read(publish.payload).or_else(|| {
            publish.properties.iter().find_map(|property| match property {
                Ok(Property::User(STAMP, text)) => Stamp::from_text(text),
                _ => None,
            })
        });
        let as_published = self.subscriptions.iter().any(|one| one.wish.retain_as_published);
        if publish.retained && !as_published {
            count(&part.tallies.retained, 1);
            return;
        }
        let (Some(stamp), Some(incoming)) = (stamp, &mut self.incoming) else {
            count(&part.tallies.unstamped, 1);
            return;
        };
        let mark = if publish.repeated { Mark::Repeated } else { Mark::Plain };
        match incoming.receive(&stamp, guarantee(publish.qos), mark) {
            Receipt::First | Receipt::Late => {}
            Receipt::Repeated | Receipt::Foreign => return,
            Receipt::Beyond => {}
        }
        let matching = |filter: &str| {
            let inner = crate::packet::topic::shared(filter).map_or(filter, |(_, inner)| inner);
            crate::packet::topic::matches(inner, topic)
        };
        let delivery = match self.subscriptions.as_slice() {
            [] => return,
            [only] => only.delivery,
            many => match many.iter().find(|one| matching(&one.wish.filter)) {
                Some(one) => one.delivery,
                None => return,
            },
        };
        if stamp.sent == Timestamp::default() {
            // A will: the broker chose its moment.
            count(&part.tallies.wills, 1);
            return;
        }
        let Some(delivery) = delivery else { return };
        let mut outcome = Outcome::due(stamp.intended);
        outcome.sent = Some(stamp.sent);
        outcome.finished = now;
        outcome.traffic.received = length as u64;
        outcome.body_bytes = publish.payload.len() as u64;
        part.meter.request(delivery, &outcome, Marks::default());
    }

    fn put_ack(&mut self, kind: AckKind, id: u16) {
        let before = self.out.len();
        write_ack(kind, id, &mut self.out);
        self.queued += (self.out.len() - before) as u64;
    }

    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    fn acknowledged(
        &mut self,
        kind: AckKind,
        ack: &Ack<'_>,
        length: usize,
        now: Timestamp,
    ) -> Result<(), Malformed> {
        if kind == AckKind::Release {
            self.held.retain(|held| *held != ack.id);
            self.put_ack(AckKind::Complete, ack.id);
            return Ok(());
        }
        let Some(flight) = self.flights.find(ack.id) else {
            return self.stray(kind, ack.id);
        };
        match (kind, flight.stage) {
            (AckKind::Received, Stage::Publish2) if ack.reason < REFUSED => {
                flight.stage = Stage::Release;
                flight.packet = None;
                self.put_ack(AckKind::Release, ack.id);
                Ok(())
            }
            // Once more: the answer is the same (section 4.3.3).
            (AckKind::Received, Stage::Release) => {
                self.put_ack(AckKind::Release, ack.id);
                self.stray(kind, ack.id)
            }
            (AckKind::Acknowledged, Stage::Publish1)
            | (AckKind::Received, Stage::Publish2)
            | (AckKind::Complete, Stage::Release) => {
                if let Some(flight) = self.flights.end(ack.id, false) {
                    self.answered(&flight, ack.reason, ack.story, length, now);
                }
                Ok(())
            }
            // It came too late, or it came before.
            (_, Stage::Over(answerable)) => {
                if answerable && kind != AckKind::Received {
                    self.flights.end(ack.id, false);
                }
                self.stray(kind, ack.id)
            }
            (_, stage) => Err(Malformed::new(format!(
                "{} for packet {}, which waits for {}",
                name(kind),
                ack.id,
                awaited(stage)
            ))),
        }
    }

    /// An answer that nobody waits for.
    fn stray(&mut self, kind: AckKind, id: u16) -> Result<(), Malformed> {
        count(&self.part.tallies.stray_acks, 1);
        self.part.notice("stray", &|| {
            format!(
                "the broker sent {} for packet {id}, which waits for none: late, doubled, or made up",
                name(kind)
            )
        });
        Ok(())
    }

    /// A message has had its last answer.
    fn answered(&mut self, flight: &Flight, reason: u8, story: Option<&str>, length: usize, now: Timestamp) {
        let refused = reason >= REFUSED;
        if let (true, Some((stream, sequence))) = (refused, flight.stamped)
            && let Some((_, stream)) = self.streams.get_mut(usize::from(stream))
        {
            stream.refused(sequence);
        }
        let mut outcome = Outcome::due(flight.intended).traced(flight.trace);
        outcome.sent = Some(flight.sent);
        outcome.finished = now;
        outcome.status = Some(u16::from(reason));
        outcome.traffic.sent = u64::from(flight.length);
        outcome.traffic.received = length as u64;
        outcome.failure = refused.then_some(FailureKind::Status);
        if let Some(watch) = &flight.watch {
            let version = self.part.compiled.settings.version;
            let words = || story.map_or_else(|| reason_text(reason, version).to_owned(), str::to_owned);
            let told = refused.then(|| format!("the broker refused the message: {}", words()));
            watch.tell(outcome, told.as_deref());
        }
        if flight.whose == Whose::Users {
            let story = story.map(Box::from);
            self.answer = Some(Box::new(Answer { outcome, codes: Vec::new(), story }));
        } else if flight.whose == Whose::Nobodys && refused {
            // Nothing more will come of it.
            self.answer = Some(Box::new(Answer { outcome, codes: Vec::new(), story: story.map(Box::from) }));
        } else if flight.whose == Whose::Nobodys {
            // What it is a part of goes on.
        } else if refused {
            let version = self.part.compiled.settings.version;
            let words = story.map(|story| format!(" ({})", story.escape_debug())).unwrap_or_default();
            let text = format!("the broker refused the message: {}{words}", reason_text(reason, version));
            self.part.record(flight.step, outcome, &text);
        } else {
            self.part.meter.request(flight.step, &outcome, Marks::default());
        }
        // Somebody may wait for a place in the window.
        self.tell_user();
    }

    /// SUBACK and UNSUBACK.
    fn subscriptions_answered(
        &mut self,
        stage: Stage,
        id: u16,
        codes: &[u8],
        length: usize,
        now: Timestamp,
    ) -> Result<(), Malformed> {
        let what = if stage == Stage::Subscribe { "SUBACK" } else { "UNSUBACK" };
        match self.flights.find(id).map(|flight| flight.stage) {
            Some(found) if found == stage => {}
            None | Some(Stage::Over(_)) => {
                count(&self.part.tallies.stray_acks, 1);
                self.part.notice("stray", &|| {
                    format!("the broker sent {what} for packet {id}, which waits for none")
                });
                return Ok(());
            }
            Some(other) => {
                return Err(Malformed::new(format!(
                    "{what} for packet {id}, which waits for {}",
                    awaited(other)
                )));
            }
        }
        let Some(flight) = self.flights.end(id, false) else { return Ok(()) };
        let mut outcome = Outcome::due(flight.intended).traced(flight.trace);
        outcome.sent = Some(flight.sent);
        outcome.finished = now;
        outcome.traffic.sent = u64::from(flight.length);
        outcome.traffic.received = length as u64;
        if stage == Stage::Subscribe {
            // Here and not when the user hears of it: the first messages may stand right behind.
            let place = self.asked_for.iter().position(|(known, _)| *known == id);
            let asked = place.map(|place| self.asked_for.remove(place).1).unwrap_or_default();
            if asked.len() == codes.len() {
                let granted = asked.into_iter().zip(codes);
                let granted = granted.filter_map(|(asked, code)| {
                    Some(Subscription { qos: Qos::from_number(*code)?, ..asked })
                });
                self.subscribed(granted.collect());
            }
        }
        let worst = codes.iter().copied().max().unwrap_or(0);
        outcome.status = Some(u16::from(worst));
        outcome.failure = (worst >= REFUSED).then_some(FailureKind::Status);
        if flight.whose == Whose::Users {
            self.answer = Some(Box::new(Answer { outcome, codes: codes.to_vec(), story: None }));
            self.tell_user();
        } else {
            self.part.record(flight.step, outcome, "the broker refused the subscription");
        }
        Ok(())
    }
}

/// What a message is settled by: its connection, its QoS and its identifier.
fn settling_number(connection: u32, qos: Qos, id: u16) -> u64 {
    u64::from(connection) << 18 | (qos as u64) << 16 | u64::from(id)
}

/// The promise that a QoS makes.
pub(crate) const fn guarantee(qos: Qos) -> Guarantee {
    match qos {
        Qos::AtMostOnce => Guarantee::AtMostOnce,
        Qos::AtLeastOnce => Guarantee::AtLeastOnce,
        Qos::ExactlyOnce => Guarantee::ExactlyOnce,
    }
}

const fn name(kind: AckKind) -> &'static str {
    match kind {
        AckKind::Acknowledged => "PUBACK",
        AckKind::Received => "PUBREC",
        AckKind::Release => "PUBREL",
        AckKind::Complete => "PUBCOMP",
    }
}

const fn awaited(stage: Stage) -> &'static str {
    match stage {
        Stage::Publish1 => "PUBACK",
        Stage::Publish2 => "PUBREC",
        Stage::Release => "PUBCOMP",
        Stage::Subscribe => "SUBACK",
        Stage::Unsubscribe => "UNSUBACK",
        Stage::Over(_) => "nothing",
    }
}
