//! What requests and checks came to, and numbers as the summary has them.

use std::time::Duration;

use indexmap::IndexMap;
use prony_core::catalog::{StepEntry, StepKind};
use prony_core::{Catalog, FailureKind, Phase, ScenarioId};
use prony_engine::Statistics;
use prony_engine::stats::{CheckCount, Latency, StepStats};

use super::super::summary::{Bytes, Distribution, Failures, Measured, PhaseTimes, Share};

/// The steps of one scenario that requests are counted under.
pub(crate) fn scenario_steps<'a>(
    catalog: &'a Catalog,
    statistics: &'a Statistics,
    id: ScenarioId,
) -> impl Iterator<Item = &'a StepStats> {
    catalog
        .steps
        .iter()
        .zip(&statistics.steps)
        .filter(move |(entry, _)| entry.scenario == id && entry.kind == StepKind::Request)
        .map(|(_, step)| step)
}

/// What messages that came to one scenario are timed under, and what is timed beside them.
pub(crate) fn scenario_deliveries<'a>(
    catalog: &'a Catalog,
    statistics: &'a Statistics,
    id: ScenarioId,
) -> impl Iterator<Item = (&'a StepEntry, &'a StepStats)> {
    let all = catalog.steps.iter().zip(&statistics.steps);
    all.filter(move |(entry, _)| entry.scenario == id && entry.kind != StepKind::Request)
}

/// All requests of some steps; without their checks, which differ from step to step.
pub(crate) fn total<'a>(steps: impl IntoIterator<Item = &'a StepStats>) -> StepStats {
    let mut total = StepStats::new(0);
    steps.into_iter().for_each(|step| total.merge(step));
    total
}

pub(super) fn measured(step: &StepStats, time: Duration) -> Measured {
    let status = |status: u16| if status == 0 { "other".to_owned() } else { status.to_string() };
    let phase = |phase: Phase| Distribution::of(&step.phases[phase as usize]);
    let seconds = time.as_secs_f64();
    Measured {
        requests: step.requests,
        requests_per_second: if seconds > 0.0 { rounded(step.requests as f64 / seconds) } else { 0.0 },
        failures: Failures {
            total: step.failed(),
            share: part_of(step.failed(), step.requests),
            by_kind: failures_by_kind(step),
        },
        statuses: step.statuses.iter().map(|(code, count)| (status(*code), *count)).collect(),
        response_time_us: Distribution::of(&step.response),
        service_time_us: Distribution::of(&step.service),
        phases: PhaseTimes {
            dns_us: phase(Phase::Dns),
            connect_us: phase(Phase::Connect),
            tls_us: phase(Phase::Tls),
            send_us: phase(Phase::Send),
            wait_us: phase(Phase::Wait),
            receive_us: phase(Phase::Receive),
        },
        bytes: Bytes { sent: step.bytes_sent, received: step.bytes_received },
    }
}

/// Failed requests by kind; only kinds that occurred.
pub(crate) fn failures_by_kind(step: &StepStats) -> IndexMap<String, u64> {
    let kinds = FailureKind::ALL.into_iter().zip(step.failures).filter(|(_, count)| *count > 0);
    kinds.map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}

pub(crate) fn share<'a>(checks: impl IntoIterator<Item = &'a CheckCount>) -> Share {
    let mut sum = CheckCount::default();
    for check in checks {
        sum.evaluated += check.evaluated;
        sum.passed += check.passed;
    }
    Share { evaluated: sum.evaluated, passed: sum.passed, share: part_of(sum.passed, sum.evaluated) }
}

impl Distribution {
    /// The figures of a histogram.
    pub(crate) fn of(latency: &Latency) -> Self {
        let quantile = |quantile| latency.quantile(quantile).map(nanos);
        Self {
            count: latency.count(),
            min: latency.min().map(nanos),
            mean: latency.mean().map(|mean| rounded(mean / 1e3)),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: latency.max().map(nanos),
        }
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

fn nanos(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

fn part_of(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64))
}

/// Nine decimals and no more: more would be noise, and a JSON reader gives back exactly what was written.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}
