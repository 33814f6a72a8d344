//! Checks of a scenario as a whole. Those of an answer are [`Reply::check`](crate::Reply::check).

use crate::host;

/// Counts a check. It stands beside the checks of plan steps in results and thresholds, and fails no request. Gives back
/// `passed`.
pub fn check(name: &str, passed: bool) -> bool {
    host::check(name, passed)
}
