//! A message that came.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Result, host, json};

/// A message that came, from [`mqtt::next`](super::next).
#[derive(Clone, Debug)]
pub struct Incoming(host::mqtt::Incoming);

impl Incoming {
    pub(super) fn new(inner: host::mqtt::Incoming) -> Self {
        Self(inner)
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// What it carries.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// What it carries, as text; what is no UTF-8 becomes `�`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.payload).into_owned()
    }

    /// What it carries, as JSON: a type of the plugin's own, or `serde_json::Value`.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type; the text says where in the payload.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::of_message(&self.0.payload)
    }

    /// The quality of service it came with: 0, 1 or 2.
    #[must_use]
    pub fn qos(&self) -> u8 {
        self.0.qos
    }

    /// Whether the broker had kept it from before the subscription.
    #[must_use]
    pub fn retained(&self) -> bool {
        self.0.retained
    }

    /// Whether the broker says that it may have come before.
    #[must_use]
    pub fn repeated(&self) -> bool {
        self.0.repeated
    }

    /// The first property of this name: those of [`Message::property`](super::Message::property), and
    /// `subscription-identifier`. MQTT 5.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.0.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All its properties, in the order they came.
    #[must_use]
    pub fn properties(&self) -> &[(String, String)] {
        &self.0.properties
    }

    /// When it came, since the run's beginning, as [`clock::now`](crate::clock::now) counts: whatever the plugin was at.
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.0.at)
    }

    /// Acknowledges it, where the connection was made with [`settle_by_hand`](super::Connect::settle_by_hand); otherwise it
    /// has been. One whose connection is gone is not acknowledged any more: the broker may send it again.
    pub fn settle(&self) {
        if self.0.number != 0 {
            host::mqtt::settle(self.0.number);
        }
    }
}
