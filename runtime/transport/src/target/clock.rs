//! The targets' two clocks. They are servers of their own that may run without an engine, so they read them
//! themselves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prony_core::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The present moment on the kernel's monotonic clock, the one its timers (see `alarm.rs`) count on.
#[must_use]
pub fn now() -> Timestamp {
    let time = clock_gettime(ClockId::Monotonic);
    Timestamp::from_nanos(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}

/// The time of day, for the certificate's dates.
#[must_use]
pub fn time_of_day() -> SystemTime {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
    UNIX_EPOCH + Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or(0))
}
