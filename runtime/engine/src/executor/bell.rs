//! Tells a scenario's users on one worker until when they are wanted: its load is over, the run is told to stop, or somebody
//! steers it.
//!
//! It is rung by its own worker alone, so that tens of thousands who listen meet nobody else's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prony_core::{BoxFuture, Stopping, Timestamp};
use send_wrapper::SendWrapper;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::hours::Hours;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Bell {
    pub(super) hours: SendWrapper<Hours>,
    rung: AtomicBool,
    /// Those who wait for the end.
    listeners: Arc<Notify>,
    /// Those who wait for anything new.
    changes: Arc<Notify>,
}

impl Bell {
    pub(crate) fn new(hours: Hours) -> Self {
        Self {
            hours: SendWrapper::new(hours),
            rung: AtomicBool::new(false),
            listeners: Arc::default(),
            changes: Arc::default(),
        }
    }

    /// Wakes everybody who listens; whoever listens later hears it at once.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.listeners.notify_waiters();
        self.nudge();
    }

    /// Wakes those who wait for anything new.
    pub(super) fn nudge(&self) {
        self.changes.notify_waiters();
    }

    /// Ready when there is something new after this call: an end, another course.
    pub(super) fn news(&self) -> Notified<'_> {
        self.changes.notified()
    }
}

impl Stopping for Bell {
    fn is_stopped(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    fn stopped(&self) -> BoxFuture<'static, ()> {
        if self.is_stopped() {
            return Box::pin(std::future::ready(()));
        }
        // It hears every ringing from now on, polled or not.
        Box::pin(Arc::clone(&self.listeners).notified_owned())
    }

    fn until(&self, user: u32, planned: Timestamp) -> Timestamp {
        self.hours.until(user, planned)
    }

    fn news(&self) -> BoxFuture<'static, ()> {
        if self.is_stopped() {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(Arc::clone(&self.changes).notified_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prony_core::Clock;

    use super::*;
    use crate::load::{ClosedLoad, Load};

    #[tokio::test]
    async fn whoever_listens_hears_it_before_and_after() {
        let load = ClosedLoad::Users { users: 1, start_rate: None, lasting: Duration::ZERO };
        let clock = Clock::new(Timestamp::default);
        let bell = Bell::new(Hours::new(clock, Timestamp::default(), Duration::ZERO, Load::Closed(load)));
        let (never_polled, dropped) = (bell.stopped(), bell.stopped());
        drop(dropped);
        assert!(!bell.is_stopped());
        let (listening, curious) = (tokio::spawn(bell.stopped()), tokio::spawn(Stopping::news(&bell)));
        tokio::task::yield_now().await;
        bell.nudge();
        curious.await.expect("heard");
        assert!(!listening.is_finished(), "a change is no end");
        bell.ring();
        never_polled.await;
        listening.await.expect("heard");
        bell.stopped().await;
        Stopping::news(&bell).await;
        assert!(bell.is_stopped());
    }
}
