//! Waiting for a connection, for so long and no longer.

use std::task::Poll;
use std::time::Duration;

use prony_core::{Clock, FailureKind, units};
use prony_transport::Deadline;

use crate::connection::{Connection, SharedConnection, State, Trouble};

/// See the module's head.
pub(crate) struct Patience<'a> {
    pub(crate) clock: Clock,
    pub(crate) connection: &'a SharedConnection,
    /// Which of the user's connections it is about.
    pub(crate) epoch: u32,
    pub(crate) deadline: &'a mut Deadline,
    pub(crate) limit: Duration,
}

impl Patience<'_> {
    /// Waits until the connection has something.
    ///
    /// # Errors
    /// When it is lost before, or the time is over: `what` says what did not happen.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Connection) -> Option<T>,
    ) -> Result<T, Trouble> {
        self.deadline.set(self.clock.now() + self.limit);
        std::future::poll_fn(|context| {
            let mut connection = self.connection.borrow_mut();
            if let Some(found) = look(&mut connection) {
                return Poll::Ready(Ok(found));
            }
            if connection.epoch() != self.epoch {
                let lost = || Trouble::new(FailureKind::Closed, "the connection was lost meanwhile");
                return Poll::Ready(Err(connection.take_trouble().unwrap_or_else(lost)));
            }
            connection.wait(context.waker());
            self.deadline.poll_expired(context, &self.clock).map(|()| {
                let text = format!("{what} within {}", units::show_duration(self.limit));
                Err(Trouble::new(FailureKind::Timeout, text))
            })
        })
        .await
    }

    /// Waits until a connection that comes back by itself is back, and goes on with that one.
    pub(crate) async fn back(&mut self) -> Result<(), Trouble> {
        self.until("the connection is lost and was not back", |connection| {
            (connection.state() != State::Away).then(|| connection.epoch())
        })
        .await
        .map(|epoch| self.epoch = epoch)
    }

    /// Waits until there is room for another message.
    pub(crate) async fn room(&mut self) -> Result<(), Trouble> {
        self.until("the connection took no more messages", |connection| connection.has_room().then_some(()))
            .await
    }
}
