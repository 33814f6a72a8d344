//! A handle by which others end and steer a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::course::{Action, Origin};

/// Orders that nobody has looked at yet; further ones are left out. The coordinator looks many times a second.
const MOST_ORDERS: usize = 64;

/// A handle by which others stop a run or steer it: a signal handler, a live view. Asking costs the workers nothing; what comes of it
/// is told by [`crate::Event::Changed`] and [`crate::Event::Refused`].
#[derive(Clone, Debug, Default)]
pub struct Control {
    interrupted: Arc<AtomicBool>,
    orders: Arc<Mutex<Vec<Order>>>,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) action: Action,
    pub(super) origin: Origin,
}

impl Control {
    /// A handle for one run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the load now: no more starts, iterations under way get at most two seconds, everything measured is kept.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Asks for a change.
    pub fn steer(&self, action: Action, origin: Origin) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.len() < MOST_ORDERS {
            orders.push(Order { action, origin });
        }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
