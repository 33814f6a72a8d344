//! `timeline.jsonl`: what happened second by second, one JSON object a line.
//!
//! A line a scenario and second, one a change by hand (it alone has the key `change`), and one with `"scenario": null` for the generator itself. Times are microseconds.

use std::io::{self, Write};

use indexmap::IndexMap;
use prony_core::{Catalog, ScenarioId};
use prony_engine::Change;
use prony_engine::event::Interval;
use prony_engine::stats::{CheckCount, GuestStats};
use serde::Serialize;

use crate::report::{
    Bytes, ChangeSummary, DeliverySummary, Distribution, MetricSummary, Share, deliveries, failures_by_kind,
    metrics, micros, rounded, scenario_steps, share, total,
};

/// A timeline under way.
pub(super) struct Timeline<W> {
    file: W,
}

/// A scenario's second.
#[derive(Serialize)]
pub(crate) struct ScenarioLine<'a> {
    pub(crate) from_us: f64,
    pub(crate) to_us: f64,
    pub(crate) scenario: &'a str,
    pub(crate) due: u64,
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) failed_iterations: u64,
    pub(crate) dropped: u64,
    pub(crate) users: u64,
    pub(crate) requests: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) failures: u64,
    pub(crate) failures_by_kind: IndexMap<String, u64>,
    pub(crate) bytes: Bytes,
    pub(crate) response_time_us: Distribution,
    pub(crate) service_time_us: Distribution,
    pub(crate) lag_us: Distribution,
    pub(crate) checks: Share,
    metrics: IndexMap<String, MetricSummary>,
    pub(crate) deliveries: IndexMap<String, DeliverySummary>,
    guests: Option<GuestsOfSecond>,
}

/// A scenario's guests in a second.
#[derive(Serialize)]
struct GuestsOfSecond {
    guest_time_us: Distribution,
    made: u64,
    ended: u64,
    lost_users: u64,
    memory_bytes: u64,
}

/// The generator's second.
#[derive(Serialize)]
struct GeneratorLine {
    from_us: f64,
    to_us: f64,
    scenario: Option<()>,
    cpu_us: f64,
    worker_cpu_us: Vec<f64>,
    worker_waiting_us: Vec<f64>,
    wakeup_lag_us: Distribution,
    peak_rss_bytes: u64,
}

impl<W: Write> Timeline<W> {
    /// A timeline that is written to `file`.
    pub(super) fn new(file: W) -> Self {
        Self { file }
    }

    /// Writes a change by hand and sees it on its way.
    pub(super) fn change(&mut self, change: &Change) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, &ChangeSummary::from(change))?;
        self.file.write_all(b"\n")?;
        self.file.flush()
    }

    /// Writes a second and sees it on its way.
    pub(super) fn write(&mut self, interval: &Interval) -> io::Result<()> {
        for line in scenario_lines(interval) {
            serde_json::to_writer(&mut self.file, &line)?;
            self.file.write_all(b"\n")?;
        }
        let (from_us, to_us) = (micros(interval.from), micros(interval.to));
        let generator = &interval.generator;
        let line = GeneratorLine {
            from_us,
            to_us,
            scenario: None,
            cpu_us: micros(generator.process_cpu),
            worker_cpu_us: generator.workers.iter().map(|worker| micros(worker.cpu)).collect(),
            worker_waiting_us: generator.workers.iter().map(|worker| micros(worker.waiting)).collect(),
            wakeup_lag_us: Distribution::of(&generator.wakeup_lag()),
            peak_rss_bytes: generator.peak_rss_bytes,
        };
        serde_json::to_writer(&mut self.file, &line)?;
        self.file.write_all(b"\n")?;
        self.file.flush()
    }
}

/// A second, scenario by scenario.
pub(crate) fn scenario_lines(interval: &Interval) -> impl Iterator<Item = ScenarioLine<'_>> {
    let wall = interval.to.saturating_sub(interval.from);
    let seconds = wall.as_secs_f64();
    let (catalog, statistics) = (&*interval.catalog, &interval.statistics);
    let all = catalog.scenarios.iter().zip(&statistics.scenarios).zip((0..).map(ScenarioId));
    all.map(move |((name, stats), id)| {
        let steps = total(scenario_steps(catalog, statistics, id));
        ScenarioLine {
            from_us: micros(interval.from),
            to_us: micros(interval.to),
            scenario: name,
            due: stats.due,
            started: stats.iterations.started,
            completed: stats.iterations.completed,
            failed_iterations: stats.iterations.failed,
            dropped: stats.dropped.total(),
            users: stats.users_now,
            requests: steps.requests,
            requests_per_second: if seconds > 0.0 { rounded(steps.requests as f64 / seconds) } else { 0.0 },
            failures: steps.failed(),
            failures_by_kind: failures_by_kind(&steps),
            bytes: Bytes { sent: steps.bytes_sent, received: steps.bytes_received },
            response_time_us: Distribution::of(&steps.response),
            service_time_us: Distribution::of(&steps.service),
            lag_us: Distribution::of(&stats.lag),
            checks: share(checks(interval, id)),
            metrics: metrics(catalog, statistics, id, wall),
            deliveries: deliveries(catalog, statistics, id, wall),
            guests: has_guests(catalog, &stats.guests, id).then(|| GuestsOfSecond {
                guest_time_us: Distribution::of(&stats.guests.time),
                made: stats.guests.made,
                ended: stats.guests.ended(),
                lost_users: stats.guests.lost_users,
                memory_bytes: stats.guests.memory_now,
            }),
        }
    })
}

/// The checks of a scenario: those of its compiled steps and those of its guests.
fn checks(interval: &Interval, id: ScenarioId) -> impl Iterator<Item = &CheckCount> {
    let (catalog, statistics) = (&interval.catalog, &interval.statistics);
    let of_guests = catalog.checks.iter().zip(&statistics.checks);
    let of_guests = of_guests.filter(move |(entry, _)| entry.scenario == id).map(|(_, check)| check);
    scenario_steps(catalog, statistics, id).flat_map(|step| &step.checks).chain(of_guests)
}

fn has_guests(catalog: &Catalog, guests: &GuestStats, id: ScenarioId) -> bool {
    guests.any() || catalog.guest_names.get(usize::from(id.0)).is_some_and(|names| *names > 0)
}
