//! What a step's requests came to.

use prony_core::catalog::StepKind;
use prony_core::{FailureKind, Marks, Outcome, Phase};

use super::{Latency, Slowest};

/// The most statuses told apart; a hostile peer can send 900 of them.
const MOST_STATUSES: usize = 64;

/// What a step's requests came to.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// What is counted here.
    pub kind: StepKind,
    /// Requests that ended, failed ones included.
    pub requests: u64,
    /// Failed requests by kind, in the order of [`FailureKind::ALL`].
    pub failures: [u64; FailureKind::ALL.len()],
    /// Requests by status, ascending; at most 64 of them, the rest under status 0.
    pub statuses: Vec<(u16, u64)>,
    /// Checks in the step's order.
    pub checks: Vec<CheckCount>,
    /// From the intended start to the end of every request that ended by itself: not of those cut off when the run or their guest
    /// ended, nor of those that could not be made, were refused, or had no connection to go over any more.
    pub response: Latency,
    /// From the actual send to the end of those of them that were sent.
    pub service: Latency,
    /// By phase, in the order of [`Phase::ALL`].
    pub phases: [Latency; Phase::ALL.len()],
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// The slowest of those in `response`; of requests only.
    pub slowest: Slowest,
}

/// How often a check was evaluated and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckCount {
    /// Evaluated.
    pub evaluated: u64,
    /// Held.
    pub passed: u64,
}

impl Default for StepStats {
    fn default() -> Self {
        Self::new(0)
    }
}

impl CheckCount {
    /// Counts one answer.
    pub fn record(&mut self, passed: bool) {
        self.evaluated += 1;
        self.passed += u64::from(passed);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.evaluated += other.evaluated;
        self.passed += other.passed;
    }
}

impl StepStats {
    /// No requests yet, with `checks` checks.
    #[must_use]
    pub fn new(checks: usize) -> Self {
        Self::of(StepKind::Request, checks)
    }

    /// Nothing of this kind yet, with `checks` checks.
    #[must_use]
    pub fn of(kind: StepKind, checks: usize) -> Self {
        Self {
            kind,
            requests: 0,
            failures: [0; FailureKind::ALL.len()],
            statuses: Vec::new(),
            checks: vec![CheckCount::default(); checks],
            response: Latency::default(),
            service: Latency::default(),
            phases: Default::default(),
            bytes_sent: 0,
            bytes_received: 0,
            slowest: Slowest::default(),
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures.iter_mut().zip(&other.failures).for_each(|(mine, theirs)| *mine += theirs);
        other.statuses.iter().for_each(|(status, count)| self.count_status(*status, *count));
        self.checks.iter_mut().zip(&other.checks).for_each(|(mine, theirs)| mine.merge(*theirs));
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.phases.iter_mut().zip(&other.phases).for_each(|(mine, theirs)| mine.merge(theirs));
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.slowest.merge(&other.slowest);
    }

    pub(super) fn clear(&mut self) {
        self.requests = 0;
        self.failures = [0; FailureKind::ALL.len()];
        self.statuses.clear();
        self.checks.fill(CheckCount::default());
        self.response.clear();
        self.service.clear();
        self.phases.iter_mut().for_each(Latency::clear);
        (self.bytes_sent, self.bytes_received) = (0, 0);
        self.slowest.clear();
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
        if outcome.untried || outcome.failure.is_some_and(has_no_time) {
            return;
        }
        let response = outcome.response_nanos();
        self.response.record(response);
        if response > self.slowest.floor() && self.kind == StepKind::Request {
            self.slowest.keep(outcome);
        }
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

/// How long a request would have taken that was cut off, or that could not be made, nobody knows: its time up to then would make
/// the figures look better than they are. The same goes for what a guest was refused, and for requests of a guest that is gone.
const fn has_no_time(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Cut | FailureKind::Request | FailureKind::Refused | FailureKind::Guest)
}
