//! The `prony` binary's insides: the plan file, the commands, and the sinks.
//!
//! A library only so that tests and fuzzers reach the plan parser; nobody else is meant to depend on it.

pub mod commands;
mod execute;
pub mod exit;
mod live;
pub mod output;
pub mod plan;
pub mod report;
pub mod show;
