//! What was measured: the same struct for a worker's second, for everybody's second, and for the whole run.
//!
//! [`Statistics::merge`] loses nothing: counters add, histograms add bucket by bucket. Percentiles are read from
//! merged histograms and never averaged.

mod latency;

pub use latency::Latency;

use prony_core::{Catalog, FailureKind, Phase};

/// Everything measured in some stretch of a run by some workers. Vectors are in the catalog's order.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// By scenario.
    pub scenarios: Vec<ScenarioStats>,
    /// By step.
    pub steps: Vec<StepStats>,
    /// By group.
    pub groups: Vec<GroupStats>,
}

/// What a scenario did.
#[derive(Clone, Debug, Default)]
pub struct ScenarioStats {
    /// Iterations by their end.
    pub iterations: IterationCounts,
    /// Starts that could not be made.
    pub dropped: DroppedCounts,
    /// Starts that were due (open load) or made (closed), dropped ones included.
    pub due: u64,
    /// Users busy at the end of the stretch; adding up over workers, the latest over time.
    pub users_now: u64,
    /// The most users busy at once: per worker the exact maximum, added up over workers (an upper bound).
    pub users_most: u64,
    /// Actual start − intended start of iterations.
    pub lag: Latency,
    /// From an iteration's intended start to its end.
    pub iteration_time: Latency,
    /// Connections by what happened to them.
    pub connections: ConnectionCounts,
}

/// Iterations by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IterationCounts {
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

/// Starts that could not be made, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedCounts {
    /// All users were busy.
    pub users_busy: u64,
    /// The start came so late that the scenario was over: the generator's fault.
    pub too_late: u64,
}

/// Connections by what happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Opened.
    pub opened: u64,
    /// Closed by whoever.
    pub closed: u64,
    /// TLS handshakes in full.
    pub handshakes_full: u64,
    /// TLS handshakes that resumed a session.
    pub handshakes_resumed: u64,
}

/// What a step's requests came to.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// Requests that ended, failed ones included.
    pub requests: u64,
    /// Failed requests by kind, in the order of [`FailureKind::ALL`].
    pub failures: [u64; FailureKind::ALL.len()],
    /// Requests by status, ascending; at most 64 of them, the rest under status 0.
    pub statuses: Vec<(u16, u64)>,
    /// Checks in the step's order.
    pub checks: Vec<CheckCount>,
    /// From the intended start to the end of every request.
    pub response: Latency,
    /// From the actual send to the end of every request that was sent.
    pub service: Latency,
    /// By phase, in the order of [`Phase::ALL`].
    pub phases: [Latency; Phase::ALL.len()],
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

/// How often a check was evaluated and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckCount {
    /// Evaluated.
    pub evaluated: u64,
    /// Held.
    pub passed: u64,
}

/// What a group's passages came to.
#[derive(Clone, Debug, Default)]
pub struct GroupStats {
    /// Passages that ended.
    pub count: u64,
    /// Of those, with a failed request in them.
    pub failed: u64,
    /// How long they took.
    pub time: Latency,
}

impl Statistics {
    /// Nothing measured yet, with a slot for everything in `catalog`.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        Self {
            scenarios: catalog.scenarios.iter().map(|_| ScenarioStats::default()).collect(),
            steps: catalog.steps.iter().map(|step| StepStats::new(step.checks.len())).collect(),
            groups: catalog.groups.iter().map(|_| GroupStats::default()).collect(),
        }
    }
}

impl StepStats {
    fn new(checks: usize) -> Self {
        Self {
            requests: 0,
            failures: [0; FailureKind::ALL.len()],
            statuses: Vec::new(),
            checks: vec![CheckCount::default(); checks],
            response: Latency::default(),
            service: Latency::default(),
            phases: Default::default(),
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    /// Failed requests of any kind.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }
}
