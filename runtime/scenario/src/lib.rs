//! Plan steps compiled into journeys: flows, feeders, captures, checks.
//!
//! A scenario's steps become a flat program with jumps ([`program`]); a user's journey walks through it. Which
//! protocols there are is one list ([`PROTOCOLS`]).

mod capture;
mod check;
mod comparison;
pub mod data;
mod journey;
mod program;
mod protocols;
mod shape;
mod think;

pub use program::{CompileError, ScenarioSource, compile};
pub use protocols::{PROTOCOLS, Protocols};
pub use shape::{definitions, scenario_keys};
