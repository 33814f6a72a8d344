//! When and who: pacers say when an iteration starts, executors give it a user, workers run them, recorders
//! measure, and the coordinator merges, judges and tells.
//!
//! The engine knows no protocol and no plan file. It is given a [`RunSpec`] and tells [`Event`]s; nothing below
//! knows who listens.

pub mod clock;
pub mod course;
pub mod event;
mod executor;
pub mod load;
mod names;
mod pacer;
pub mod spec;
pub mod stats;
pub mod threshold;
pub mod traces;
pub mod verdict;
mod worker;

pub use course::{Action, Change, Course, Origin};
pub use event::{Ended, Event, RunResult, Span};
pub use load::{Arrivals, ClosedLoad, Load, OpenLoad, RateStage, Starts, UserStage};
pub use pacer::validate as validate_replay;
pub use spec::{Pacing, RunSpec, ScenarioSpec};
pub use stats::Statistics;
pub use threshold::{Threshold, ThresholdResult};
pub use traces::Tracing;
pub use verdict::{Reason, Status, Verdict};
mod run;

pub use run::{Control, run};
