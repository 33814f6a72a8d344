//! What sampled iterations and their requests came to, span by span, on its way from workers to who tells of them.
//!
//! A worker hands its spans over once a second, at most [`MOST`] of them: what is more is counted and lost, and the load is none
//! the slower. An iteration that is due in the warm-up is not sampled.

use std::time::Duration;

use prony_core::{Outcome, Random, ScenarioId, StepId, Timestamp, Trace, Traced};

/// The most spans that a worker keeps for a second.
pub const MOST: usize = 5_000;

/// What traces need of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing {
    /// Where the numbers of traces come from. No two runs may have the same, whatever their seed.
    pub key: u64,
    /// Whether somebody tells of spans; they are counted in any case.
    pub told: bool,
}

/// A request of a sampled iteration.
#[derive(Clone, Copy, Debug)]
pub struct RequestSpan {
    /// The step it is of.
    pub step: StepId,
    /// Its place.
    pub traced: Traced,
    /// What came of it.
    pub outcome: Outcome,
}

/// A sampled iteration.
#[derive(Clone, Copy, Debug)]
pub struct IterationSpan {
    /// Of which scenario.
    pub scenario: ScenarioId,
    /// Whose.
    pub user: u32,
    /// The number of the iteration for this user, from 0.
    pub iteration: u64,
    /// Its trace.
    pub trace: Trace,
    /// When it was due.
    pub intended: Timestamp,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// `completed`, `failed` or `cut`.
    pub result: &'static str,
}

/// How much was sampled, spans that were lost included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Iterations that have ended.
    pub iterations: u64,
    /// Requests that have ended.
    pub requests: u64,
    /// Spans of both that came faster than [`MOST`] a worker and second, of which nobody can tell.
    pub lost: u64,
}

/// The spans of a second.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// The time of day at the clock's zero: add a [`Timestamp`] to know a span's.
    pub wall_origin: Duration,
    /// Requests.
    pub requests: Vec<RequestSpan>,
    /// Iterations.
    pub iterations: Vec<IterationSpan>,
    /// How many there were.
    pub sampled: Sampled,
}

impl Traces {
    /// Adds all of `other`.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.requests.append(&mut other.requests);
        self.iterations.append(&mut other.iterations);
        self.sampled.add(other.sampled);
    }

    /// Whether one more is kept.
    fn has_room(&mut self, told: bool) -> bool {
        let room = self.requests.len() + self.iterations.len() < MOST;
        self.sampled.lost += u64::from(told && !room);
        told && room
    }

    pub(crate) fn request(&mut self, told: bool, span: impl FnOnce() -> RequestSpan) {
        self.sampled.requests += 1;
        if self.has_room(told) {
            self.requests.push(span());
        }
    }

    pub(crate) fn iteration(&mut self, told: bool, span: IterationSpan) {
        self.sampled.iterations += 1;
        if self.has_room(told) {
            self.iterations.push(span);
        }
    }
}

impl Sampled {
    /// Adds another stretch's.
    pub fn add(&mut self, other: Self) {
        self.iterations += other.iterations;
        self.requests += other.requests;
        self.lost += other.lost;
    }
}

/// Gives the iterations of a scenario on one worker their traces.
#[derive(Debug)]
pub(crate) struct Tracer {
    random: Random,
    share: f64,
}

impl Tracer {
    /// `share` of the iterations that are measured are sampled, by chance.
    pub(crate) fn new(key: u64, scenario: ScenarioId, worker: u32, share: f64) -> Self {
        let random = Random::new(key, u64::from(scenario.0), u64::from(worker));
        Self { random, share }
    }

    /// The trace of an iteration that is `measured`, and no warm-up.
    pub(crate) fn begin(&mut self, measured: bool) -> Trace {
        let sampled = self.random.unit() < self.share && measured;
        Trace::new(&mut self.random, sampled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_beyond_the_limit_are_counted_and_lost() {
        let mut random = Random::new(1, 1, 1);
        let traced = Trace::new(&mut random, true).request(1);
        let span = || RequestSpan { step: StepId(0), traced, outcome: Outcome::due(Timestamp::default()) };
        let mut traces = Traces::default();
        (0..MOST + 3).for_each(|_| traces.request(true, span));
        assert_eq!(traces.requests.len(), MOST);
        assert_eq!(traces.sampled, Sampled { iterations: 0, requests: MOST as u64 + 3, lost: 3 });
        let mut untold = Traces::default();
        untold.request(false, span);
        assert_eq!((untold.requests.len(), untold.sampled.requests, untold.sampled.lost), (0, 1, 0));
        traces.append(untold);
        assert_eq!(traces.sampled.requests, MOST as u64 + 4);
    }

    #[test]
    fn as_many_iterations_are_sampled_as_the_plan_says_and_none_of_the_warm_up() {
        let mut tracer = Tracer::new(7, ScenarioId(0), 0, 0.25);
        let mut sampled = |measured| (0..10_000).filter(|_| tracer.begin(measured).sampled).count();
        assert_eq!(sampled(false), 0);
        let some = sampled(true);
        assert!((2_200..2_800).contains(&some), "{some}");
    }
}
