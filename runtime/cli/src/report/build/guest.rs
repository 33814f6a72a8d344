//! What a plugin measured, and what its guests cost.

use std::time::Duration;

use indexmap::IndexMap;
use prony_core::catalog::MetricKind;
use prony_core::{Catalog, ScenarioId};
use prony_engine::event::GeneratorStats;
use prony_engine::stats::{GuestStats, MetricStats};
use prony_engine::{RunResult, Statistics};

use super::super::summary::{Distribution, GuestMemory, GuestSummary, GuestsEnded, MetricSummary};
use super::measured::rounded;

/// The metrics of a scenario by name, those left out that nobody but a threshold knows.
pub(crate) fn metrics(
    catalog: &Catalog,
    statistics: &Statistics,
    id: ScenarioId,
    time: Duration,
) -> IndexMap<String, MetricSummary> {
    let own = catalog.metrics.iter().zip(&statistics.metrics).filter(|(entry, _)| entry.scenario == id);
    own.filter_map(|(entry, stats)| {
        let summary = metric(entry.kind?, entry.unit.clone(), stats, time.as_secs_f64());
        Some((entry.name.clone(), summary))
    })
    .collect()
}

fn metric(kind: MetricKind, unit: String, stats: &MetricStats, seconds: f64) -> MetricSummary {
    let counter = (kind == MetricKind::Counter).then_some(());
    let trend = (kind == MetricKind::Trend).then_some(());
    let quantile = |quantile| trend.and_then(|()| stats.quantile(quantile)).map(rounded);
    MetricSummary {
        kind: kind.name().to_owned(),
        unit,
        count: stats.count,
        sum: counter.map(|()| rounded(stats.sum)),
        per_second: counter.filter(|()| seconds > 0.0).map(|()| rounded(stats.sum / seconds)),
        last: stats.last.map(|(_, value)| rounded(value)),
        min: stats.min.map(rounded),
        mean: trend.and_then(|()| stats.mean()).map(rounded),
        p50: quantile(0.5),
        p90: quantile(0.9),
        p95: quantile(0.95),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: stats.max.map(rounded),
    }
}

/// A scenario's guests; `None` where there can be none and were none.
pub(super) fn guests(result: &RunResult, id: ScenarioId) -> Option<GuestSummary> {
    let stats = &result.totals.scenarios.get(usize::from(id.0))?.guests;
    let expected = result.catalog.guest_names.get(usize::from(id.0)).is_some_and(|names| *names > 0);
    let share = GeneratorStats::guest_share(stats.time_nanos, result.generator.workers_of(id));
    (expected || stats.any()).then(|| guest(stats, share))
}

fn guest(stats: &GuestStats, share_of_cpu: Option<f64>) -> GuestSummary {
    let by_reason = stats.ended_by_reason().map(|(end, count)| (end.name().to_owned(), count)).collect();
    GuestSummary {
        guest_time_us: Distribution::of(&stats.time),
        share_of_cpu: share_of_cpu.map(rounded),
        made: stats.made,
        ended: GuestsEnded { total: stats.ended(), by_reason },
        lost_users: stats.lost_users,
        memory_bytes: GuestMemory { max: stats.memory_most },
        log_dropped: stats.log_dropped,
        metrics_dropped: stats.metrics_dropped,
    }
}
