//! What the engine tells while it runs and when it has ended. Sinks consume it; the engine knows none of them.

use std::sync::Arc;
use std::time::Duration;

use prony_core::ScenarioId;

use crate::stats::{Latency, Statistics};
use crate::threshold::ThresholdResult;
use crate::verdict::Verdict;

/// Something a sink may want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// A second is over.
    Interval(Arc<Interval>),
    /// Something a person should read once: the first failure of a kind.
    Notice {
        /// Whose.
        scenario: ScenarioId,
        /// One line.
        text: String,
    },
    /// The load has been told to stop before its time.
    Stopping(Ended),
}

/// What happened in one second (the last one may be shorter) on all workers.
#[derive(Clone, Debug)]
pub struct Interval {
    /// From the run's beginning to this interval's beginning.
    pub from: Duration,
    /// From the run's beginning to this interval's end.
    pub to: Duration,
    /// What was measured, all workers merged.
    pub statistics: Statistics,
    /// The generator on itself.
    pub generator: GeneratorStats,
}

/// The generator on itself.
#[derive(Clone, Debug, Default)]
pub struct GeneratorStats {
    /// By how much workers' wake-ups came late, whatever the load: probed every 10 ms.
    pub wakeup_lag: Latency,
    /// CPU time of each worker's thread, by worker, less what went into polling for the next start: a core that polls
    /// is free for a start.
    pub worker_cpu: Vec<Duration>,
    /// Time each worker's thread was ready to run and had no core, by worker. Zero where the system does not tell.
    pub worker_waiting: Vec<Duration>,
    /// CPU time of the whole process.
    pub process_cpu: Duration,
    /// Wall time of the stretch.
    pub wall: Duration,
    /// The most memory the process has had so far, in bytes.
    pub peak_rss_bytes: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All load was done.
    Finished,
    /// A threshold with `abort` was crossed; its expression.
    Aborted(String),
    /// The user interrupted it.
    Interrupted,
    /// Something made it pointless; what.
    Failed(String),
}

/// The time that figures a second are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From the end of the warm-up to the end of the load, or of the last iteration where that was later, or where the load was
    /// stopped before its time.
    pub measured: Duration,
    /// From the end of the warm-up to the end of the load, or to the last start where it was stopped before its time or its
    /// plan does not say.
    pub starting: Duration,
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// How it ended.
    pub ended: Ended,
    /// Wall time at its beginning, since 1970-01-01T00:00:00Z.
    pub started: Duration,
    /// From its beginning to the end of the last iteration.
    pub lasted: Duration,
    /// By scenario: what its figures a second are over.
    pub spans: Vec<Span>,
    /// The time that the run's own figures a second are over: from the earliest beginning of them to the latest end.
    pub measured: Duration,
    /// Everything measured.
    pub totals: Statistics,
    /// The generator on itself, over the whole run.
    pub generator: GeneratorStats,
    /// The thresholds, in the order of the plan.
    pub thresholds: Vec<ThresholdResult>,
    /// What was told by [`Event::Notice`], at most 200 of them.
    pub notices: Vec<(ScenarioId, String)>,
    /// Whether the figures may be believed.
    pub verdict: Verdict,
}
