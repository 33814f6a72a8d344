//! What was measured: the same struct for a worker's second, for everybody's second, and for the whole run.
//!
//! [`Statistics::merge`] loses nothing: counters add, histograms add bucket by bucket. Percentiles are read from
//! merged histograms and never averaged.

mod latency;

pub use latency::Latency;

use prony_core::{Catalog, FailureKind, Marks, Outcome, Phase, Timestamp};

/// The most statuses told apart; a hostile peer can send 900 of them.
const MOST_STATUSES: usize = 64;

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
    /// From an iteration's intended start to its end; not of those that were cut off.
    pub iteration_time: Latency,
    /// Connections by what happened to them.
    pub connections: ConnectionCounts,
    /// When the last iteration was due that began; zero when none did. Merging keeps the latest.
    pub last_start: Timestamp,
    /// When the last iteration ended; zero when none did. Merging keeps the latest.
    pub last_end: Timestamp,
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
    /// From the intended start to the end of every request that ended by itself: not of those cut off when the run ended,
    /// nor of those that could not be made.
    pub response: Latency,
    /// From the actual send to the end of those of them that were sent.
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

impl Statistics {
    /// Adds all of `other`, which has the same slots.
    pub fn merge(&mut self, other: &Self) {
        self.scenarios.iter_mut().zip(&other.scenarios).for_each(|(mine, theirs)| mine.merge(theirs));
        self.steps.iter_mut().zip(&other.steps).for_each(|(mine, theirs)| mine.merge(theirs));
        self.groups.iter_mut().zip(&other.groups).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.scenarios.iter_mut().for_each(ScenarioStats::clear);
        self.steps.iter_mut().for_each(StepStats::clear);
        self.groups.iter_mut().for_each(GroupStats::clear);
    }
}

impl ScenarioStats {
    fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.iterations, &other.iterations);
        mine.started += theirs.started;
        mine.completed += theirs.completed;
        mine.failed += theirs.failed;
        mine.cut += theirs.cut;
        mine.warmup += theirs.warmup;
        self.dropped.users_busy += other.dropped.users_busy;
        self.due += other.due;
        self.users_now += other.users_now;
        self.users_most += other.users_most;
        self.lag.merge(&other.lag);
        self.iteration_time.merge(&other.iteration_time);
        self.last_start = self.last_start.max(other.last_start);
        self.last_end = self.last_end.max(other.last_end);
        self.connections.opened += other.connections.opened;
        self.connections.closed += other.connections.closed;
        self.connections.handshakes_full += other.connections.handshakes_full;
        self.connections.handshakes_resumed += other.connections.handshakes_resumed;
    }

    fn clear(&mut self) {
        let (mut lag, mut iteration_time) =
            (std::mem::take(&mut self.lag), std::mem::take(&mut self.iteration_time));
        lag.clear();
        iteration_time.clear();
        *self = Self { lag, iteration_time, ..Self::default() };
    }
}

impl DroppedCounts {
    /// For whatever reason.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.users_busy
    }
}

impl GroupStats {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.time.merge(&other.time);
    }

    fn clear(&mut self) {
        (self.count, self.failed) = (0, 0);
        self.time.clear();
    }
}

impl StepStats {
    /// No requests yet, with `checks` checks.
    #[must_use]
    pub fn new(checks: usize) -> Self {
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

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures.iter_mut().zip(&other.failures).for_each(|(mine, theirs)| *mine += theirs);
        other.statuses.iter().for_each(|(status, count)| self.count_status(*status, *count));
        for (mine, theirs) in self.checks.iter_mut().zip(&other.checks) {
            mine.evaluated += theirs.evaluated;
            mine.passed += theirs.passed;
        }
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.phases.iter_mut().zip(&other.phases).for_each(|(mine, theirs)| mine.merge(theirs));
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }

    fn clear(&mut self) {
        self.requests = 0;
        self.failures = [0; FailureKind::ALL.len()];
        self.statuses.clear();
        self.checks.fill(CheckCount::default());
        self.response.clear();
        self.service.clear();
        self.phases.iter_mut().for_each(Latency::clear);
        (self.bytes_sent, self.bytes_received) = (0, 0);
    }

    /// Counts one request that has ended.
    #[inline]
    pub fn record(&mut self, outcome: &Outcome, marks: Marks) {
        self.requests += 1;
        if let Some(kind) = outcome.failure {
            self.failures[kind as usize] += 1;
        }
        if let Some(status) = outcome.status {
            self.count_status(status, 1);
        }
        if marks.evaluated != 0 {
            for (index, check) in self.checks.iter_mut().enumerate() {
                check.evaluated += marks.evaluated >> index & 1;
                check.passed += marks.passed >> index & 1;
            }
        }
        self.bytes_sent += outcome.traffic.sent;
        self.bytes_received += outcome.traffic.received;
        if matches!(outcome.failure, Some(FailureKind::Cut | FailureKind::Request)) {
            // How long a request would have taken that was cut off, or that could not be made, nobody knows: its time up to
            // then would make the figures look better than they are.
            return;
        }
        self.response.record(outcome.response_nanos());
        if let Some(service) = outcome.service_nanos() {
            self.service.record(service);
        }
        for (phase, nanoseconds) in outcome.phases.iter() {
            self.phases[phase as usize].record(nanoseconds);
        }
    }

    fn count_status(&mut self, status: u16, count: u64) {
        // Most answers have the status of the one before, and a step sees few: the list is short and kept in order.
        match self.statuses.binary_search_by_key(&status, |entry| entry.0) {
            Ok(at) => self.statuses[at].1 += count,
            Err(at) if self.statuses.len() < MOST_STATUSES => self.statuses.insert(at, (status, count)),
            Err(_) => match self.statuses.first_mut() {
                Some(first) if first.0 == 0 => first.1 += count,
                _ => self.statuses.insert(0, (0, count)),
            },
        }
    }

    /// Failed requests of any kind.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }
}
