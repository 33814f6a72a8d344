//! Tells a scenario's users on one worker that they are wanted no longer: its load is over, or the run is told to stop.
//!
//! It is rung by its own worker alone, so that tens of thousands who listen meet nobody else's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prony_core::{BoxFuture, Stopping};
use tokio::sync::Notify;

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    listeners: Arc<Notify>,
}

impl Bell {
    /// Wakes everybody who listens; whoever listens later hears it at once.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.listeners.notify_waiters();
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_listens_hears_it_before_and_after() {
        let bell = Bell::default();
        let (never_polled, dropped) = (bell.stopped(), bell.stopped());
        drop(dropped);
        assert!(!bell.is_stopped());
        let listening = tokio::spawn(bell.stopped());
        tokio::task::yield_now().await;
        bell.ring();
        never_polled.await;
        listening.await.expect("heard");
        bell.stopped().await;
        assert!(bell.is_stopped());
    }
}
