//! Waiting for one message, measured.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Waits for a message, once it is awaited: by [`mqtt::receive`](super::receive) or [`mqtt::receive_on`](super::receive_on).
///
/// The reply has its [`topic`](Reply::topic), each [`property`](Reply::property), and the payload as its body. That none
/// comes in time is a failure (`timeout`).
#[must_use = "a message is waited for when it is awaited"]
#[derive(Debug)]
pub struct Receive {
    filter: Option<String>,
    wishes: Wishes,
}

impl Receive {
    pub(super) fn new(filter: Option<String>) -> Self {
        Self { filter, wishes: Wishes::default() }
    }

    /// What results call it; otherwise `receive`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest to wait, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    async fn go(self) -> Result<Reply, Failure> {
        host::mqtt::receive(self.filter, self.wishes.0).await.map(Reply::new)
    }
}

impl IntoFuture for Receive {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.go())
    }
}
