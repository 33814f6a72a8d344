//! Everybody who is connected, and the order that ends them all at once: a server that restarts, or a proxy that does.

use std::sync::Arc;

use prony_transport::target::Pattern;
use tokio::sync::watch;

use super::fault::Ending;

/// The way to all connections.
#[derive(Debug)]
pub(super) struct Clients(watch::Sender<Option<Arc<Farewell>>>);

/// Whom it is for, and how they end.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) pattern: Pattern,
    pub(super) ending: Ending,
}

/// How one connection hears of it.
pub(super) type Ear = watch::Receiver<Option<Arc<Farewell>>>;

impl Default for Clients {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Clients {
    /// For a connection that begins now: what was said before is not for it.
    pub(super) fn ear(&self) -> Ear {
        self.0.subscribe()
    }

    /// Ends those whose path fits, each as soon as it listens.
    pub(super) fn bid(&self, farewell: Farewell) {
        self.0.send_replace(Some(Arc::new(farewell)));
    }
}

/// Waits until this connection is to end.
pub(super) async fn bidden(ear: &mut Ear, path: &str) -> Ending {
    loop {
        if ear.changed().await.is_err() {
            // The target ends, and this task with it.
            std::future::pending::<()>().await;
        }
        let farewell = ear.borrow_and_update().clone();
        if let Some(farewell) = farewell.filter(|farewell| farewell.pattern.fits(path)) {
            return farewell.ending.clone();
        }
    }
}
