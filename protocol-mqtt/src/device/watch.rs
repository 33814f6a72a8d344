//! A message that somebody still asks about after it was handed to the connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use prony_core::Outcome;
use send_wrapper::SendWrapper;

/// Told once how the message ended; asked as often as one likes.
#[derive(Clone, Debug)]
pub(crate) struct Watch(SendWrapper<Rc<RefCell<Watched>>>);

impl Default for Watch {
    fn default() -> Self {
        Self(SendWrapper::new(Rc::default()))
    }
}

#[derive(Debug, Default)]
struct Watched {
    end: Option<End>,
    waiting: Vec<Waker>,
}

/// How a message ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    /// Why, for a failure.
    pub(crate) story: Option<Box<str>>,
}

impl Watch {
    /// Tells the end.
    pub(super) fn tell(&self, outcome: Outcome, story: Option<&str>) {
        let mut watched = self.0.borrow_mut();
        watched.end = Some(End { outcome, story: story.map(Box::from) });
        watched.waiting.drain(..).for_each(Waker::wake);
    }

    /// The end, once there is one.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<End> {
        let mut watched = self.0.borrow_mut();
        match &watched.end {
            Some(end) => Poll::Ready(end.clone()),
            None => {
                if !watched.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    watched.waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
