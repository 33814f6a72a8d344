//! Reading clocks.

use std::time::{Duration, SystemTime};

use crate::host;

/// The time since the run's beginning. It never goes back.
#[must_use]
pub fn now() -> Duration {
    Duration::from_nanos(host::clock_now())
}

/// The time of day. None unless the plan allows it: `allow: {clock: true}`.
#[must_use]
pub fn wall() -> Option<SystemTime> {
    host::clock_wall().map(|nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds))
}
