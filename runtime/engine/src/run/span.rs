//! The time that figures a second are over.

use std::time::Duration;

use super::coordinator::Coordinator;
use crate::event::{Ended, Span};
use crate::load::{ClosedLoad, Load};
use crate::threshold::Scope;

impl Coordinator<'_> {
    /// How much of the time between two moments of the run is measured in `scope`: what comes before a scenario begins, its warm-up,
    /// and what comes after its end, is not, and must not thin its rates out.
    pub(super) fn measured(&self, scope: Scope, from: Duration, to: Duration) -> Duration {
        let scenario = match scope {
            Scope::Run => None,
            Scope::Scenario(id) => Some(id),
            Scope::Step(id) => self.spec.catalog.steps.get(usize::from(id.0)).map(|step| step.scenario),
        };
        let numbers = 0..self.spec.scenarios.len();
        let inside = numbers.filter(|number| scenario.is_none_or(|id| usize::from(id.0) == *number));
        let spans = inside.map(|number| (self.measured_from(number), self.active_until(number, to)));
        let whole = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        whole.map_or(Duration::ZERO, |(begin, end)| end.saturating_sub(begin.max(from)))
    }

    /// From the run's beginning to the end of a scenario's warm-up.
    fn measured_from(&self, number: usize) -> Duration {
        self.spec.scenarios[number].start_after + self.spec.scenarios[number].warmup
    }

    /// From the run's beginning to the end of a scenario's load, where its plan says and nothing stopped it.
    fn load_ends(&self, number: usize) -> Option<Duration> {
        let scenario = &self.spec.scenarios[number];
        let told = match &scenario.load {
            Load::Closed(ClosedLoad::IterationsEach { .. } | ClosedLoad::SharedIterations { .. }) => None,
            load => load.duration(),
        };
        told.filter(|_| self.ended == Ended::Finished).map(|load| scenario.start_after + load)
    }

    /// From the run's beginning to the end of what a scenario did, as far as is known at `to`.
    fn active_until(&self, number: usize, to: Duration) -> Duration {
        let stats = &self.totals.scenarios[number];
        let last_end = stats.last_end - self.begin;
        if stats.users_now > 0 || (last_end.is_zero() && self.ended == Ended::Finished) {
            return to;
        }
        self.load_ends(number).map_or(last_end, |load| load.max(last_end)).min(to)
    }

    /// See [`Span`].
    pub(super) fn span(&self, number: usize) -> Span {
        let begin = self.measured_from(number);
        let last_start = self.totals.scenarios[number].last_start - self.begin;
        Span {
            measured: self.active_until(number, self.from).saturating_sub(begin),
            starting: self.load_ends(number).unwrap_or(last_start).min(self.from).saturating_sub(begin),
        }
    }
}
