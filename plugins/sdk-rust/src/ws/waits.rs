//! What is waited for: one message, a PONG.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Waits for a message, once it is awaited: by [`ws::receive`](super::receive). The reply's body is the message, its
/// `field("message", "type")` `text` or `binary`. That none comes in time is a failure (`timeout`).
#[must_use = "a message is waited for when it is awaited"]
#[derive(Debug, Default)]
pub struct Receive(Wishes);

/// Sends a PING and waits for its PONG, once it is awaited: by [`ws::ping`](super::ping). The reply's [`time`](Reply::time) is the
/// round trip.
#[must_use = "a PING is sent when it is awaited"]
#[derive(Debug, Default)]
pub struct Ping(Wishes);

impl Receive {
    /// What results call it; otherwise `receive`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest to wait, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.add(name, value);
        self
    }
}

impl Ping {
    /// What results call it; otherwise `ping`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest to wait, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.add(name, value);
        self
    }
}

impl IntoFuture for Receive {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { host::ws::receive(self.0.0).await.map(Reply::new) })
    }
}

impl IntoFuture for Ping {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { host::ws::ping(self.0.0).await.map(Reply::new) })
    }
}
