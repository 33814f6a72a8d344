//! What a person sees of a run: progress while it lasts, the summary when it has ended, and the same summary again
//! from a stored run.
//!
//! [`Summary`] is the one form of a finished run. `summary.json` is it in writing, [`render`] is it on a screen, and
//! [`Summary::exit_code`] is it in a number, so the three cannot tell different stories.

mod build;
mod ci;
mod compare;
pub(crate) mod figures;
mod host;
pub(crate) mod html;
mod load_text;
mod progress;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
pub(crate) mod samples_of_devices;
#[cfg(test)]
pub(crate) mod samples_of_guests;
mod screen;
mod stored;
mod summary;
mod words;

use std::time::Duration;

pub use compare::{Comparison, Difference};
pub(crate) use load_text::in_words as load_in_words;
pub use progress::Progress;
pub use screen::{explain, render, render_comparison};
pub use stored::load;
pub use summary::{
    Bytes, ChangeSummary, Check, Connections, DeliveryKind, DeliverySummary, Distribution, Dropped,
    EndedWord, Failures, GeneratorSummary, GroupSummary, GuestMemory, GuestSummary, GuestsEnded, Host,
    Iterations, LoadSummary, Measured, MetricSummary, PhaseTimes, Reason, RunSummary, ScenarioSummary, Share,
    SlowRequest, StatusWord, StepSummary, Summary, ThresholdSummary, TracePlace, TracesSummary, Users,
    VerdictSummary,
};

pub(crate) use build::threshold;
pub(crate) use ci::{github, junit, markdown};
pub(crate) use figures::count as count_in_words;
pub(crate) use host::rfc3339;
pub(crate) use screen::{clean, value as threshold_value};

pub(crate) use build::{
    deliveries, failures_by_kind, metrics, micros, rounded, scenario_deliveries, scenario_steps, share, total,
};

use serde::{Deserialize, Serialize};

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
    /// The plan's names and numbers. Those that plugins make up come with the events and the result.
    pub catalog: prony_core::Catalog,
    /// One for each scenario of the catalog, in its order.
    pub scenarios: Vec<AboutScenario>,
    /// The plugins its scenarios use, in the order of the plan.
    pub plugins: Vec<AboutPlugin>,
}

/// What the sinks must know of a plugin, and what a stored run keeps of it. What a plugin does not say of itself is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutPlugin {
    /// The scenario that uses it.
    pub scenario: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Who made it.
    pub authors: String,
    /// What it is for.
    pub description: String,
    /// The language it is written in.
    pub language: String,
    /// The kit it was built with, and its version.
    pub sdk: String,
    /// The world it lives in: `request` or `scenario`.
    pub world: String,
    /// The version of the interface it was built against.
    pub interface: String,
    /// The file, as the plan names it.
    pub path: String,
    /// The file's SHA-256, in hex.
    pub sha256: String,
    /// The file's size in bytes.
    pub size_bytes: u64,
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
