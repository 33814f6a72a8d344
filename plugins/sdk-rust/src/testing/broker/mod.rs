//! A small broker in memory: MQTT of the fake host, in simulated time.

mod device;
mod record;
mod topic;
mod view;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

pub(super) use device::{Device, Link};
pub use record::{Connection, Published, Subscription, Will};
pub(super) use topic::{matches, mistake};
pub use view::Mqtt;

use super::calls::mqtt::Message;
use crate::{Failure, mqtt};

type Respond = Rc<dyn Fn(&Published) -> Vec<mqtt::Message>>;

#[derive(Default)]
pub(super) struct Broker {
    pub(super) devices: BTreeMap<u32, Device>,
    pub(super) retained: BTreeMap<String, Message>,
    /// What comes from elsewhere, by its moment; the second number tells apart those of one moment.
    feeds: BTreeMap<(u64, u64), (Message, Option<u32>)>,
    feeds_made: u64,
    pub(super) published: Vec<Published>,
    pub(super) connections: Vec<Connection>,
    /// What comes of connecting, and of messages and subscriptions by filter.
    pub(super) gate: Option<Verdict>,
    verdicts: Vec<(String, Option<Verdict>)>,
    responders: Vec<(String, Respond)>,
    /// Nanoseconds until the broker answers.
    pub(super) takes: u64,
}

/// What the broker makes of a request that it does not take.
#[derive(Clone)]
pub(super) enum Verdict {
    /// It answers so.
    Reason(u8),
    /// It does not answer.
    Failure(Failure),
}

impl Verdict {
    /// What is told of it.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Reason(reason) => {
                Failure::new("status", format!("the broker says no, reason code {reason}"))
            }
            Self::Failure(failure) => failure.clone(),
        }
    }
}

impl Broker {
    pub(super) fn device(&mut self, user: u32) -> &mut Device {
        self.devices.entry(user).or_default()
    }

    /// What the broker has against a topic, or a filter. What the test said last wins.
    pub(super) fn verdict(&self, topic: &str) -> Option<Verdict> {
        let about = |(filter, _): &&(String, Option<Verdict>)| filter == topic || matches(filter, topic);
        self.verdicts.iter().rev().find(about).and_then(|(_, verdict)| verdict.clone())
    }

    /// Takes a message: keeps it if it is to be kept, and hands it to all that have subscribed to it.
    pub(super) fn route(&mut self, message: &Message, from: Option<u32>, now: u64) {
        if message.retain && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retain {
            self.retained.insert(message.topic.clone(), message.clone());
        }
        let mut groups: BTreeMap<String, u32> = BTreeMap::new();
        for (&user, device) in &self.devices {
            for subscription in &device.subscriptions {
                let Some((_, filter)) = topic::shared(&subscription.filter) else { continue };
                if matches(filter, &message.topic) {
                    let next = groups.entry(subscription.filter.clone()).or_insert(user);
                    if device.came < self.devices[next].came {
                        *next = user;
                    }
                }
            }
        }
        for (filter, user) in groups {
            if let Some(device) = self.devices.get_mut(&user)
                && let Some(by) = device.subscriptions.iter().find(|one| one.filter == filter).cloned()
            {
                device.hand(message, &by, message.retain && by.has("retain_as_published"), now);
            }
        }
        for (&user, device) in &mut self.devices {
            let fits = |one: &&Subscription| {
                matches(&one.filter, &message.topic) && !(from == Some(user) && one.has("no_local"))
            };
            if let Some(by) = device.subscriptions.iter().filter(fits).max_by_key(|one| one.qos).cloned() {
                device.hand(message, &by, message.retain && by.has("retain_as_published"), now);
            }
        }
    }

    /// Subscribes a user, and hands it what is kept.
    pub(super) fn subscribe(&mut self, user: u32, subscription: &Subscription, now: u64) {
        let device = self.devices.entry(user).or_default();
        let before = device.subscriptions.len();
        device.subscriptions.retain(|one| one.filter != subscription.filter);
        let known = device.subscriptions.len() < before;
        device.subscriptions.push(subscription.clone());
        let wanted = match subscription.wish("retained") {
            Some("never") => false,
            Some("new") => !known,
            _ => true,
        };
        if wanted && topic::shared(&subscription.filter).is_none() {
            for message in self.retained.values() {
                if matches(&subscription.filter, &message.topic) {
                    device.hand(message, subscription, true, now);
                }
            }
        }
    }

    /// Publishes the will of a user's connection, now or after its delay.
    pub(super) fn bury(&mut self, will: Message, user: u32, now: u64) {
        let delay = will.options.iter().find(|(name, _)| name == "delay");
        let seconds = delay.and_then(|(_, value)| value.strip_suffix('s')?.parse().ok()).unwrap_or(0_u64);
        self.feed(will, Some(user), now.saturating_add(seconds.saturating_mul(1_000_000_000)));
    }

    /// Has a message come at a moment: somebody else's, or the will of a user.
    pub(super) fn feed(&mut self, message: Message, will_of: Option<u32>, at: u64) {
        self.feeds_made += 1;
        self.feeds.insert((at, self.feeds_made), (message, will_of));
    }

    /// The moment of the next message from elsewhere.
    pub(super) fn next_feed(&self) -> Option<u64> {
        self.feeds.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the messages from elsewhere whose moment has come.
    pub(super) fn take_feeds(&mut self, now: u64) {
        while self.next_feed().is_some_and(|at| at <= now)
            && let Some((_, (message, will_of))) = self.feeds.pop_first()
        {
            if let Some(user) = will_of {
                self.published.push(published(&message, user, now, true));
            }
            self.route(&message, None, now);
        }
    }

    /// What answers a message.
    pub(super) fn responders(&self, topic: &str) -> Vec<Respond> {
        let fits = |(filter, _): &&(String, Respond)| matches(filter, topic);
        self.responders.iter().filter(fits).map(|(_, respond)| Rc::clone(respond)).collect()
    }
}

/// A message for the record.
pub(super) fn published(message: &Message, user: u32, now: u64, will: bool) -> Published {
    let Message { topic, payload, qos, retain, properties, options } = message.clone();
    let at = Duration::from_nanos(now);
    Published { topic, payload, qos, retain, properties, options, will, user, at }
}
