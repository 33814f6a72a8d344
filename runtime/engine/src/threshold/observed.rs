//! What a threshold looks at: the part of some statistics that its metric needs.

use prony_core::catalog::StepKind;
use prony_core::{Catalog, MetricId, ScenarioId, StepId};

use super::named::NamedValues;
use crate::stats::{CheckCount, Latency, ScenarioStats, Statistics, StepStats};
use crate::threshold::{Metric, Scope, Statistic, Timing};

/// The part of some statistics that one metric needs. Mergeable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    latency: Latency,
    /// The count, or the numerator of a share.
    count: u64,
    /// The denominator of a share.
    of: u64,
    /// What guests measured.
    named: NamedValues,
    pub(super) seconds: f64,
}

impl Observed {
    /// What `metric` needs from `statistics`, which cover `seconds`.
    pub(crate) fn new(
        metric: &Metric,
        scope: Scope,
        statistics: &Statistics,
        catalog: &Catalog,
        seconds: f64,
    ) -> Self {
        let mut observed = Self { seconds, ..Self::default() };
        for ((step, entry), number) in statistics.steps.iter().zip(&catalog.steps).zip(0..) {
            let counts = entry.kind == StepKind::Request || matches!(scope, Scope::Step(_));
            if counts && scope.has(entry.scenario, Some(StepId(number))) {
                observed.add_step(metric, step);
            }
        }
        for (scenario, number) in statistics.scenarios.iter().zip(0..) {
            if scope.has(ScenarioId(number), None) {
                observed.add_scenario(metric, scenario);
            }
        }
        if *metric == Metric::CheckShare {
            let checks = statistics.checks.iter().zip(&catalog.checks);
            checks
                .filter(|(_, entry)| scope.has(entry.scenario, entry.step))
                .for_each(|(check, _)| observed.add_check(check));
        }
        if let Metric::Named(name, figure) | Metric::Driver(name, figure, _) = metric {
            let drivers_alone = matches!(metric, Metric::Driver(..));
            let metrics = statistics.metrics.iter().zip(&catalog.metrics);
            metrics
                .filter(|(_, entry)| entry.is_drivers || !drivers_alone)
                .filter(|(_, entry)| entry.name == *name && scope.has(entry.scenario, None))
                .filter(|(values, entry)| {
                    let looked_at = |evidence: MetricId| statistics.metrics.get(usize::from(evidence.0));
                    // Whatever was found was looked at, be it in another second.
                    values.sum > 0.0
                        || entry.evidence.is_none_or(|id| looked_at(id).is_some_and(|seen| seen.sum > 0.0))
                })
                .for_each(|(values, entry)| observed.named.add(values, entry, *figure));
        }
        observed
    }

    fn add_step(&mut self, metric: &Metric, step: &StepStats) {
        match metric {
            Metric::Time(Timing::Response, _) => self.latency.merge(&step.response),
            Metric::Time(Timing::Service, _) => self.latency.merge(&step.service),
            Metric::Time(Timing::Phase(phase), _) => self.latency.merge(&step.phases[*phase as usize]),
            Metric::Requests | Metric::RequestRate => self.count += step.requests,
            Metric::Failures => self.count += step.failed(),
            Metric::FailuresOf(kind) => self.count += step.failures[*kind as usize],
            Metric::FailureShare => {
                self.count += step.failed();
                self.of += step.requests;
            }
            Metric::CheckShare => step.checks.iter().for_each(|check| self.add_check(check)),
            Metric::BytesSent => self.count += step.bytes_sent,
            Metric::BytesReceived => self.count += step.bytes_received,
            Metric::Time(Timing::Lag | Timing::Iteration | Timing::Guest, _)
            | Metric::Iterations
            | Metric::IterationRate
            | Metric::IterationsFailed
            | Metric::Dropped
            | Metric::GuestsEnded
            | Metric::LostUsers
            | Metric::Named(..)
            | Metric::Driver(..) => {}
        }
    }

    fn add_check(&mut self, check: &CheckCount) {
        self.count += check.passed;
        self.of += check.evaluated;
    }

    fn add_scenario(&mut self, metric: &Metric, scenario: &ScenarioStats) {
        match metric {
            Metric::Time(Timing::Lag, _) => self.latency.merge(&scenario.lag),
            Metric::Time(Timing::Iteration, _) => self.latency.merge(&scenario.iteration_time),
            Metric::Time(Timing::Guest, _) => self.latency.merge(&scenario.guests.time),
            Metric::GuestsEnded => self.count += scenario.guests.ended(),
            Metric::LostUsers => self.count += scenario.guests.lost_users,
            Metric::Iterations | Metric::IterationRate => self.count += scenario.iterations.completed,
            Metric::IterationsFailed => self.count += scenario.iterations.failed,
            Metric::Dropped => self.count += scenario.dropped.total(),
            _ => {}
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.count += other.count;
        self.of += other.of;
        self.named.merge(&other.named);
        self.seconds += other.seconds;
    }

    /// The metric's value; `None` when there was nothing to look at.
    pub(crate) fn value(&self, metric: &Metric) -> Option<f64> {
        match metric {
            Metric::Time(_, statistic) => match statistic {
                Statistic::Min => self.latency.min().map(|nanoseconds| nanoseconds as f64),
                Statistic::Max => self.latency.max().map(|nanoseconds| nanoseconds as f64),
                Statistic::Mean => self.latency.mean(),
                Statistic::Quantile(quantile) => {
                    self.latency.quantile(*quantile).map(|nanoseconds| nanoseconds as f64)
                }
            },
            Metric::FailureShare | Metric::CheckShare => {
                (self.of > 0).then(|| self.count as f64 / self.of as f64)
            }
            Metric::RequestRate | Metric::IterationRate => {
                (self.seconds > 0.0).then(|| self.count as f64 / self.seconds)
            }
            Metric::Named(_, figure) | Metric::Driver(_, figure, _) => {
                self.named.value(*figure, self.seconds)
            }
            _ => Some(self.count as f64),
        }
    }
}

impl Scope {
    /// Whether it takes in what is a scenario's, or what is its step's.
    fn has(self, scenario: ScenarioId, step: Option<StepId>) -> bool {
        match self {
            Self::Run => true,
            Self::Scenario(id) => id == scenario,
            Self::Step(id) => step == Some(id),
        }
    }
}
