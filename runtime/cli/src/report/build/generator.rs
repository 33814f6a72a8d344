//! The generator on itself.

use std::time::Duration;

use prony_core::ScenarioId;
use prony_engine::event::{GeneratorStats, WorkerStats};
use prony_engine::stats::{GuestStats, Latency};
use prony_engine::{Load, RunResult};

use super::super::About;
use super::super::summary::{Distribution, GeneratorSummary};
use super::measured::{micros, rounded};

pub(super) fn generator(about: &About, result: &RunResult) -> GeneratorSummary {
    let stats: &GeneratorStats = &result.generator;
    let mut lag = Latency::default();
    let open = about.scenarios.iter().zip(&result.totals.scenarios);
    open.filter(|(scenario, _)| matches!(scenario.load, Load::Open(_)))
        .for_each(|(_, stats)| lag.merge(&stats.lag));
    let requests: u64 = result.totals.steps.iter().map(|step| step.requests).sum();
    let cpu_us = micros(stats.process_cpu);
    let wall = stats.wall.as_secs_f64();
    let shares = |time: fn(&WorkerStats) -> Duration| {
        let share = |time: Duration| if wall > 0.0 { rounded(time.as_secs_f64() / wall) } else { 0.0 };
        stats.workers.iter().map(|worker| share(time(worker))).collect()
    };
    let named = |id: ScenarioId| result.catalog.scenarios.get(usize::from(id.0)).cloned();
    let mut guests = GuestStats::default();
    result.totals.scenarios.iter().for_each(|scenario| guests.merge(&scenario.guests));
    let guest_share = GeneratorStats::guest_share(guests.time_nanos, stats.workers.iter());
    GeneratorSummary {
        threads: about.threads,
        pacing: if about.precise { "precise" } else { "normal" }.to_owned(),
        lag_us: Distribution::of(&lag),
        wakeup_lag_us: Distribution::of(&stats.wakeup_lag()),
        cpu_us,
        cpu_us_per_request: (requests > 0).then(|| rounded(cpu_us / requests as f64)),
        worker_cpu_share: shares(|worker| worker.cpu),
        worker_waiting_share: shares(|worker| worker.waiting),
        worker_scenarios: stats.workers.iter().map(|worker| worker.alone.and_then(named)).collect(),
        guest_time_us: Distribution::of(&guests.time),
        guest_cpu_share: guest_share.filter(|_| guests.any()).map(rounded),
        peak_rss_bytes: stats.peak_rss_bytes,
    }
}
