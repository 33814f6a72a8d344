//! A message that came.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Result, host, json};

/// A message that came, from [`ws::next`](super::next).
#[derive(Clone, Debug)]
pub struct Incoming(host::ws::Incoming);

impl Incoming {
    pub(crate) fn new(inner: host::ws::Incoming) -> Self {
        Self(inner)
    }

    /// Whether it is a text message; otherwise it is a binary one.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.0.message, host::ws::Message::Text(_))
    }

    /// What it carries.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.0.message {
            host::ws::Message::Text(text) => text.as_bytes(),
            host::ws::Message::Binary(bytes) => bytes,
        }
    }

    /// What it carries, as text; what is no UTF-8 in a binary one becomes `�`.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0.message {
            host::ws::Message::Text(text) => text.into(),
            host::ws::Message::Binary(bytes) => String::from_utf8_lossy(bytes),
        }
    }

    /// What it carries, as JSON: a type of the plugin's own, or `serde_json::Value`.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type; the text says where in the message.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::of_message(self.bytes())
    }

    /// When it came, since the run's beginning, as [`clock::now`](crate::clock::now) counts: whatever the plugin was at.
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.0.at)
    }

    pub(super) fn nanoseconds(&self) -> u64 {
        self.0.at
    }
}
