//! Waiting for a due time, finer than tokio's timer: that one has a granularity of 1 ms and wakes about as late.
//!
//! A kernel timer (timerfd) wakes the worker a little early, by as much as it has lately been late; the rest is
//! polled, letting the worker's other tasks and its I/O run at each turn. So at most a few tens of microseconds a
//! start are spent polling, and none under [`Pacing::Precise`] are spent asleep.

use std::cell::Cell;
use std::time::Duration;

use prony_core::{Clock, Timestamp};

use crate::spec::Pacing;

/// The least and the most that a sleep is cut short, in nanoseconds.
const EARLY: std::ops::RangeInclusive<u64> = 15_000..=150_000;

/// A turn of polling that took no longer did nothing else: sending or taking in a request takes more.
const EMPTY_TURN: u64 = 4_000;

thread_local! {
    /// How long, and until when: several scenarios may poll in turns.
    static POLLED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// How long the calling thread has polled without anything else to do. It has used a core for it, and yet it was free.
pub(crate) fn thread_polled() -> Duration {
    Duration::from_nanos(POLLED.get().0)
}

/// Notes a turn of polling, if nothing else was done in it.
fn turned(from: Timestamp, to: Timestamp) {
    if to.nanos_since(from) <= EMPTY_TURN {
        let (polled, until) = POLLED.get();
        let fresh = to.as_nanos().saturating_sub(until.max(from.as_nanos()));
        POLLED.set((polled + fresh, to.as_nanos()));
    }
}

/// One task's means of waiting.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    pacing: Pacing,
    timer: Timer,
    /// How much earlier than wanted the timer is set.
    early: u64,
}

impl Alarm {
    /// A new alarm. Needs a runtime with I/O.
    pub(crate) fn new(clock: Clock, pacing: Pacing) -> std::io::Result<Self> {
        Ok(Self { clock, pacing, timer: Timer::new()?, early: *EARLY.start() })
    }

    /// Returns at `due` or as soon after as can be, and at once when it has passed. Dropping the future is harmless.
    pub(crate) async fn until(&mut self, due: Timestamp) {
        loop {
            let mut now = self.clock.now();
            let left = due.nanos_since(now);
            if left == 0 {
                return;
            }
            if self.pacing == Pacing::Precise || left <= self.early + *EARLY.start() {
                while now < due {
                    tokio::task::yield_now().await;
                    let then = std::mem::replace(&mut now, self.clock.now());
                    turned(then, now);
                }
                return;
            }
            let wanted = due.as_nanos() - self.early;
            self.timer.sleep(left - self.early).await;
            let late = self.clock.now().as_nanos().saturating_sub(wanted);
            // Up quickly, down slowly: settles near the upper tenth of the latenesses seen.
            let learned = if late > self.early {
                self.early + (late - self.early) / 4
            } else {
                self.early - (self.early - late) / 32
            };
            self.early = learned.clamp(*EARLY.start(), *EARLY.end());
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::os::fd::OwnedFd;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel's.
    #[derive(Debug)]
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

        pub(super) async fn sleep(&mut self, nanoseconds: u64) {
            let time = Timespec {
                tv_sec: (nanoseconds / 1_000_000_000) as i64,
                tv_nsec: (nanoseconds % 1_000_000_000) as i64,
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: time };
            // Setting the timer also forgets an expiry nobody has read, so it is never read at all.
            if rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once).is_ok()
                && let Ok(mut ready) = self.0.readable().await
            {
                ready.clear_ready();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::time::Duration;

    /// Tokio's timer, for want of a better one: starts are up to 2 ms early here and polled from then on.
    #[derive(Debug)]
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn sleep(&mut self, nanoseconds: u64) {
            match Duration::from_nanos(nanoseconds).checked_sub(Duration::from_millis(2)) {
                Some(time) => tokio::time::sleep(time).await,
                None => tokio::task::yield_now().await,
            }
        }
    }
}

use timer::Timer;
