//! Waiting for a due time, finer than tokio's timer: that one has a granularity of 1 ms and wakes about as late.
//!
//! A kernel timer (timerfd) wakes the worker a little early, by as much as it has lately been late; the rest is
//! polled, letting the worker's other tasks and its I/O run at each turn. So at most a few tens of microseconds a
//! start are spent polling, and none under [`Pacing::Precise`] are spent asleep.

use prony_core::{Clock, Timestamp};

use crate::spec::Pacing;

/// The least and the most that a sleep is cut short, in nanoseconds.
const EARLY: std::ops::RangeInclusive<u64> = 15_000..=150_000;

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
            let left = due.nanos_since(self.clock.now());
            if left == 0 {
                return;
            }
            if self.pacing == Pacing::Precise || left <= self.early + *EARLY.start() {
                tokio::task::yield_now().await;
                continue;
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
