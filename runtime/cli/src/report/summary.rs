//! A finished run in the form that is stored: the structure of `summary.json`, version 1.
//!
//! Its schema is `docs/summary.schema.json`, its meaning key by key is in `docs/results.md`. Keys may be added; a key
//! that is taken away or changes its meaning is a new version. Durations are microseconds, and their keys end in `_us`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

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
    /// All scenarios together.
    pub run: RunSummary,
    /// By name, in the order of the plan.
    pub scenarios: IndexMap<String, ScenarioSummary>,
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
    /// `us`, `share` (0 to 1), `/s`, `bytes` or `count`.
    pub unit: String,
    /// What it was held against, in `unit`.
    pub bound: f64,
    /// Whether it held.
    pub passed: bool,
}

/// All scenarios together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Requests of all steps.
    #[serde(flatten)]
    pub measured: Measured,
    /// Checks of all steps.
    pub checks: Share,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Evaluated.
    pub evaluated: u64,
    /// Held.
    pub passed: u64,
    /// `passed` of `evaluated`, 0 to 1; `None` when none was evaluated.
    pub share: Option<f64>,
}

/// What requests came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Requests that ended, failed ones included.
    pub requests: u64,
    /// The same, a second of the measured time.
    pub requests_per_second: f64,
    /// Requests that failed.
    pub failures: Failures,
    /// Requests by the protocol's status; `other` are the rare ones beyond the first 64 different.
    pub statuses: IndexMap<String, u64>,
    /// From the intended start to the end.
    pub response_time_us: Distribution,
    /// From the actual send to the end.
    pub service_time_us: Distribution,
    /// By phase. One that did not happen in a request (`connect` on a kept connection) is not counted for it.
    pub phases: PhaseTimes,
    /// Bytes of the application protocol, before encryption.
    pub bytes: Bytes,
}

/// Requests that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// Of any kind.
    pub total: u64,
    /// Of all requests, 0 to 1; `None` without requests.
    pub share: Option<f64>,
    /// By kind; only those that occurred.
    pub by_kind: IndexMap<String, u64>,
}

/// A distribution of durations, in microseconds, read from a histogram with 3 significant digits. All but `count` are
/// `None` when nothing was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many durations.
    pub count: u64,
    /// The smallest.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p999: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// Durations by phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTimes {
    /// Turning a name into addresses.
    pub dns_us: Distribution,
    /// The TCP handshake.
    pub connect_us: Distribution,
    /// The TLS handshake.
    pub tls_us: Distribution,
    /// From the first byte sent to the last.
    pub send_us: Distribution,
    /// From the last byte sent to the first of the answer.
    pub wait_us: Distribution,
    /// From the first byte of the answer to its last.
    pub receive_us: Distribution,
}

/// Bytes of the application protocol, before encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Sent by Prony.
    pub sent: u64,
    /// Received by Prony.
    pub received: u64,
}

/// How often a check was evaluated and held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Whose check it is.
    pub step: String,
    /// As the plan has it.
    pub expression: String,
    /// How often.
    #[serde(flatten)]
    pub share: Share,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// What was asked for.
    pub load: LoadSummary,
    /// The time its figures a second are over: from the end of its warm-up to the end of its load, or of its last iteration
    /// where that was later, or where the load was stopped before its time.
    pub measured_us: f64,
    /// The time that starts a second are over: from the end of its warm-up to the end of its load, or to the last start where
    /// it was stopped before its time or the plan does not say.
    pub starting_us: f64,
    /// Starts that were due (open load) or made (closed), dropped ones included, warm-up left out.
    pub due: u64,
    /// Iterations by their end.
    pub iterations: Iterations,
    /// Starts that could not be made.
    pub dropped: Dropped,
    /// Its users.
    pub users: Users,
    /// Its connections.
    pub connections: Connections,
    /// Actual − intended start of iterations.
    pub lag_us: Distribution,
    /// From an iteration's intended start to its end.
    pub iteration_time_us: Distribution,
    /// Requests of all its steps.
    #[serde(flatten)]
    pub measured: Measured,
    /// Checks of all its steps.
    pub checks: Vec<Check>,
    /// What was told while it ran: the first failure of each kind and cause.
    pub notices: Vec<String>,
    /// By name, in the order of the plan.
    pub groups: IndexMap<String, GroupSummary>,
    /// By name, in the order of the plan.
    pub steps: IndexMap<String, StepSummary>,
}

/// The load asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// `open` or `closed`.
    pub model: String,
    /// In words: `500/s for 2m, poisson arrivals`.
    pub text: String,
    /// The most users at a time.
    pub max_users: u32,
    /// How long it lasts as far as the plan says.
    pub lasts_us: Option<f64>,
    /// From the run's beginning to the load's.
    pub start_after_us: f64,
    /// From the load's beginning: what is due in this time is not measured.
    pub warmup_us: f64,
}

/// Iterations by their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iterations {
    /// Begun, warm-up left out.
    pub started: u64,
    /// Ended in full.
    pub completed: u64,
    /// Ended early by a failed step.
    pub failed: u64,
    /// Cut off at the end of the run.
    pub cut: u64,
    /// Begun during warm-up: in no other figure.
    pub warmup: u64,
}

/// Starts that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// For whatever reason.
    pub total: u64,
    /// By reason: `users_busy`.
    pub by_reason: IndexMap<String, u64>,
}

/// The users of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// The most busy at once: exact for a worker, added up over workers, so an upper bound.
    pub max: u64,
}

/// The connections of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Opened.
    pub opened: u64,
    /// Closed by whoever.
    pub closed: u64,
    /// TLS handshakes in full.
    pub handshakes_full: u64,
    /// TLS handshakes that resumed a session.
    pub handshakes_resumed: u64,
}

/// One group of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Passages that ended.
    pub count: u64,
    /// Of those, with a failed request in them.
    pub failed: u64,
    /// How long they took.
    pub time_us: Distribution,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Its protocol.
    pub protocol: String,
    /// Its requests.
    #[serde(flatten)]
    pub measured: Measured,
    /// In its order.
    pub checks: Vec<Check>,
}

/// The generator on itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorSummary {
    /// Workers.
    pub threads: u32,
    /// How they waited for a start: `normal` or `precise`.
    pub pacing: String,
    /// Actual − intended start of iterations, all scenarios with an open load.
    pub lag_us: Distribution,
    /// By how much workers' wake-ups came late, probed every 10 ms whatever the load.
    pub wakeup_lag_us: Distribution,
    /// CPU time of the whole process.
    pub cpu_us: f64,
    /// The same for each request that ended, warm-up and set-up included in the time; `None` without requests.
    pub cpu_us_per_request: Option<f64>,
    /// By worker: the share of a core it used, polling for the next start left out, 0 to 1.
    pub worker_cpu_share: Vec<f64>,
    /// By worker: the share of time it was ready and had no core, 0 to 1.
    pub worker_waiting_share: Vec<f64>,
    /// The most memory the process had, in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}

/// The machine that generated the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// The operating system's family.
    pub os: String,
    /// The processor's architecture.
    pub arch: String,
    /// Cores this process may use.
    pub cores: Option<usize>,
    /// The processor's name.
    pub cpu_model: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The kernel's release.
    pub kernel: Option<String>,
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
