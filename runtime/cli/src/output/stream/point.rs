//! From statistics to points: a value of a metric with its labels. Every stream sends the same points, each in its own way.

use std::borrow::Cow;

use hdrhistogram::Histogram;
use prony_core::catalog::{MetricKind, StepKind};
use prony_core::{Catalog, FailureKind, Phase, ScenarioId};
use prony_engine::Statistics;
use prony_engine::stats::{CheckCount, GuestStats, Latency, MetricStats, ScenarioStats, StepStats};

use super::metric::{self, Metric};
use super::tally::{Generator, View};

/// A value of a metric with its labels.
pub(super) struct Point<'a> {
    pub(super) metric: &'static Metric,
    pub(super) labels: &'a [(&'static str, Cow<'a, str>)],
    pub(super) value: Value<'a>,
}

/// A value. Its kind is the metric's.
pub(super) enum Value<'a> {
    /// A counter's whole amount.
    Count(u64),
    /// A counter's amount, or a level.
    Amount(f64),
    /// A distribution.
    Samples(Samples<'a>),
}

/// The samples of a distribution: whole numbers, `scale` of which are one of the metric's unit.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    pub(super) histogram: &'a Histogram<u64>,
    pub(super) scale: f64,
}

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

type Visit<'v> = &'v mut dyn FnMut(&Point<'_>);

/// Visits every point of `view`. Counts that are always there are visited when they are 0 as well, so that a series begins with
/// the run; what has kinds, statuses or samples is visited when there are some.
pub(super) fn points(view: &View<'_>, visit: Visit<'_>) {
    let View { catalog, statistics, users, generator } = *view;
    for (number, name) in catalog.scenarios.iter().enumerate() {
        let mut at = Series { visit: &mut *visit, labels: vec![("scenario", Cow::Borrowed(name.as_str()))] };
        let id = ScenarioId(number as u16);
        if let Some(stats) = statistics.scenarios.get(number) {
            let users = users.get(number).copied().unwrap_or(0);
            of_scenario(&mut at, stats, users);
            of_guests(&mut at, &stats.guests);
        }
        inside(&mut at, id, catalog, statistics);
    }
    of_generator(&mut Series { visit, labels: Vec::new() }, generator);
}

/// Labels under way, and who wants points.
struct Series<'a, 'v> {
    visit: Visit<'v>,
    labels: Vec<(&'static str, Cow<'a, str>)>,
}

impl<'a> Series<'a, '_> {
    /// What `inner` tells has further labels.
    fn with<const N: usize>(
        &mut self,
        more: [(&'static str, Cow<'a, str>); N],
        inner: impl FnOnce(&mut Self),
    ) {
        let before = self.labels.len();
        self.labels.extend(more);
        inner(self);
        self.labels.truncate(before);
    }

    fn point(&mut self, metric: &'static Metric, value: Value<'_>) {
        (self.visit)(&Point { metric, labels: &self.labels, value });
    }

    fn count(&mut self, metric: &'static Metric, count: u64) {
        self.point(metric, Value::Count(count));
    }

    fn amount(&mut self, metric: &'static Metric, amount: f64) {
        self.point(metric, Value::Amount(amount));
    }

    /// A count with one more label.
    fn count_of(&mut self, metric: &'static Metric, label: &'static str, value: &'a str, count: u64) {
        self.with([(label, Cow::Borrowed(value))], |at| at.count(metric, count));
    }

    fn times(&mut self, metric: &'static Metric, latency: &Latency) {
        if let Some(histogram) = latency.filled() {
            self.point(metric, Value::Samples(Samples { histogram, scale: NANOS }));
        }
    }
}

fn of_scenario(at: &mut Series<'_, '_>, stats: &ScenarioStats, users: u64) {
    at.count(&metric::STARTS_DUE, stats.due);
    at.count_of(&metric::STARTS_DROPPED, "reason", "users_busy", stats.dropped.users_busy);
    at.count(&metric::STARTED, stats.iterations.started);
    let ends = [
        ("completed", stats.iterations.completed),
        ("failed", stats.iterations.failed),
        ("cut", stats.iterations.cut),
    ];
    for (end, count) in ends {
        at.count_of(&metric::ITERATIONS, "result", end, count);
    }
    at.times(&metric::ITERATION_TIME, &stats.iteration_time);
    at.times(&metric::LAG, &stats.lag);
    at.amount(&metric::USERS, users as f64);
    let connections = [("opened", stats.connections.opened), ("closed", stats.connections.closed)];
    for (event, count) in connections {
        at.count_of(&metric::CONNECTIONS, "event", event, count);
    }
}

fn of_guests(at: &mut Series<'_, '_>, guests: &GuestStats) {
    at.times(&metric::GUEST_TIME, &guests.time);
    for (end, count) in guests.ended_by_reason() {
        at.count_of(&metric::GUESTS_ENDED, "reason", end.name(), count);
    }
}

/// Steps, deliveries, groups, checks and metrics of a scenario.
fn inside<'a>(at: &mut Series<'a, '_>, id: ScenarioId, catalog: &'a Catalog, statistics: &Statistics) {
    for (entry, step) in catalog.steps.iter().zip(&statistics.steps).filter(|(entry, _)| entry.scenario == id)
    {
        let labels = [("step", entry.name.as_str().into()), ("protocol", entry.protocol.into())];
        at.with(labels, |at| match entry.kind {
            StepKind::Request => of_step(at, step, &entry.checks),
            StepKind::Delivery | StepKind::Timing => {
                at.count(&metric::DELIVERIES, step.requests);
                at.times(&metric::DELIVERY_RESPONSE_TIME, &step.response);
                at.times(&metric::DELIVERY_SERVICE_TIME, &step.service);
            }
        });
    }
    for (entry, group) in
        catalog.groups.iter().zip(&statistics.groups).filter(|(entry, _)| entry.scenario == id)
    {
        at.with([("group", entry.name.as_str().into())], |at| at.times(&metric::GROUP_TIME, &group.time));
    }
    for (entry, check) in
        catalog.checks.iter().zip(&statistics.checks).filter(|(entry, _)| entry.scenario == id)
    {
        let step = entry.step.and_then(|step| catalog.steps.get(usize::from(step.0)));
        // A plugin may call its check as the plan calls one of the same step, and these are two.
        let is_taken = step.is_some_and(|step| step.checks.contains(&entry.name));
        let name = if is_taken {
            Cow::Owned(format!("{} (plugin)", entry.name))
        } else {
            entry.name.as_str().into()
        };
        let (step, protocol) = step.map_or(("", ""), |step| (step.name.as_str(), step.protocol));
        at.with([("step", step.into()), ("protocol", protocol.into())], |at| of_check(at, name, *check));
    }
    for (entry, own) in
        catalog.metrics.iter().zip(&statistics.metrics).filter(|(entry, _)| entry.scenario == id)
    {
        let Some(kind) = entry.kind else { continue };
        let labels = [("metric", entry.name.as_str().into()), ("unit", entry.unit.as_str().into())];
        at.with(labels, |at| of_metric(at, kind, own));
    }
}

fn of_step<'a>(at: &mut Series<'a, '_>, step: &StepStats, checks: &'a [String]) {
    at.count(&metric::REQUESTS, step.requests);
    for (kind, count) in FailureKind::ALL.into_iter().zip(step.failures).filter(|(_, count)| *count > 0) {
        at.count_of(&metric::FAILURES, "kind", kind.name(), count);
    }
    for (status, count) in &step.statuses {
        let status = if *status == 0 { Cow::Borrowed("other") } else { Cow::Owned(status.to_string()) };
        at.with([("status", status)], |at| at.count(&metric::STATUSES, *count));
    }
    at.times(&metric::RESPONSE_TIME, &step.response);
    at.times(&metric::SERVICE_TIME, &step.service);
    for (phase, time) in Phase::ALL.into_iter().zip(&step.phases) {
        at.with([("phase", phase.name().into())], |at| at.times(&metric::PHASE_TIME, time));
    }
    for (direction, bytes) in [("sent", step.bytes_sent), ("received", step.bytes_received)] {
        at.count_of(&metric::TRAFFIC, "direction", direction, bytes);
    }
    for (name, check) in checks.iter().zip(&step.checks) {
        of_check(at, name.as_str().into(), *check);
    }
}

fn of_check<'a>(at: &mut Series<'a, '_>, name: Cow<'a, str>, check: CheckCount) {
    at.with([("check", name)], |at| {
        at.count_of(&metric::CHECKS, "result", "passed", check.passed);
        at.count_of(&metric::CHECKS, "result", "failed", check.evaluated - check.passed);
    });
}

fn of_metric(at: &mut Series<'_, '_>, kind: MetricKind, own: &MetricStats) {
    match kind {
        MetricKind::Counter => at.amount(&metric::OWN_COUNTER, own.sum),
        MetricKind::Gauge => {
            if let Some((_, last)) = own.last {
                at.amount(&metric::OWN_GAUGE, last);
            }
        }
        MetricKind::Trend => {
            if let Some((histogram, scale)) = own.histogram() {
                at.point(&metric::OWN_TREND, Value::Samples(Samples { histogram, scale }));
            }
        }
    }
}

fn of_generator(at: &mut Series<'_, '_>, generator: &Generator) {
    at.amount(&metric::GENERATOR_CPU, generator.cpu.as_secs_f64());
    at.amount(&metric::GENERATOR_MEMORY, generator.peak_rss_bytes as f64);
    at.times(&metric::WAKEUP_LAG, &generator.wakeup_lag);
}
