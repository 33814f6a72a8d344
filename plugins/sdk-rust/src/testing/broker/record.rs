//! What the fake host keeps of a plugin's MQTT.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::Result;

/// A message that a plugin has published and the broker has taken, or a will that the broker has published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Its quality of service: 0, 1 or 2.
    pub qos: u8,
    /// Whether the broker was to keep it.
    pub retain: bool,
    /// Its properties, in the plugin's order.
    pub properties: Vec<(String, String)>,
    /// Further wishes, such as `name`.
    pub options: Vec<(String, String)>,
    /// Whether it is the will of a connection that was lost.
    pub will: bool,
    /// The number of the user that published it.
    pub user: u32,
    /// When it was published, since the host was made.
    pub at: Duration,
}

impl Published {
    /// The payload as text; what is no UTF-8 becomes `�`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The payload as JSON.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(&self.payload) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into()),
        }
    }

    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A will, as a plugin gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Its quality of service: 0, 1 or 2.
    pub qos: u8,
    /// Whether the broker is to keep it.
    pub retain: bool,
}

/// A connection that was made, by `mqtt::connect` or by a request that needed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its client identifier, where the plugin gave one.
    pub client_id: Option<String>,
    /// Its user name, where the plugin gave one.
    pub username: Option<String>,
    /// Its password, where the plugin gave one.
    pub password: Option<Vec<u8>>,
    /// Its will, where the plugin gave one.
    pub will: Option<Will>,
    /// Further wishes, such as `name`.
    pub options: Vec<(String, String)>,
    /// The number of the user that connected.
    pub user: u32,
    /// When it was made, since the host was made.
    pub at: Duration,
}

/// A subscription that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its filter.
    pub filter: String,
    /// The quality of service that was granted: 0, 1 or 2.
    pub qos: u8,
    /// Further wishes, such as `no_local`.
    pub options: Vec<(String, String)>,
}

impl Subscription {
    pub(super) fn wish(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.wish(name) == Some("true")
    }
}
