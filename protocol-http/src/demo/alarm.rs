//! Holding replies until they are due, to some tens of microseconds: tokio's timer counts whole milliseconds and
//! would falsify every delay that is ordered. One heap and one kernel timer (timerfd) a thread.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prony_core::Timestamp;

use super::clock;

/// How much earlier than due the timer is set and a reply may leave: about what waking takes.
const EARLY: Duration = Duration::from_micros(20);

/// From here on a wait spends its first part on tokio's timer, whose entries vanish with the one who waits: the
/// heap keeps the task of a reply until it is due, even if its client has long gone.
const LONG: Duration = Duration::from_millis(500);

/// What is left to the kernel timer of a long wait.
const LAST: Duration = Duration::from_millis(20);

/// A thread's waiting replies.
pub(super) struct Alarm {
    waiting: RefCell<BinaryHeap<Reverse<Waiting>>>,
    /// When the timer will go off.
    set: Cell<Option<Timestamp>>,
    timer: Timer,
}

impl Alarm {
    /// Needs a runtime with I/O and time. Nothing rings until [`Alarm::ring`] runs.
    pub(super) fn new() -> std::io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            waiting: RefCell::new(BinaryHeap::new()),
            set: Cell::new(None),
            timer: Timer::new()?,
        }))
    }

    /// Wakes whoever is due, for ever.
    pub(super) async fn ring(&self) {
        loop {
            self.timer.went_off().await;
            self.set.set(None);
            let limit = clock::now() + EARLY;
            while let Some(waker) = self.next_due(limit) {
                waker.wake();
            }
            let next = self.waiting.borrow().peek().map(|first| first.0.due);
            if let Some(due) = next {
                self.set_timer(due);
            }
        }
    }

    /// Returns at `due`, at most 20 µs early, and at once when it has passed.
    pub(super) async fn until(self: &Rc<Self>, due: Timestamp) {
        let left = due - clock::now();
        if left > LONG {
            tokio::time::sleep(left - LAST).await;
        }
        Until::new(self, due).await;
    }

    fn next_due(&self, limit: Timestamp) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.peek()?.0.due > limit {
            return None;
        }
        waiting.pop().map(|first| first.0.waker)
    }

    fn add(&self, due: Timestamp, waker: Waker) {
        self.waiting.borrow_mut().push(Reverse(Waiting { due, waker }));
        if self.set.get().is_none_or(|set| due < set) {
            self.set_timer(due);
        }
    }

    fn set_timer(&self, due: Timestamp) {
        self.set.set(Some(due));
        self.timer.set(Timestamp::from_nanos(due.as_nanos().saturating_sub(EARLY.as_nanos() as u64)));
    }
}

/// A wait for a moment that is not far.
pub(super) struct Until {
    alarm: Rc<Alarm>,
    due: Timestamp,
    registered: Option<Waker>,
}

impl Until {
    pub(super) fn new(alarm: &Rc<Alarm>, due: Timestamp) -> Self {
        Self { alarm: Rc::clone(alarm), due, registered: None }
    }
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if clock::now() + EARLY >= self.due {
            return Poll::Ready(());
        }
        if !self.registered.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.registered = Some(context.waker().clone());
            self.alarm.add(self.due, context.waker().clone());
        }
        Poll::Pending
    }
}

struct Waiting {
    due: Timestamp,
    waker: Waker,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::os::fd::OwnedFd;

    use prony_core::Timestamp;
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel's.
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "the sound constructor is an unsafe fn; an OwnedFd meets what it asks for"
        )]
        pub(super) fn new() -> std::io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
        }

        pub(super) fn set(&self, due: Timestamp) {
            // An absolute time of zero would switch the timer off.
            let nanoseconds = due.as_nanos().max(1);
            let time = Timespec {
                tv_sec: (nanoseconds / 1_000_000_000) as i64,
                tv_nsec: (nanoseconds % 1_000_000_000) as i64,
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: time };
            // Setting the timer also forgets an expiry nobody has read, so it is never read at all. The call fails
            // only for a malformed time.
            let _ = rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &once);
        }

        pub(super) async fn went_off(&self) {
            if let Ok(mut ready) = self.0.readable().await {
                ready.clear_ready();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::cell::Cell;
    use std::io;

    use prony_core::Timestamp;
    use tokio::sync::Notify;

    use super::super::clock;

    /// Tokio's timer, for want of a better one: replies leave up to 2 ms late.
    pub(super) struct Timer {
        due: Cell<Option<Timestamp>>,
        changed: Notify,
    }

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self { due: Cell::new(None), changed: Notify::new() })
        }

        pub(super) fn set(&self, due: Timestamp) {
            self.due.set(Some(due));
            self.changed.notify_one();
        }

        pub(super) async fn went_off(&self) {
            loop {
                let Some(due) = self.due.get() else {
                    self.changed.notified().await;
                    continue;
                };
                tokio::select! {
                    () = tokio::time::sleep(due - clock::now()) => {
                        self.due.set(None);
                        return;
                    }
                    () = self.changed.notified() => {}
                }
            }
        }
    }
}

use timer::Timer;
