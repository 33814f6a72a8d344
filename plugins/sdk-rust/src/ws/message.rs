//! A message to send, by itself or as a request.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// A message, made by [`ws::text`](super::text), [`ws::binary`](super::binary) or [`ws::json`](super::json).
///
/// A request's answer is the next message that comes, or the one with the same key: where both have it in the same place, Prony finds
/// it ([`matching`](Self::matching)). Where the plugin knows better, it says so:
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     ws::connect().await?;
///     try_join(speak(), listen()).await?;
///     Ok(())
/// }
///
/// async fn speak() -> Result {
///     for number in 0..3 {
///         ws::text(format!("{number}:hello")).key(number).name("hello").request().await?;
///     }
///     ws::close().await?;
///     Ok(())
/// }
///
/// async fn listen() -> Result {
///     while let Some(message) = ws::next().await? {
///         if let Some((number, "heard")) = message.text().split_once(':') {
///             ws::answered(number, &message);
///         }
///     }
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.ws().respond(|said| vec![ws::text("noise"), ws::text(said.text().replace("hello", "heard"))]);
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.requests().iter().filter(|request| request.name == "hello" && request.failure.is_none()).count(), 3);
/// ```
#[must_use = "a message is sent by `send` or `request`"]
#[derive(Clone, Debug)]
pub struct Message {
    inner: host::ws::Message,
    wishes: Wishes,
    problem: Option<String>,
}

impl Message {
    pub(crate) fn new(inner: host::ws::Message) -> Self {
        Self { inner, wishes: Wishes::default(), problem: None }
    }

    pub(super) fn json(value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => super::text(text),
            Err(error) => {
                let problem = format!("the message cannot be written as JSON: {error}");
                Self { problem: Some(problem), ..super::text("") }
            }
        }
    }

    /// What results call it; otherwise `send` or `request`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest that sending or answering may take, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// Sends it in so many frames.
    pub fn fragments(self, number: u32) -> Self {
        self.option("fragments", number)
    }

    /// Of a request: where it and its answer have the same key, in the words of a plan: `json $.id`, `regex /"id":(\d+)/`; `order` is the
    /// next message that comes.
    pub fn matching(self, place: impl Display) -> Self {
        self.option("match", place)
    }

    /// The same where the two have it in different places.
    pub fn matching_in(self, sent: impl Display, received: impl Display) -> Self {
        self.option("match_sent", sent).option("match_received", received)
    }

    /// Of a request: by what the plugin knows its answer, any text. The plugin reads what comes, and says which message it is by
    /// [`ws::answered`](super::answered). The reply has no body then.
    pub fn key(self, key: impl Display) -> Self {
        self.option("key", key)
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    /// Sends it, and waits until all of it is handed to the system.
    ///
    /// # Errors
    /// When it is not: [the kinds](super).
    pub async fn send(self) -> Result<(), Failure> {
        let (message, wishes) = self.ready()?;
        host::ws::send(message, wishes).await
    }

    /// Sends it, and waits for its answer, which is the reply's body.
    ///
    /// # Errors
    /// When there is none: [the kinds](super).
    pub async fn request(self) -> Result<Reply, Failure> {
        let (message, wishes) = self.ready()?;
        host::ws::request(message, wishes).await.map(Reply::new)
    }

    /// What crosses to the host.
    pub(crate) fn ready(self) -> Result<(host::ws::Message, Vec<(String, String)>), Failure> {
        match self.problem {
            Some(problem) => Err(Failure::new("request", problem)),
            None => Ok((self.inner, self.wishes.0)),
        }
    }
}
