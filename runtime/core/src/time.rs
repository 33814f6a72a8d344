//! Moments on the run's own clock. Reading that clock is the engine's business; this crate only counts.

use std::ops::{Add, Sub};
use std::rc::Rc;
use std::time::Duration;

use send_wrapper::SendWrapper;

use crate::BoxFuture;

/// A moment: nanoseconds since the process read its clock for the first time. Monotonic; not wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `nanoseconds` after the clock's origin.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Nanoseconds from `earlier` to this moment; zero when `earlier` is in fact later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    /// Saturates after 584 years.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    /// The time from `earlier`; zero when `earlier` is in fact later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }
}

/// A handle on the run's clock. The engine makes it; everybody else only asks it.
///
/// It holds a plain function so that a test can hand out simulated time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    read: fn() -> Timestamp,
}

impl Clock {
    /// A clock read by `read`, which must never go backwards.
    #[must_use]
    pub const fn new(read: fn() -> Timestamp) -> Self {
        Self { read }
    }

    /// The present moment.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }
}

/// Something that waits for moments.
pub trait Waiting {
    /// Ready at `due`, or at once when that has passed.
    fn until(&self, due: Timestamp) -> BoxFuture<'static, ()>;
}

/// A worker's timer for moments that latencies count from: some tens of microseconds late where timers of the async
/// runtime are one to two milliseconds. Like a [`crate::Meter`] it is `Send` and yet for its own thread only.
#[derive(Clone)]
pub struct FineTimer(SendWrapper<Rc<dyn Waiting>>);

impl FineTimer {
    /// A handle on `waiting`, to be used on this thread only.
    pub fn new(waiting: Rc<dyn Waiting>) -> Self {
        Self(SendWrapper::new(waiting))
    }

    /// Ready at `due`, or at once when that has passed.
    #[must_use]
    pub fn until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        self.0.until(due)
    }
}

impl std::fmt::Debug for FineTimer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FineTimer")
    }
}
