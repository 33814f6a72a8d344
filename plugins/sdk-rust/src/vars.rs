//! Variables, shared with the plan.
//!
//! A journey's are its user's: the plan's `vars` at first, then what the journey sets. A step's plugin sees the variables of
//! the steps around it: captures, columns, `vars`, as templates do.

use crate::{Result, host};

/// The value of a variable, if it has one.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    host::vars_get(name)
}

/// Sets a variable. A step's plugin sets those that the plan names under `sets`.
///
/// # Errors
/// When the plan does not name it.
#[track_caller]
pub fn set(name: &str, value: impl AsRef<str>) -> Result {
    Ok(host::vars_set(name, value.as_ref())?)
}
