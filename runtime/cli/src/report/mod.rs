//! What a person sees of a run: progress while it lasts, the summary when it has ended, and the same summary again
//! from a stored run.
//!
//! [`Summary`] is the one form of a finished run. `summary.json` is it in writing, [`render`] is it on a screen, and
//! [`Summary::exit_code`] is it in a number, so the three cannot tell different stories.

mod build;
mod figures;
mod host;
mod load_text;
mod progress;
#[cfg(test)]
pub(crate) mod samples;
mod screen;
mod stored;
mod summary;

use std::time::Duration;

pub(crate) use load_text::in_words as load_in_words;
pub use progress::Progress;
pub use screen::render;
pub use stored::load;
pub use summary::{
    Bytes, Check, Connections, Distribution, Dropped, EndedWord, Failures, GeneratorSummary, GroupSummary,
    Host, Iterations, LoadSummary, Measured, PhaseTimes, Reason, RunSummary, ScenarioSummary, Share,
    StatusWord, StepSummary, Summary, ThresholdSummary, Users, VerdictSummary,
};

pub(crate) use build::{micros, rounded, scenario_steps, total};

/// What the sinks must know of a run before it begins.
#[derive(Clone, Debug)]
pub struct About {
    /// The plan's name.
    pub plan: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// How many workers.
    pub threads: u32,
    /// Whether workers wait by polling all the time.
    pub precise: bool,
    /// The targets, as the plan names them.
    pub targets: Vec<String>,
    /// Names and numbers of everything measured.
    pub catalog: prony_core::Catalog,
    /// One for each scenario of the catalog, in its order.
    pub scenarios: Vec<AboutScenario>,
}

/// What the sinks must know of a scenario.
#[derive(Clone, Debug)]
pub struct AboutScenario {
    /// How much load.
    pub load: prony_engine::Load,
    /// How long after the run's beginning its load begins.
    pub start_after: Duration,
    /// Iterations that are due within this time of the scenario's beginning are left out of the statistics.
    pub warmup: Duration,
}
