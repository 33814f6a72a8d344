//! A finished run in the form that is stored: the structure of `summary.json`, version 1.
//!
//! Its schema is `docs/summary.schema.json`, its meaning key by key is in `docs/results.md`. Keys may be added; a key
//! that is taken away or changes its meaning is a new version. Durations are microseconds, and their keys end in `_us`.

mod change;
mod generator;
mod guest;
mod measured;
mod scenario;
mod slowest;

pub use change::ChangeSummary;
pub use generator::{GeneratorSummary, Host};
pub use guest::{GuestMemory, GuestSummary, GuestsEnded, MetricSummary};
pub use measured::{Bytes, Check, Distribution, Failures, Measured, PhaseTimes, Share};
pub use scenario::{
    Connections, DeliveryKind, DeliverySummary, Dropped, GroupSummary, Iterations, LoadSummary,
    ScenarioSummary, StepSummary, Users,
};

pub use slowest::{SlowRequest, TracePlace, TracesSummary};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::AboutPlugin;
use crate::exit;

/// The version this program writes and reads.
pub(crate) const VERSION: u64 = 1;

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this structure.
    pub version: u64,
    /// The version of the program that wrote it.
    pub prony: String,
    /// The plan's name.
    pub plan: String,
    /// Where all randomness came from.
    pub seed: u64,
    /// When it began: RFC 3339, UTC.
    pub started: String,
    /// From its beginning to the end of the last iteration.
    pub lasted_us: f64,
    /// How it ended.
    pub ended: EndedWord,
    /// The threshold that aborted it, or what made it pointless.
    pub ended_because: Option<String>,
    /// Whether the exit code is 0: finished, not INVALID, every threshold held.
    pub passed: bool,
    /// The targets, as the plan names them.
    pub targets: Vec<String>,
    /// Whether the figures may be believed.
    pub verdict: VerdictSummary,
    /// In the order of the plan.
    pub thresholds: Vec<ThresholdSummary>,
    /// What somebody changed by hand while it ran, in order; empty of a run that nobody steered.
    #[serde(default)]
    pub changes: Vec<ChangeSummary>,
    /// All scenarios together.
    pub run: RunSummary,
    /// By name, in the order of the plan.
    pub scenarios: IndexMap<String, ScenarioSummary>,
    /// The slowest requests, the slowest first: of each step ten at most, and 200 in all.
    #[serde(default)]
    pub slowest: Vec<SlowRequest>,
    /// What was sampled of its traces; `None` when it has none.
    #[serde(default)]
    pub traces: Option<TracesSummary>,
    /// The plugins its scenarios use, in the order of the plan.
    #[serde(default)]
    pub plugins: Vec<AboutPlugin>,
    /// The generator on itself.
    pub generator: GeneratorSummary,
    /// The machine that generated the load.
    pub host: Host,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedWord {
    /// All load was done.
    Finished,
    /// A threshold with `abort` was crossed.
    Aborted,
    /// The user interrupted it.
    Interrupted,
    /// Something made it pointless.
    Failed,
}

/// The generator's verdict on its own figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictSummary {
    /// The worst of its reasons.
    pub status: StatusWord,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<Reason>,
}

/// How far the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatusWord {
    /// Nothing speaks against them.
    Valid,
    /// The generator has left its marks on them.
    Degraded,
    /// They say more about the generator than about the target.
    Invalid,
}

/// One thing that speaks against the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// How bad.
    pub status: StatusWord,
    /// The rule's name.
    pub rule: String,
    /// What was found, what the rule allows, and what to do.
    pub text: String,
}

/// How a threshold came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdSummary {
    /// As the plan has it.
    pub expression: String,
    /// `run`, the scenario's name, or `SCENARIO / STEP`.
    pub scope: String,
    /// What was seen, in `unit`; `None` when there was nothing to look at.
    pub value: Option<f64>,
    /// `us`, `share` (0 to 1), `/s`, `bytes`, `count`, or `own`: that of the plugin's metric.
    pub unit: String,
    /// What it was held against, in `unit`.
    pub bound: f64,
    /// Whether it held.
    pub passed: bool,
    /// Why there was nothing to look at, where that may be a mistake in the plan.
    #[serde(default)]
    pub help: Option<String>,
}

/// All scenarios together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Requests of all steps.
    #[serde(flatten)]
    pub measured: Measured,
    /// Checks of all steps and scenarios.
    pub checks: Share,
}

impl Summary {
    /// The process' exit code. An INVALID run is judged before its thresholds: it is not a result.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.ended {
            EndedWord::Interrupted => exit::INTERRUPTED,
            EndedWord::Failed => exit::FAILED,
            _ if self.verdict.status == StatusWord::Invalid => exit::INVALID,
            EndedWord::Aborted => exit::THRESHOLDS_FAILED,
            EndedWord::Finished if self.thresholds.iter().all(|threshold| threshold.passed) => exit::PASSED,
            EndedWord::Finished => exit::THRESHOLDS_FAILED,
        }
    }
}

impl StatusWord {
    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Degraded => "DEGRADED",
            Self::Invalid => "INVALID",
        }
    }
}
