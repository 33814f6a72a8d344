//! Waiting for a message.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Incoming;
use crate::testing::broker::Link;
use crate::testing::state::State;

/// What became of waiting.
pub(super) enum Came {
    Message(Incoming),
    /// The time is over.
    Nothing,
    /// The connection is.
    End(Link),
}

/// Waits for a message of a user until a moment.
pub(super) struct Arrival {
    state: Rc<RefCell<State>>,
    user: u32,
    filter: Option<String>,
    until: u64,
    number: u64,
}

impl Arrival {
    pub(super) fn new(state: &Rc<RefCell<State>>, user: u32, filter: Option<String>, until: u64) -> Self {
        let mut fields = state.borrow_mut();
        fields.waits_made += 1;
        Self { state: Rc::clone(state), user, filter, until, number: fields.waits_made }
    }
}

impl Future for Arrival {
    type Output = Came;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Came> {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.broker.take_feeds(now);
        let device = state.broker.device(self.user);
        if let Some(message) = device.take(self.filter.as_deref()) {
            return Poll::Ready(Came::Message(message));
        }
        if device.link != Link::Up {
            return Poll::Ready(Came::End(device.link));
        }
        if now >= self.until {
            return Poll::Ready(Came::Nothing);
        }
        device.waiting.push(context.waker().clone());
        state.waits.insert((self.until, self.number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // A wait that was given up must not move the clock.
        self.state.borrow_mut().waits.remove(&(self.until, self.number));
    }
}
