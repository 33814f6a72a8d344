//! The way of a call from a user's journey to the instance that serves it, and of its end back. Both sides are on one thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use send_wrapper::SendWrapper;

use crate::user::SharedUser;

/// A call: one iteration of a user.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) user: SharedUser,
    slot: SendWrapper<Rc<RefCell<Slot>>>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    /// The guest has said how: an error is its text.
    Returned(Result<(), String>),
    /// Its instance was ended.
    Ended,
    /// The instance could not be made: the text says why.
    NoInstance(String),
}

#[derive(Default)]
struct Slot {
    end: Option<CallEnd>,
    waker: Option<Waker>,
}

impl Call {
    pub(crate) fn new(user: SharedUser) -> Self {
        Self { user, slot: SendWrapper::new(Rc::default()) }
    }

    /// Tells how it ended.
    pub(crate) fn end(&self, end: CallEnd) {
        let mut slot = self.slot.borrow_mut();
        slot.end = Some(end);
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) -> CallEnd {
        std::future::poll_fn(|context| {
            let mut slot = self.slot.borrow_mut();
            match slot.end.take() {
                Some(end) => Poll::Ready(end),
                None => {
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Calls on their way to an instance.
pub(crate) type SharedInbox = SendWrapper<Rc<RefCell<Inbox>>>;

/// See [`SharedInbox`].
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Call>,
    waker: Option<Waker>,
    /// How the instance ended; no call is taken any more.
    closed: Option<CallEnd>,
}

impl Inbox {
    /// Hands a call over. False when the instance has ended.
    pub(crate) fn push(&mut self, call: Call) -> bool {
        if self.closed.is_some() {
            return false;
        }
        self.waiting.push_back(call);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }

    /// The next call.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Call> {
        match self.waiting.pop_front() {
            Some(call) => Poll::Ready(call),
            None => {
                match &mut self.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The instance has ended: whoever waits is told. How many there were.
    pub(crate) fn close(&mut self, end: &CallEnd) -> u32 {
        self.closed = Some(end.clone());
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().for_each(|call| call.end(end.clone()));
        waiting.len() as u32
    }
}
