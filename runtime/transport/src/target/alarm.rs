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

/// How much earlier than due a reply may leave: less than sending it takes.
const TOLERANCE: Duration = Duration::from_micros(20);

/// The most that the timer is set ahead of a due time.
const MOST_AHEAD: Duration = Duration::from_micros(300);

/// How far one wake moves the time the timer is set ahead by.
const LEARNED_AT_ONCE: Duration = Duration::from_micros(6);

/// From here on a wait spends its first part on tokio's timer, whose entries vanish with the one who waits: the
/// heap keeps the task of a reply until it is due, even if its client has long gone.
const LONG: Duration = Duration::from_millis(500);

/// What is left to the kernel timer of a long wait.
const LAST: Duration = Duration::from_millis(20);

/// A thread's waiting replies. Tasks and runtime are the thread's own.
///
/// Virtual machines above all wake from a timer 50 to 250 µs late, the more the longer they have slept. So the timer
/// is set ahead of the due time by about as much, as learned from the wakes before: by the lateness that seven wakes
/// of ten exceed. A wake that comes too early after all sets the timer again; nothing is polled, for the core may be
/// the generator's as well.
pub struct Alarm {
    waiting: RefCell<BinaryHeap<Reverse<Waiting>>>,
    set: Cell<Option<Set>>,
    /// How far ahead of a due time the timer is set.
    ahead: Cell<Duration>,
    timer: Timer,
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Alarm").field("waiting", &self.waiting.borrow().len()).finish_non_exhaustive()
    }
}

/// What the timer is set for.
#[derive(Clone, Copy)]
struct Set {
    due: Timestamp,
    at: Timestamp,
    /// Whether it was set ahead, so that its lateness teaches something.
    ahead: bool,
}

impl Alarm {
    /// Needs a runtime with I/O and time. Nothing rings until [`Alarm::ring`] runs.
    ///
    /// # Errors
    /// When the system has no timer left to give.
    pub fn new() -> std::io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            waiting: RefCell::new(BinaryHeap::new()),
            set: Cell::new(None),
            ahead: Cell::new(TOLERANCE),
            timer: Timer::new()?,
        }))
    }

    /// Wakes whoever is due, for ever.
    pub async fn ring(&self) {
        loop {
            self.timer.went_off().await;
            let now = clock::now();
            if let Some(set) = self.set.take() {
                self.learn(set, now);
            }
            while let Some(waker) = self.next_due(now + TOLERANCE) {
                waker.wake();
            }
            let next = self.waiting.borrow().peek().map(|first| first.0.due);
            if let Some(due) = next {
                self.set_timer(due, now);
            }
        }
    }

    /// Moves to the lateness that seven wakes of ten exceed.
    fn learn(&self, set: Set, now: Timestamp) {
        if !set.ahead || now < set.at {
            return;
        }
        let ahead = self.ahead.get();
        let learned = if now - set.at > ahead {
            ahead + LEARNED_AT_ONCE.mul_f32(0.3)
        } else {
            ahead.saturating_sub(LEARNED_AT_ONCE.mul_f32(0.7))
        };
        self.ahead.set(learned.clamp(TOLERANCE, MOST_AHEAD));
    }

    /// Returns at `due`, at most 20 µs early, and at once when it has passed.
    pub async fn until(self: &Rc<Self>, due: Timestamp) {
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

    fn add(&self, due: Timestamp, now: Timestamp, waker: Waker) {
        self.waiting.borrow_mut().push(Reverse(Waiting { due, waker }));
        if self.set.get().is_none_or(|set| due < set.due) {
            self.set_timer(due, now);
        }
    }

    fn set_timer(&self, due: Timestamp, now: Timestamp) {
        let before_due =
            |time: Duration| Timestamp::from_nanos(due.as_nanos().saturating_sub(time.as_nanos() as u64));
        let at = before_due(self.ahead.get());
        let ahead = at > now;
        let at = if ahead { at } else { before_due(TOLERANCE) };
        self.set.set(Some(Set { due, at, ahead }));
        self.timer.set(at);
    }
}

/// A wait for a moment that is not far.
#[derive(Debug)]
pub struct Until {
    alarm: Rc<Alarm>,
    due: Timestamp,
    registered: Option<Waker>,
}

impl Until {
    /// Ready at `due`, at most 20 µs early. Whoever gives up waiting leaves an entry behind until then.
    #[must_use]
    pub fn new(alarm: &Rc<Alarm>, due: Timestamp) -> Self {
        Self { alarm: Rc::clone(alarm), due, registered: None }
    }
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = clock::now();
        if now + TOLERANCE >= self.due {
            return Poll::Ready(());
        }
        if !self.registered.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.registered = Some(context.waker().clone());
            self.alarm.add(self.due, now, context.waker().clone());
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::{Builder, LocalOptions};

    #[test]
    fn who_is_due_first_wakes_first_and_nobody_early() {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let order = runtime.expect("a runtime").block_on(async {
            let alarm = Alarm::new().expect("a timer");
            let ringing = Rc::clone(&alarm);
            tokio::task::spawn_local(async move { ringing.ring().await });
            let order = Rc::new(RefCell::new(Vec::new()));
            let start = clock::now();
            // The last is long enough to begin on tokio's timer.
            let tasks: Vec<_> = [130, 110, 100, 120, 640]
                .into_iter()
                .map(|milliseconds| {
                    let (alarm, order) = (Rc::clone(&alarm), Rc::clone(&order));
                    let due = start + Duration::from_millis(milliseconds);
                    tokio::task::spawn_local(async move {
                        alarm.until(due).await;
                        assert!(clock::now() + TOLERANCE >= due);
                        order.borrow_mut().push(milliseconds);
                    })
                })
                .collect();
            for task in tasks {
                tokio::time::timeout(Duration::from_secs(20), task)
                    .await
                    .expect("in time")
                    .expect("no panic");
            }
            order.take()
        });
        assert_eq!(order, [100, 110, 120, 130, 640]);
    }

    #[test]
    fn the_timer_learns_how_late_it_is() {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let alarm = runtime.block_on(async { Alarm::new() }).expect("a timer");
        let at = Timestamp::from_nanos(1_000_000);
        let set = Set { due: at + TOLERANCE, at, ahead: true };
        // Nine wakes of ten are 100 µs late, one hardly: the answer is 100 µs.
        for wake in 0..1_000 {
            let late = if wake % 10 < 9 { 100 } else { 5 };
            alarm.learn(set, at + Duration::from_micros(late));
        }
        let learned = alarm.ahead.get().as_micros();
        assert!((85..=115).contains(&learned), "{learned}");
        for _ in 0..1_000 {
            alarm.learn(set, at + Duration::from_millis(5));
        }
        assert_eq!(alarm.ahead.get(), MOST_AHEAD);
    }
}
