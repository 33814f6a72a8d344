//! What the broker knows of a user: its connection, its subscriptions, and what waits for it.

use std::collections::VecDeque;
use std::task::Waker;

use super::record::Subscription;
use super::topic::matches;
use crate::testing::calls::mqtt::{Incoming, Message};

/// How many messages a user keeps.
const KEPT: usize = 1000;

#[derive(Default)]
pub(in crate::testing) struct Device {
    pub(in crate::testing) link: Link,
    pub(in crate::testing) will: Option<Message>,
    /// What comes is acknowledged by the plugin.
    pub(in crate::testing) by_hand: bool,
    pub(in crate::testing) subscriptions: Vec<Subscription>,
    pub(super) kept: VecDeque<Incoming>,
    /// Number and topic of what the plugin has not acknowledged.
    pub(in crate::testing) unsettled: Vec<(u64, String)>,
    /// How many messages came: who of a shared group is next goes by it.
    pub(super) came: u64,
    pub(in crate::testing) waiting: Vec<Waker>,
}

/// How it stands with a user's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::testing) enum Link {
    /// There was none, or it was refused.
    #[default]
    None,
    /// It stands.
    Up,
    /// The plugin has ended it.
    Left,
    /// The test has cut it.
    Lost,
}

impl Device {
    /// The longest-kept message, on a topic that the filter matches.
    pub(in crate::testing) fn take(&mut self, filter: Option<&str>) -> Option<Incoming> {
        let fits = |message: &Incoming| filter.is_none_or(|filter| matches(filter, &message.topic));
        let at = self.kept.iter().position(fits)?;
        self.kept.remove(at)
    }

    /// A message comes by a subscription.
    pub(super) fn hand(&mut self, message: &Message, by: &Subscription, retained: bool, now: u64) {
        self.came += 1;
        if by.wish("keep") == Some("false") {
            return;
        }
        let qos = message.qos.min(by.qos);
        let mut properties = message.properties.clone();
        if let Some(identifier) = by.wish("identifier") {
            properties.push(("subscription-identifier".to_owned(), identifier.to_owned()));
        }
        let number = if self.by_hand && qos > 0 { self.came } else { 0 };
        if number != 0 {
            self.unsettled.push((number, message.topic.clone()));
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Incoming {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            qos,
            retained,
            repeated: false,
            properties,
            number,
            at: now,
        });
        self.wake();
    }

    /// The connection is over. Sessions are not kept. Gives the will, if the broker is to publish it.
    pub(in crate::testing) fn end(&mut self, link: Link, with_will: bool) -> Option<Message> {
        let will = self.will.take();
        self.link = link;
        self.by_hand = false;
        self.subscriptions.clear();
        self.unsettled.clear();
        self.wake();
        will.filter(|_| with_will)
    }

    fn wake(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}
