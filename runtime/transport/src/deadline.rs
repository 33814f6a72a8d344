//! A timer that is armed lazily: a request with a time-out of 30 s touches no timer, for the connection's one timer finds
//! out by itself, when it fires, that the deadline has moved.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use prony_core::{Clock, Timestamp};
use tokio::time::{Instant, Sleep};

/// A movable deadline, to the millisecond.
#[derive(Debug, Default)]
pub struct Deadline {
    at: Option<Timestamp>,
    timer: Option<Timer>,
}

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    fires: Timestamp,
}

impl Deadline {
    /// Moves the deadline; no timer is touched.
    pub fn set(&mut self, at: Timestamp) {
        self.at = Some(at);
    }

    /// Ready when the deadline has passed; otherwise the task is woken by then at the latest.
    pub fn poll_expired(&mut self, context: &mut Context<'_>, clock: &Clock) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        // A peer that always has more uses the task's budget up, and without budget tokio's timers never fire: then the
        // clock itself is asked, and the task will be polled again at once.
        let in_budget = tokio::task::coop::has_budget_remaining();
        let armed = self.timer.as_mut().filter(|timer| timer.fires <= at);
        let pending = armed.is_some_and(|timer| timer.sleep.as_mut().poll(context).is_pending());
        if pending && in_budget {
            return Poll::Pending;
        }
        let now = clock.now();
        if now >= at {
            self.timer = None;
            return Poll::Ready(());
        }
        if pending {
            return Poll::Pending;
        }
        let mut timer = Timer { sleep: Box::pin(tokio::time::sleep_until(after(at - now))), fires: at };
        let pending = timer.sleep.as_mut().poll(context).is_pending();
        self.timer = Some(timer);
        if pending { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// On tokio's own clock, which its timer counts on.
fn after(time: Duration) -> Instant {
    Instant::now() + time
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::OnceLock;

    fn clock() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the test has no engine to ask")]
        fn read() -> Timestamp {
            static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
            Timestamp::from_nanos(ORIGIN.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64)
        }
        Clock::new(read)
    }

    #[tokio::test]
    async fn a_deadline_that_moves_on_fires_at_its_last_place() {
        let clock = clock();
        let mut deadline = Deadline::default();
        let begin = clock.now();
        deadline.set(begin + Duration::from_millis(10));
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                assert!(deadline.poll_expired(context, &clock).is_pending());
                deadline.set(begin + Duration::from_millis(40));
            }
            deadline.poll_expired(context, &clock)
        })
        .await;
        assert!(clock.now() - begin >= Duration::from_millis(40));
    }

    #[tokio::test]
    async fn a_task_that_never_runs_dry_meets_its_deadline() {
        let clock = clock();
        let mut deadline = Deadline::default();
        let begin = clock.now();
        deadline.set(begin + Duration::from_millis(20));
        std::future::poll_fn(|context| {
            while tokio::task::coop::has_budget_remaining() {
                let mut busy = std::pin::pin!(tokio::task::coop::cooperative(std::future::ready(())));
                assert!(busy.as_mut().poll(context).is_ready());
            }
            assert!(clock.now() - begin < Duration::from_secs(10), "it is never told");
            context.waker().wake_by_ref();
            deadline.poll_expired(context, &clock)
        })
        .await;
        assert!(clock.now() - begin >= Duration::from_millis(20));
    }
}
