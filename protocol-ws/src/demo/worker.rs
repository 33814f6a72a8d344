//! What a thread of the target has, and the connections given to it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use prony_core::Random;
use prony_transport::target::{Alarm, Delay, Fate, Serve, Standing, View, clock};
use tokio::io::{AsyncRead, AsyncWrite};

use super::fault::Faults;
use super::{Shared, admit};

/// What a thread's connections share.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) alarm: Rc<Alarm>,
    view: View<Faults>,
    random: RefCell<Random>,
}

impl Worker {
    pub(super) fn new(index: usize, seed: u64, shared: Arc<Shared>, alarm: Rc<Alarm>) -> Rc<Self> {
        let random = RefCell::new(Random::new(seed, 0, index as u64));
        Rc::new(Self { shared, alarm, view: View::default(), random })
    }

    /// The orders as they stand.
    pub(super) fn standing(&self) -> Rc<Standing<Faults>> {
        self.view.standing(&self.shared.orders)
    }

    /// True for this share of the calls.
    pub(super) fn chance(&self, share: f64) -> bool {
        share >= 1.0 || (share > 0.0 && self.random.borrow_mut().unit() < share)
    }

    /// When something is due that comes now and waits so long.
    pub(super) fn due(&self, delay: Delay) -> prony_core::Timestamp {
        clock::now() + delay.draw(&mut self.random.borrow_mut())
    }

    /// Waits for the end of a stall, if there is one.
    pub(super) async fn hold_while_stalled(&self) {
        loop {
            let standing = self.standing();
            if !standing.has_stall() {
                return;
            }
            match standing.stalled_until(clock::now()) {
                Some(until) => self.alarm.until(until).await,
                None => return,
            }
        }
    }
}

impl Serve for Worker {
    async fn serve<S>(self: Rc<Self>, stream: S, fate: Rc<Fate>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        // One code for both kinds of stream; a call through a pointer a system call costs nothing beside it.
        admit::admit(Box::new(stream), fate, self).await;
    }
}

/// A connection, in the clear or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}
