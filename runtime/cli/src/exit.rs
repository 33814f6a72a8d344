//! The exit codes: one list for all commands.

/// All load was done and every threshold held.
pub const PASSED: u8 = 0;
/// A threshold did not hold.
pub const THRESHOLDS_FAILED: u8 = 1;
/// The command line or the plan is wrong; nothing was sent.
pub const USAGE: u8 = 2;
/// The run could not be carried out, or something ended it that makes it pointless.
pub const FAILED: u8 = 3;
/// The run says more about the generator than about the target.
pub const INVALID: u8 = 4;
/// The user interrupted it; what was measured is kept.
pub const INTERRUPTED: u8 = 130;
