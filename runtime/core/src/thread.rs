//! A future that never leaves its thread, for a runtime that wants to be able to send it.

use std::pin::Pin;
use std::task::{Context, Poll};

use send_wrapper::SendWrapper;

/// Like a [`crate::Meter`] it is `Send`, and panics when polled on another thread than the one that made it.
pub struct OnThread(SendWrapper<Pin<Box<dyn Future<Output = ()>>>>);

impl OnThread {
    /// Wraps `future`, to be polled on this thread only.
    pub fn new(future: impl Future<Output = ()> + 'static) -> Self {
        Self(SendWrapper::new(Box::pin(future)))
    }
}

impl Future for OnThread {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl std::fmt::Debug for OnThread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OnThread")
    }
}
