//! What the fake host keeps of a plugin's doings.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::Result;
use crate::log::Level;

/// A request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path with its query, or the whole URL, as the plugin gave it.
    pub url: String,
    /// Headers in the plugin's order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// What results call it.
    pub name: String,
    /// Further wishes, such as `timeout`.
    pub options: Vec<(String, String)>,
    /// The number of the user that sent it.
    pub user: u32,
    /// When it was sent, since the host was made.
    pub at: Duration,
    /// The status of the answer; none without an answer.
    pub status: Option<u16>,
    /// The kind of failure it counts as: none for a good one, `check` for one whose check did not hold.
    pub failure: Option<String>,
}

impl Request {
    /// The path, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; empty without one.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(self.body.as_deref().unwrap_or_default()) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into()),
        }
    }
}

/// How often a check held, and did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The check's name.
    pub name: String,
    /// How often it held.
    pub passed: u64,
    /// How often it did not.
    pub failed: u64,
}

/// A passage through a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The group's name.
    pub name: String,
    /// Whether it ended with an error, or was given up.
    pub failed: bool,
    /// How long it took.
    pub time: Duration,
}

/// A line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}
