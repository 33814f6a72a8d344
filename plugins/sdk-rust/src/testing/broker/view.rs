//! What a test sees of the broker, and how it sets it up.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::{Connection, Link, Published, Subscription, Verdict, matches};
use crate::testing::state::State;
use crate::{Failure, mqtt};

/// The broker of a fake host, by [`Host::mqtt`](crate::testing::Host::mqtt).
///
/// It keeps retained messages, knows wildcards, shared subscriptions, and wills; it takes everything at once unless it is told
/// otherwise. It keeps no sessions, and nothing comes back by itself: both are the plan's. Properties are those of MQTT 5.
///
/// ```
/// use prony_plugin::prelude::*;
/// use prony_plugin::testing::Host;
///
/// async fn journey(_user: &User) -> Result {
///     mqtt::subscribe("lamp/set").qos(1).await?;
///     while let Some(message) = mqtt::next().await? {
///         mqtt::message("lamp/state", message.payload()).qos(1).retain().publish().await?;
///     }
///     Ok(())
/// }
///
/// let mut host = Host::new();
/// host.mqtt().feed_after(Duration::from_secs(1), mqtt::message("lamp/set", "on"));
/// host.mqtt().feed_after(Duration::from_secs(2), mqtt::message("lamp/set", "off"));
/// host.wanted_for(Duration::from_secs(5)).run_journey(journey).unwrap();
///
/// let states: Vec<_> = host.mqtt().published_on("lamp/state").iter().map(|message| message.text()).collect();
/// assert_eq!(states, ["on", "off"]);
/// assert_eq!(host.mqtt().retained("lamp/state").unwrap().text(), "off");
/// assert_eq!(host.now(), Duration::from_secs(5));
/// ```
pub struct Mqtt {
    pub(in crate::testing) state: Rc<RefCell<State>>,
}

impl Mqtt {
    /// A message comes from somebody else, now.
    pub fn feed(&self, message: mqtt::Message) -> &Self {
        self.feed_after(Duration::ZERO, message)
    }

    /// A message comes from somebody else, so much simulated time from now. It comes while a plugin runs.
    ///
    /// # Panics
    /// When its payload cannot be written as JSON.
    #[expect(clippy::panic, reason = "a test is told so")]
    pub fn feed_after(&self, time: Duration, message: mqtt::Message) -> &Self {
        let message = message.ready().unwrap_or_else(|failure| panic!("{failure}"));
        self.change(|state| {
            let at = state.now.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            state.broker.feed(message, None, at);
            state.broker.take_feeds(state.now);
        })
    }

    /// Has somebody answer what plugins publish on topics that the filter matches, by any number of messages.
    pub fn respond(
        &self,
        filter: &str,
        respond: impl Fn(&Published) -> Vec<mqtt::Message> + 'static,
    ) -> &Self {
        self.change(|state| state.broker.responders.push((filter.to_owned(), Rc::new(respond))))
    }

    /// Refuses connections by this reason code, such as 135 (not authorised): they fail (`status`).
    pub fn refuse_connections(&self, reason: u8) -> &Self {
        self.change(|state| state.broker.gate = Some(Verdict::Reason(reason)))
    }

    /// Lets connections fail with this kind: `connect_refused`, `timeout`, …
    pub fn fail_connections(&self, kind: &str, message: &str) -> &Self {
        self.change(|state| state.broker.gate = Some(Verdict::Failure(Failure::new(kind, message))))
    }

    /// Takes connections again.
    pub fn accept_connections(&self) -> &Self {
        self.change(|state| state.broker.gate = None)
    }

    /// Answers what is published on topics that the filter matches, and subscriptions to the like, by this reason code. One of
    /// 128 and more fails them (`status`); 16 tells a publisher that nobody has subscribed, 0 to 2 are a QoS that is granted.
    pub fn refuse(&self, filter: &str, reason: u8) -> &Self {
        self.judge(filter, Some(Verdict::Reason(reason)))
    }

    /// Lets what is published on topics that the filter matches, and subscriptions to the like, fail with this kind: `timeout`, …
    pub fn fail(&self, filter: &str, kind: &str, message: &str) -> &Self {
        self.judge(filter, Some(Verdict::Failure(Failure::new(kind, message))))
    }

    /// Takes it again.
    pub fn accept(&self, filter: &str) -> &Self {
        self.judge(filter, None)
    }

    /// How long the broker takes for an answer; no time by default. One beyond a request's `timeout` fails it.
    pub fn takes(&self, time: Duration) -> &Self {
        self.change(|state| state.broker.takes = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Cuts the present user's connection: its will is published, and it does not come back by itself.
    pub fn cut(&self) -> &Self {
        self.change(|state| {
            let (user, now) = (state.user, state.now);
            let device = state.broker.device(user);
            if device.link == Link::Up {
                let will = device.end(Link::Lost, true);
                if let Some(will) = will {
                    state.broker.bury(will, user, now);
                    state.broker.take_feeds(now);
                }
            }
        })
    }

    /// What plugins have published and the broker has taken, and the wills that it has published, in their order. What the test
    /// has fed is not among it.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        self.state.borrow().broker.published.clone()
    }

    /// The same, on topics that the filter matches.
    #[must_use]
    pub fn published_on(&self, filter: &str) -> Vec<Published> {
        let mut published = self.published();
        published.retain(|message| matches(filter, &message.topic));
        published
    }

    /// What the broker keeps for later subscribers on this topic.
    #[must_use]
    pub fn retained(&self, topic: &str) -> Option<Published> {
        let state = self.state.borrow();
        state.broker.retained.get(topic).map(|message| super::published(message, 0, 0, false))
    }

    /// The connections that were made, in their order.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.state.borrow().broker.connections.clone()
    }

    /// Whether the present user has a connection.
    #[must_use]
    pub fn connected(&self) -> bool {
        let state = self.state.borrow();
        state.broker.devices.get(&state.user).is_some_and(|device| device.link == Link::Up)
    }

    /// The present user's subscriptions, in their order.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let state = self.state.borrow();
        state.broker.devices.get(&state.user).map(|device| device.subscriptions.clone()).unwrap_or_default()
    }

    /// The topics of what the present user got and has not [settled](mqtt::Incoming::settle), in the order it came. Only
    /// what it is to settle by hand is among it.
    #[must_use]
    pub fn unsettled(&self) -> Vec<String> {
        let state = self.state.borrow();
        let device = state.broker.devices.get(&state.user);
        device
            .map(|device| device.unsettled.iter().map(|(_, topic)| topic.clone()).collect())
            .unwrap_or_default()
    }

    fn judge(&self, filter: &str, verdict: Option<Verdict>) -> &Self {
        self.change(|state| state.broker.verdicts.push((filter.to_owned(), verdict)))
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> &Self {
        change(&mut self.state.borrow_mut());
        self
    }
}
