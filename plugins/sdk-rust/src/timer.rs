//! Waiting.

use std::time::Duration;

use crate::host;

/// Waits, to the millisecond, as a plan's `think` does. Only this user waits; `std::thread::sleep` would stop all of them.
pub async fn sleep(time: Duration) {
    host::sleep(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).await;
}
