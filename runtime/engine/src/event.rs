//! What the engine tells while it runs and when it has ended. Sinks consume it; the engine knows none of them.

use std::sync::Arc;
use std::time::Duration;

use prony_core::{Catalog, ScenarioId, Timestamp};

use crate::course::{Action, Change, Origin};
use crate::stats::{Latency, Statistics};
use crate::threshold::ThresholdResult;
use crate::traces::{Sampled, Traces};
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
    /// How the thresholds stand at the end of a second, in the order of the plan; behind the second, where there are any.
    Standing(Arc<[ThresholdResult]>),
    /// Somebody has changed the run's course.
    Changed(Change),
    /// Somebody wanted to, and it could not be.
    Refused {
        /// What was asked for.
        action: Action,
        /// From where.
        origin: Origin,
        /// Why not.
        why: String,
    },
}

/// What happened in one second (the last one may be shorter) on all workers.
#[derive(Clone, Debug)]
pub struct Interval {
    /// The run's beginning on its clock.
    pub begin: Timestamp,
    /// From the run's beginning to this interval's beginning.
    pub from: Duration,
    /// From the run's beginning to this interval's end.
    pub to: Duration,
    /// All names that had come up by its end: what the statistics' slots are called.
    pub catalog: Arc<Catalog>,
    /// What was measured, all workers merged.
    pub statistics: Statistics,
    /// The generator on itself.
    pub generator: GeneratorStats,
    /// Spans of sampled iterations, where the plan asks for traces.
    pub traces: Traces,
}

/// The generator on itself.
#[derive(Clone, Debug, Default)]
pub struct GeneratorStats {
    /// By worker.
    pub workers: Vec<WorkerStats>,
    /// CPU time of the whole process.
    pub process_cpu: Duration,
    /// Wall time of the stretch; of a whole run without the time in which it was paused and nothing was under way.
    pub wall: Duration,
    /// The most memory the process has had so far, in bytes.
    pub peak_rss_bytes: u64,
}

/// A worker on itself.
#[derive(Clone, Debug, Default)]
pub struct WorkerStats {
    /// The scenario that has it alone; `None` when it is shared by all that have no workers of their own.
    pub alone: Option<ScenarioId>,
    /// By how much its wake-ups came late, whatever the load: probed every 10 ms.
    pub wakeup_lag: Latency,
    /// CPU time of its thread, less what went into polling for the next start: a core that polls is free for a start.
    pub cpu: Duration,
    /// Time its thread was ready to run and had no core. Zero where the system does not tell.
    pub waiting: Duration,
}

impl GeneratorStats {
    /// By how much the wake-ups of all workers came late.
    #[must_use]
    pub fn wakeup_lag(&self) -> Latency {
        let mut all = Latency::default();
        self.workers.iter().for_each(|worker| all.merge(&worker.wakeup_lag));
        all
    }

    /// The workers that a scenario's users live on: its own, or the shared ones when it has none.
    pub fn workers_of(&self, scenario: ScenarioId) -> impl Iterator<Item = &WorkerStats> {
        let own = self.workers.iter().any(|worker| worker.alone == Some(scenario));
        let wanted = own.then_some(scenario);
        self.workers.iter().filter(move |worker| worker.alone == wanted)
    }

    /// What share of the CPU time of `workers` guests' `nanoseconds` are, 0 to 1; `None` when they used none. Guests' time is wall
    /// time, so on a crowded machine it may be longer than the CPU time it is held against.
    #[must_use]
    pub fn guest_share<'a>(nanoseconds: u64, workers: impl Iterator<Item = &'a WorkerStats>) -> Option<f64> {
        let cpu: Duration = workers.map(|worker| worker.cpu).sum();
        (!cpu.is_zero()).then(|| (nanoseconds as f64 / cpu.as_nanos() as f64).min(1.0))
    }
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
    /// The same on the run's clock.
    pub begin: Timestamp,
    /// From its beginning to the end of the last iteration.
    pub lasted: Duration,
    /// By scenario: what its figures a second are over.
    pub spans: Vec<Span>,
    /// The time that the run's own figures a second are over: from the earliest beginning of them to the latest end.
    pub measured: Duration,
    /// All names: the plan's and those that guests made up.
    pub catalog: Catalog,
    /// Everything measured, in the catalog's order.
    pub totals: Statistics,
    /// The generator on itself, over the whole run.
    pub generator: GeneratorStats,
    /// How much was sampled of its traces; `None` when no scenario has any.
    pub traces: Option<Sampled>,
    /// The thresholds, in the order of the plan.
    pub thresholds: Vec<ThresholdResult>,
    /// What was told by [`Event::Notice`], at most 200 of them.
    pub notices: Vec<(ScenarioId, String)>,
    /// What somebody changed while it ran, in order; at most some 1,000 of them.
    pub changes: Vec<Change>,
    /// Whether the figures may be believed.
    pub verdict: Verdict,
}
