//! A message: to publish, or to be a will.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::{Publication, message};
use crate::wishes::{Wishes, seconds};
use crate::{Failure, Reply, host};

/// A message, made by [`mqtt::message`](message) or [`mqtt::json`](super::json). QoS 0, and not retained, unless it says so.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let reading = mqtt::json("meters/7/reading", &json!({"kwh": 12.5}))
///         .qos(1)
///         .content_type("application/json")
///         .property("site", "north")
///         .name("reading");
///     let reply = reading.publish().await?;
///     reply.check("somebody listens", reply.status() != 16);
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.run_journey(journey).unwrap();
/// # let published = host.mqtt().published().remove(0);
/// # assert_eq!((published.text().as_str(), published.property("site")), (r#"{"kwh":12.5}"#, Some("north")));
/// ```
#[must_use = "a message is sent by `publish` or `send`"]
#[derive(Clone, Debug)]
pub struct Message {
    inner: host::mqtt::Message,
    wishes: Wishes,
    problem: Option<String>,
}

/// Where the stamp travels by which Prony finds a message again, in place of what the plan says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Nowhere: the message is neither timed on its way nor audited.
    Off,
    /// In front of the payload, which is 36 bytes longer by it.
    Payload,
    /// In a user property of 48 characters. MQTT 5.
    Property,
}

impl Message {
    pub(super) fn new(topic: String, payload: Vec<u8>) -> Self {
        let inner = host::mqtt::Message {
            topic,
            payload,
            qos: 0,
            retain: false,
            properties: Vec::new(),
            options: Vec::new(),
        };
        Self { inner, wishes: Wishes::default(), problem: None }
    }

    pub(super) fn json(topic: String, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(payload) => message(topic, payload),
            Err(error) => {
                let problem = format!("the message's payload cannot be written as JSON: {error}");
                Self { problem: Some(problem), ..message(topic, "") }
            }
        }
    }

    /// The quality of service: 0, 1 or 2.
    pub fn qos(mut self, qos: u8) -> Self {
        self.inner.qos = qos;
        self
    }

    /// Has the broker keep it for later subscribers. One without a payload clears what is kept.
    pub fn retain(mut self) -> Self {
        self.inner.retain = true;
        self
    }

    /// Adds a property of MQTT 5, left out in 3.1.1: `content-type`, `response-topic`, `correlation-data` and
    /// `message-expiry` (seconds) by these names, all others are user properties.
    pub fn property(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.inner.properties.push((name.into(), value.to_string()));
        self
    }

    /// What the payload is, such as `application/json`. MQTT 5.
    pub fn content_type(self, content_type: impl Display) -> Self {
        self.property("content-type", content_type)
    }

    /// Where an answer is wanted. MQTT 5.
    pub fn response_topic(self, topic: impl Display) -> Self {
        self.property("response-topic", topic)
    }

    /// What an answer is known by. MQTT 5.
    pub fn correlation(self, correlation: impl Display) -> Self {
        self.property("correlation-data", correlation)
    }

    /// How long the broker may hold it, in whole seconds (parts of a second count as one). MQTT 5.
    pub fn expiry(self, time: Duration) -> Self {
        self.property("message-expiry", seconds(time))
    }

    /// What results call it; otherwise `publish`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest that it may take until it is settled, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// Where its stamp travels, in place of what the plan says.
    pub fn stamp(self, stamp: Stamp) -> Self {
        let word = match stamp {
            Stamp::Off => "off",
            Stamp::Payload => "payload",
            Stamp::Property => "property",
        };
        self.option("stamp", word)
    }

    /// Of a will: how long the broker waits before it publishes it, in whole seconds (parts of a second count as one).
    /// MQTT 5.
    pub fn delay(self, time: Duration) -> Self {
        self.option("delay", format_args!("{}s", seconds(time)))
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    /// Publishes it and waits until it is settled: acknowledged by the broker (QoS 1 and 2), or written (QoS 0).
    ///
    /// # Errors
    /// When it is not: [the kinds](super). A QoS above 2, or a payload that cannot be JSON, is of the kind `request`, and is
    /// not sent.
    pub async fn publish(self) -> Result<Reply, Failure> {
        host::mqtt::publish(self.ready()?).await.map(Reply::new)
    }

    /// Hands it to the connection and goes on. It waits only while as many messages are under way as the plan's `in_flight`,
    /// or the broker, allows.
    ///
    /// ```
    /// use prony_plugin::prelude::*;
    ///
    /// async fn journey(_user: &User) -> Result {
    ///     let mut under_way = Vec::new();
    ///     for number in 0..10 {
    ///         under_way.push(mqtt::message("readings", format!("{number}")).qos(1).send().await?);
    ///     }
    ///     for publication in under_way {
    ///         publication.settled().await?;
    ///     }
    ///     Ok(())
    /// }
    /// # use prony_plugin::testing::Host;
    /// # let mut host = Host::new();
    /// # host.mqtt().takes(Duration::from_secs(1));
    /// # host.run_journey(journey).unwrap();
    /// # assert_eq!(host.mqtt().published().len(), 10);
    /// # assert_eq!(host.now(), Duration::from_secs(2), "connecting, then all at a time");
    /// ```
    ///
    /// # Errors
    /// When it could not be handed over: there is no connection to be had, or as of [`publish`](Self::publish).
    pub async fn send(self) -> Result<Publication, Failure> {
        host::mqtt::send(self.ready()?).await.map(Publication::new)
    }

    /// What crosses to the host.
    pub(crate) fn ready(self) -> Result<host::mqtt::Message, Failure> {
        if let Some(problem) = self.problem {
            return Err(Failure::new("request", problem));
        }
        Ok(host::mqtt::Message { options: self.wishes.0, ..self.inner })
    }
}
