//! What the words of faults have in common, whatever target they are ordered from.

use std::time::Duration;

use prony_core::units::{parse_duration, parse_share};

/// A share of what comes, from 0 to 1.
///
/// # Errors
/// In words, when it is none.
pub fn share(key: &str, text: &str) -> Result<f64, String> {
    match parse_share(text) {
        Ok(share) if share <= 1.0 => Ok(share),
        _ => Err(format!("`{key}` expects a share such as `10%` or `0.1`, at most 100%, found `{text}`")),
    }
}

/// A duration as `key` has it.
///
/// # Errors
/// In words, when it is none.
pub fn duration(key: &str, text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("`{key}`: {error}, found `{text}`"))
}

/// The status of an HTTP answer.
///
/// # Errors
/// In words, when it is none that an answer can have.
pub fn status(key: &str, text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|code| (200..=999).contains(code))
        .ok_or_else(|| format!("`{key}` expects a status from 200 to 999, found `{text}`"))
}

/// A word that stands for itself.
///
/// # Errors
/// In words, when it has a value.
pub fn plain(key: &str, value: Option<&str>) -> Result<(), String> {
    match value {
        None => Ok(()),
        Some(value) => Err(format!("`{key}` takes no value, found `{value}`")),
    }
}
