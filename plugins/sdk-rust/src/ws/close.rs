//! Closing.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Closes the connection, once it is awaited. The reply's status is the server's code, and its `field("close", "reason")` the
/// server's words. What [`next`](super::next) waits for ends with it.
#[must_use = "a connection is closed when it is awaited"]
#[derive(Debug)]
pub struct Close {
    code: u16,
    reason: String,
    wishes: Wishes,
}

/// All is done.
const NORMAL: u16 = 1000;

impl Close {
    pub(super) fn new() -> Self {
        Self { code: NORMAL, reason: String::new(), wishes: Wishes::default() }
    }

    /// The code, 1000 unless it is said: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
    pub fn code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// A reason, up to 123 bytes.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// What results call it; otherwise `close`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest to wait for the server's CLOSE, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }
}

impl IntoFuture for Close {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { code, reason, wishes } = self;
        Box::pin(async move { host::ws::close(code, reason, wishes.0).await.map(Reply::new) })
    }
}
