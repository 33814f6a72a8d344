//! `timeline.jsonl`: what happened second by second, one JSON object a line.
//!
//! A line a scenario and second, and one with `"scenario": null` for the generator itself. Times are microseconds.

use std::io::{self, Write};

use prony_core::ScenarioId;
use prony_engine::event::Interval;
use serde::Serialize;

use crate::report::{About, Bytes, Distribution, micros, rounded, scenario_steps, total};

/// A timeline under way.
pub(super) struct Timeline<W> {
    file: W,
    catalog: prony_core::Catalog,
}

/// A scenario's second.
#[derive(Serialize)]
struct ScenarioLine<'a> {
    from_us: f64,
    to_us: f64,
    scenario: &'a str,
    due: u64,
    started: u64,
    completed: u64,
    failed_iterations: u64,
    dropped: u64,
    users: u64,
    requests: u64,
    requests_per_second: f64,
    failures: u64,
    bytes: Bytes,
    response_time_us: Distribution,
    service_time_us: Distribution,
    lag_us: Distribution,
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
    pub(super) fn new(file: W, about: &About) -> Self {
        Self { file, catalog: about.catalog.clone() }
    }

    /// Writes a second and sees it on its way.
    pub(super) fn write(&mut self, interval: &Interval) -> io::Result<()> {
        let (from_us, to_us) = (micros(interval.from), micros(interval.to));
        let seconds = (interval.to - interval.from).as_secs_f64();
        let statistics = &interval.statistics;
        for (number, (name, stats)) in self.catalog.scenarios.iter().zip(&statistics.scenarios).enumerate() {
            let steps = total(scenario_steps(&self.catalog, statistics, ScenarioId(number as u16)));
            let line = ScenarioLine {
                from_us,
                to_us,
                scenario: name,
                due: stats.due,
                started: stats.iterations.started,
                completed: stats.iterations.completed,
                failed_iterations: stats.iterations.failed,
                dropped: stats.dropped.total(),
                users: stats.users_now,
                requests: steps.requests,
                requests_per_second: if seconds > 0.0 {
                    rounded(steps.requests as f64 / seconds)
                } else {
                    0.0
                },
                failures: steps.failed(),
                bytes: Bytes { sent: steps.bytes_sent, received: steps.bytes_received },
                response_time_us: Distribution::of(&steps.response),
                service_time_us: Distribution::of(&steps.service),
                lag_us: Distribution::of(&stats.lag),
            };
            serde_json::to_writer(&mut self.file, &line)?;
            self.file.write_all(b"\n")?;
        }
        let generator = &interval.generator;
        let line = GeneratorLine {
            from_us,
            to_us,
            scenario: None,
            cpu_us: micros(generator.process_cpu),
            worker_cpu_us: generator.worker_cpu.iter().copied().map(micros).collect(),
            worker_waiting_us: generator.worker_waiting.iter().copied().map(micros).collect(),
            wakeup_lag_us: Distribution::of(&generator.wakeup_lag),
            peak_rss_bytes: generator.peak_rss_bytes,
        };
        serde_json::to_writer(&mut self.file, &line)?;
        self.file.write_all(b"\n")?;
        self.file.flush()
    }
}
