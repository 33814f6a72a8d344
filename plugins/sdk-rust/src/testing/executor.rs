//! Simulated time: a future is driven on, and whenever all of it waits, the clock jumps to the next moment waited for.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::state::State;

/// Runs `future` to its end, and tells so if it waits for something that never comes.
pub(super) fn run<F: Future>(state: &Rc<RefCell<State>>, future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        while woken.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Ok(output);
            }
        }
        let mut state = state.borrow_mut();
        // What comes from elsewhere comes before those who waited until just then.
        let wait = state.waits.first_key_value().map(|(&(moment, _), _)| moment);
        let feed = state.broker.next_feed().into_iter().chain(state.server.next_feed()).min();
        if let (Some(wait), Some(feed)) = (wait, feed)
            && feed <= wait
        {
            state.now = state.now.max(feed);
            let now = state.now;
            state.broker.take_feeds(now);
            state.server.take_feeds(now);
            continue;
        }
        let Some(((moment, _), next)) = state.waits.pop_first() else {
            return Err(
                "it waits for something that is none of Prony's calls, and that never comes".to_owned()
            );
        };
        state.now = state.now.max(moment);
        next.wake();
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until a moment of the simulated clock.
pub(super) struct Wait {
    state: Rc<RefCell<State>>,
    moment: u64,
    number: u64,
}

impl Wait {
    pub(super) fn new(state: &Rc<RefCell<State>>, nanoseconds: u64) -> Self {
        let mut fields = state.borrow_mut();
        fields.waits_made += 1;
        let moment = fields.now.saturating_add(nanoseconds);
        Self { state: Rc::clone(state), moment, number: fields.waits_made }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.now >= self.moment {
            return Poll::Ready(());
        }
        state.waits.insert((self.moment, self.number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // A wait that was given up must not move the clock.
        self.state.borrow_mut().waits.remove(&(self.moment, self.number));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Host;
    use crate::{join, join_all, sleep};
    use std::time::Duration;

    #[test]
    fn waits_at_a_time_take_as_long_as_the_longest() {
        let mut host = Host::new();
        host.wait_for(async {
            join(sleep(Duration::from_secs(2)), sleep(Duration::from_secs(3))).await;
            join_all((0..100).map(|seconds| sleep(Duration::from_secs(seconds)))).await;
        });
        assert_eq!(host.now(), Duration::from_secs(102));
    }

    #[test]
    #[should_panic(expected = "waits for something that is none of Prony's calls")]
    fn a_future_that_never_ends_is_told() {
        Host::new().wait_for(std::future::pending::<()>());
    }
}
