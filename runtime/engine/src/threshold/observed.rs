//! What a threshold looks at, gathered second by second: over the run, and over the last seconds.

use std::collections::VecDeque;

use prony_core::Catalog;

use crate::stats::{Latency, ScenarioStats, Statistics, StepStats};
use crate::threshold::{Metric, Scope, Statistic, Threshold, ThresholdResult, Timing};

/// The part of some statistics that one metric needs. Mergeable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    latency: Latency,
    /// The count, or the numerator of a share.
    count: u64,
    /// The denominator of a share.
    of: u64,
    seconds: f64,
}

impl Observed {
    /// What `metric` needs from `statistics`, which cover `seconds`.
    pub(crate) fn new(
        metric: Metric,
        scope: Scope,
        statistics: &Statistics,
        catalog: &Catalog,
        seconds: f64,
    ) -> Self {
        let mut observed = Self { seconds, ..Self::default() };
        let steps = statistics.steps.iter().zip(&catalog.steps).enumerate();
        for (number, (step, entry)) in steps {
            let inside = match scope {
                Scope::Run => true,
                Scope::Scenario(scenario) => entry.scenario == scenario,
                Scope::Step(id) => usize::from(id.0) == number,
            };
            if inside {
                observed.add_step(metric, step);
            }
        }
        for (number, scenario) in statistics.scenarios.iter().enumerate() {
            let inside = match scope {
                Scope::Run => true,
                Scope::Scenario(id) => usize::from(id.0) == number,
                Scope::Step(_) => false,
            };
            if inside {
                observed.add_scenario(metric, scenario);
            }
        }
        observed
    }

    fn add_step(&mut self, metric: Metric, step: &StepStats) {
        match metric {
            Metric::Time(Timing::Response, _) => self.latency.merge(&step.response),
            Metric::Time(Timing::Service, _) => self.latency.merge(&step.service),
            Metric::Time(Timing::Phase(phase), _) => self.latency.merge(&step.phases[phase as usize]),
            Metric::Requests | Metric::RequestRate => self.count += step.requests,
            Metric::Failures => self.count += step.failed(),
            Metric::FailuresOf(kind) => self.count += step.failures[kind as usize],
            Metric::FailureShare => {
                self.count += step.failed();
                self.of += step.requests;
            }
            Metric::CheckShare => {
                self.count += step.checks.iter().map(|check| check.passed).sum::<u64>();
                self.of += step.checks.iter().map(|check| check.evaluated).sum::<u64>();
            }
            Metric::BytesSent => self.count += step.bytes_sent,
            Metric::BytesReceived => self.count += step.bytes_received,
            Metric::Time(Timing::Lag | Timing::Iteration, _)
            | Metric::Iterations
            | Metric::IterationRate
            | Metric::Dropped => {}
        }
    }

    fn add_scenario(&mut self, metric: Metric, scenario: &ScenarioStats) {
        match metric {
            Metric::Time(Timing::Lag, _) => self.latency.merge(&scenario.lag),
            Metric::Time(Timing::Iteration, _) => self.latency.merge(&scenario.iteration_time),
            Metric::Iterations | Metric::IterationRate => self.count += scenario.iterations.completed,
            Metric::Dropped => self.count += scenario.dropped.total(),
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.count += other.count;
        self.of += other.of;
        self.seconds += other.seconds;
    }

    /// The metric's value; `None` when there was nothing to look at.
    pub(crate) fn value(&self, metric: Metric) -> Option<f64> {
        let share = || (self.of > 0).then(|| self.count as f64 / self.of as f64);
        match metric {
            Metric::Time(_, statistic) => match statistic {
                Statistic::Min => self.latency.min().map(|nanoseconds| nanoseconds as f64),
                Statistic::Max => self.latency.max().map(|nanoseconds| nanoseconds as f64),
                Statistic::Mean => self.latency.mean(),
                Statistic::Quantile(quantile) => {
                    self.latency.quantile(quantile).map(|nanoseconds| nanoseconds as f64)
                }
            },
            Metric::FailureShare | Metric::CheckShare => share(),
            Metric::RequestRate | Metric::IterationRate => {
                (self.seconds > 0.0).then(|| self.count as f64 / self.seconds)
            }
            _ => Some(self.count as f64),
        }
    }
}

/// A threshold under watch.
pub(crate) struct Watch {
    threshold: Threshold,
    total: Observed,
    window: VecDeque<Observed>,
    /// The first figure of a window that did not pass.
    broken: Option<f64>,
    last: Option<f64>,
}

impl Watch {
    pub(crate) fn new(threshold: Threshold) -> Self {
        Self { threshold, total: Observed::default(), window: VecDeque::new(), broken: None, last: None }
    }

    /// Takes a second in. True when the run is to be aborted for it.
    pub(crate) fn see(&mut self, statistics: &Statistics, catalog: &Catalog, seconds: f64) -> bool {
        let Threshold { metric, scope, .. } = self.threshold;
        let observed = Observed::new(metric, scope, statistics, catalog, seconds);
        let value = match self.threshold.window {
            None => {
                self.total.merge(&observed);
                self.total.value(metric)
            }
            Some(window) => {
                let length = window.as_secs().max(1) as usize;
                self.window.push_back(observed);
                while self.window.len() > length {
                    self.window.pop_front();
                }
                if self.window.len() < length {
                    return false;
                }
                let mut whole = Observed::default();
                self.window.iter().for_each(|second| whole.merge(second));
                let value = whole.value(metric);
                self.last = value.or(self.last);
                if self.broken.is_none() && !self.threshold.passes(value) {
                    self.broken = value;
                }
                value
            }
        };
        self.threshold.abort && value.is_some() && !self.threshold.passes(value)
    }

    /// How it came out.
    pub(crate) fn result(&self) -> ThresholdResult {
        let Threshold { metric, scope, bound, .. } = self.threshold;
        let value = match self.threshold.window {
            None => self.total.value(metric),
            Some(_) => self.broken.or(self.last),
        };
        ThresholdResult {
            expression: self.threshold.expression.clone(),
            scope,
            value,
            unit: metric.unit(),
            bound,
            passed: self.threshold.passes(value),
        }
    }

    pub(crate) fn expression(&self) -> &str {
        &self.threshold.expression
    }
}
