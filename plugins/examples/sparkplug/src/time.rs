//! The time of day, as payloads tell it.

use std::time::SystemTime;

use prony_plugin::prelude::*;

/// Milliseconds since 1970.
pub(crate) fn milliseconds() -> Result<u64> {
    let now =
        clock::wall().ok_or("messages tell the time of day: add `allow: {clock: true}` to the plugin")?;
    Ok(u64::try_from(now.duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}
