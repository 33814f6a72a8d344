//! Lines for people. Prony shows warnings and errors, and all of them in `prony plugin test`.
//!
//! Lines are limited in length and number; what is beyond the limit is counted and left out.
//! [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn) and [`error!`](crate::error) take a format, as
//! `println!` does.

use crate::host;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever writes the plugin.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something is wrong.
    Error,
}

/// Says a line.
pub fn log(level: Level, message: &str) {
    host::log(level, message);
}

/// Says a line for whoever writes the plugin.
#[macro_export]
macro_rules! debug {
    ($($format:tt)+) => { $crate::log::log($crate::log::Level::Debug, &::std::format!($($format)+)) };
}

/// Says a line worth knowing.
#[macro_export]
macro_rules! info {
    ($($format:tt)+) => { $crate::log::log($crate::log::Level::Info, &::std::format!($($format)+)) };
}

/// Says that something is not as it should be.
#[macro_export]
macro_rules! warn {
    ($($format:tt)+) => { $crate::log::log($crate::log::Level::Warn, &::std::format!($($format)+)) };
}

/// Says that something is wrong.
#[macro_export]
macro_rules! error {
    ($($format:tt)+) => { $crate::log::log($crate::log::Level::Error, &::std::format!($($format)+)) };
}
