//! The time that figures a second are over.

use std::time::Duration;

use prony_core::ScenarioId;

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
        whole.map_or(Duration::ZERO, |(begin, end)| {
            let begin = begin.max(from);
            end.saturating_sub(begin).saturating_sub(self.quiet_in(scope, begin, end))
        })
    }

    /// From the run's beginning to the end of a scenario's warm-up; as far away as can be, while nobody knows.
    fn measured_from(&self, number: usize) -> Duration {
        let scenario = &self.spec.scenarios[number];
        self.course.when(scenario.start_after + scenario.warmup).unwrap_or(Duration::MAX)
    }

    /// From the run's beginning to the end of a scenario's load, where its plan says and nothing stopped it.
    fn load_ends(&self, number: usize) -> Option<Duration> {
        let scenario = &self.spec.scenarios[number];
        let told = match &scenario.load {
            Load::Closed(ClosedLoad::IterationsEach { .. } | ClosedLoad::SharedIterations { .. }) => None,
            load => load.duration(),
        };
        let told = told.filter(|_| self.ended == Ended::Finished);
        told.and_then(|load| self.course.when(scenario.start_after + load))
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
        let starts_end = self.load_ends(number).unwrap_or(last_start).min(self.from);
        let paused = self.course.paused_between(begin, starts_end);
        let scope = Scope::Scenario(ScenarioId(number as u16));
        Span {
            measured: self.measured(scope, Duration::ZERO, self.from),
            starting: starts_end.saturating_sub(begin).saturating_sub(paused),
        }
    }
}
