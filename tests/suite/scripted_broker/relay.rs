//! The script of a broker that behaves, but for the faults it is told to make, and that keeps account of both.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::{Answers, Incoming, Kind, Message};

/// What it does wrong on the way to each subscriber, by the number of the message there, from 1 on. 0 is never.
/// Of two that meet at one message the first here counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Every so-manieth message is not sent.
    pub(crate) drop_every: u64,
    /// Every so-manieth is sent twice, as two messages with identifiers of their own.
    pub(crate) double_every: u64,
    /// Every so-manieth is sent after its successor.
    pub(crate) swap_every: u64,
}

/// What it has done, counted by messages and subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Messages that came, those of QoS 2 once.
    pub(crate) published: u64,
    /// Messages sent, each time.
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
    pub(crate) doubled: u64,
    pub(crate) swapped: u64,
    /// PUBACK and PUBCOMP that came.
    pub(crate) acknowledged: u64,
}

/// The script. Clones share subscriptions and ledger: a broker has one for all its connections.
#[derive(Clone, Default)]
pub(crate) struct Relay {
    faults: Faults,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    subscribers: Vec<Subscriber>,
    /// Connection and identifier of messages of QoS 2 that came and were not released yet.
    unreleased: HashSet<(u64, u16)>,
}

/// A subscription of one filter on one connection.
struct Subscriber {
    answers: Answers,
    filter: String,
    qos: u8,
    /// Messages that were for it, whatever became of them.
    seen: u64,
    /// The message that waits for its successor.
    held: Option<Message>,
}

impl Relay {
    /// One with these faults.
    pub(crate) fn with(faults: Faults) -> Self {
        Self { faults, state: Arc::default() }
    }

    /// What it has done so far.
    pub(crate) fn ledger(&self) -> Ledger {
        self.lock().ledger
    }

    /// Answers a packet as a broker does.
    pub(crate) fn answer(&self, packet: &Incoming, answers: &mut Answers) {
        let connection = answers.connection();
        match packet.kind() {
            Kind::Connect { .. } => answers.accept(),
            Kind::Publish(message) => {
                let again = message.qos == 2 && !self.lock().unreleased.insert((connection, message.id));
                if !again {
                    self.deliver(&message);
                }
                match message.qos {
                    1 => answers.puback(message.id),
                    2 => answers.pubrec(message.id),
                    _ => {}
                }
            }
            Kind::PubRel(id) => {
                self.lock().unreleased.remove(&(connection, id));
                answers.pubcomp(id);
            }
            Kind::PubRec(id) => answers.pubrel(id),
            Kind::PubAck(_) | Kind::PubComp(_) => self.lock().ledger.acknowledged += 1,
            Kind::Subscribe(id, filters) => {
                let codes: Vec<u8> = filters.iter().map(|(_, qos)| *qos).collect();
                let mut state = self.lock();
                answers.suback(id, &codes);
                for (filter, qos) in filters {
                    state.leave(connection, |other| *other == filter);
                    let answers = answers.clone();
                    state.subscribers.push(Subscriber { answers, filter, qos, seen: 0, held: None });
                }
            }
            Kind::Unsubscribe(id, filters) => {
                self.lock().leave(connection, |filter| filters.contains(filter));
                answers.unsuback(id, filters.len());
            }
            Kind::PingReq => answers.pingresp(),
            Kind::Disconnect => {
                self.lock().leave(connection, |_| true);
                answers.close();
            }
            Kind::Other => {}
        }
    }

    /// Sends a message to all who have subscribed for it, with the faults.
    pub(crate) fn deliver(&self, message: &Message) {
        let mut state = self.lock();
        let State { ledger, subscribers, .. } = &mut *state;
        ledger.published += 1;
        subscribers.retain(|subscriber| !subscriber.answers.is_over());
        for subscriber in subscribers.iter_mut() {
            if rumqttc::matches(&message.topic, &subscriber.filter) {
                subscriber.take(message, self.faults, ledger);
            }
        }
    }

    /// Sends what still waits for a successor to swap with.
    pub(crate) fn flush(&self) {
        let mut state = self.lock();
        let State { ledger, subscribers, .. } = &mut *state;
        for subscriber in subscribers {
            if let Some(held) = subscriber.held.take() {
                subscriber.send(&held, ledger);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl State {
    fn leave(&mut self, connection: u64, of: impl Fn(&String) -> bool) {
        self.subscribers.retain(|one| one.answers.connection() != connection || !of(&one.filter));
    }
}

impl Subscriber {
    fn take(&mut self, message: &Message, faults: Faults, ledger: &mut Ledger) {
        self.seen += 1;
        let befalls = |every: u64| every > 0 && self.seen.is_multiple_of(every);
        let earlier = self.held.take();
        if befalls(faults.drop_every) {
            ledger.dropped += 1;
        } else if befalls(faults.double_every) {
            ledger.doubled += 1;
            self.send(message, ledger);
            self.send(message, ledger);
        } else if befalls(faults.swap_every) && earlier.is_none() {
            self.held = Some(message.clone());
        } else {
            self.send(message, ledger);
        }
        if let Some(earlier) = earlier {
            ledger.swapped += 1;
            self.send(&earlier, ledger);
        }
    }

    fn send(&self, message: &Message, ledger: &mut Ledger) {
        let qos = message.qos.min(self.qos);
        let id = if qos == 0 { 0 } else { self.answers.next_id() };
        self.answers.publish(&Message { qos, id, retain: false, duplicate: false, ..message.clone() });
        ledger.sent += 1;
    }
}
