//! Plan steps compiled into journeys: flows, feeders, captures, checks.

mod compile;
pub mod data;
mod protocols;

pub use compile::{CompileError, ScenarioSource, compile, definitions};
pub use protocols::PROTOCOLS;
