//! The report's page and columns for a run that is still going on: a second as columns of one value, straight from what was
//! measured, and the page that is given its data later.

use std::collections::BTreeMap;

use prony_core::ScenarioId;
use prony_core::catalog::StepKind;
use prony_engine::Load;
use prony_engine::event::Interval;
use prony_engine::stats::Latency;
use serde::Serialize;

use super::super::{About, Distribution, Summary, micros, words};
use super::bins::{Bins, room};
use super::columns::Timeline;
use super::data::{Report, Run};
use super::histograms::{Measurements, SORTS, Scope, Sort, heat};
use super::timeline::{Counts, Machine, Sums};
use crate::output::scenario_lines;

pub(crate) use super::page::{LivePage, live_page};

/// A second in JSON, as the page's script appends it to its columns.
pub(crate) fn second(interval: &Interval, about: &About) -> String {
    let bins = Bins::new(1.0, 1);
    let mut counts = Counts { scenarios: Vec::new(), ..Counts::default() };
    counts.times.insert(0, (micros(interval.from), micros(interval.to)));
    for line in scenario_lines(interval) {
        counts.scenarios.push(BTreeMap::from([(0, Sums::from(&line))]));
    }
    let generator = &interval.generator;
    let machine = Machine {
        process_us: micros(generator.process_cpu),
        worker_us: generator.workers.iter().map(|worker| micros(worker.cpu)).collect(),
        waiting_us: generator.workers.iter().map(|worker| micros(worker.waiting)).collect(),
        memory_bytes: generator.peak_rss_bytes,
    };
    counts.generator.insert(0, machine);
    serde_json::to_string(&Timeline::new(&counts, &measured(interval, about), bins)).unwrap_or_default()
}

/// How long things took in a second, by scenario and all together.
fn measured(interval: &Interval, about: &About) -> Measurements {
    let statistics = &interval.statistics;
    let mut all: [Latency; SORTS] = Default::default();
    let mut scopes = Vec::new();
    for (number, scenario) in statistics.scenarios.iter().enumerate() {
        let mut sums: [Latency; SORTS] = Default::default();
        let steps = interval.catalog.steps.iter().zip(&statistics.steps);
        for (entry, step) in steps.filter(|(entry, _)| entry.scenario == ScenarioId(number as u16)) {
            let [response, service] = match entry.kind {
                StepKind::Request => [Sort::Response, Sort::Service],
                StepKind::Delivery => [Sort::Delivery, Sort::DeliveryService],
                StepKind::Timing => continue,
            };
            sums[response as usize].merge(&step.response);
            sums[service as usize].merge(&step.service);
        }
        sums[Sort::Lag as usize].merge(&scenario.lag);
        sums[Sort::Guest as usize].merge(&scenario.guests.time);
        let open = about.scenarios.get(number).is_some_and(|one| matches!(one.load, Load::Open(_)));
        for (sort, (sum, latency)) in all.iter_mut().zip(&sums).enumerate() {
            if open || sort != Sort::Lag as usize {
                sum.merge(latency);
            }
        }
        scopes.push(scope(&sums));
    }
    scopes.push(scope(&all));
    let mut found = Measurements { scopes, ..Measurements::default() };
    let wakeup = interval.generator.wakeup_lag();
    if wakeup.count() > 0 {
        found.wakeup.insert(0, Distribution::of(&wakeup));
    }
    found
}

fn scope(sums: &[Latency; SORTS]) -> Scope {
    let mut scope = Scope::default();
    for (figures, latency) in scope.figures.iter_mut().zip(sums) {
        if latency.count() > 0 {
            figures.insert(0, Distribution::of(latency));
        }
    }
    let cells = heat(&sums[Sort::Response as usize]);
    if !cells.is_empty() {
        scope.heat.insert(0, cells);
    }
    scope
}

/// How many seconds a page can show of a run with so many scenarios.
pub(crate) fn seconds_shown(scenarios: usize) -> usize {
    room(scenarios) as usize
}

/// What the page's script is given when it connects.
#[derive(Serialize)]
pub(crate) struct Whole {
    #[serde(flatten)]
    report: Report,
    words: Vec<words::Sentence>,
    guide: Vec<words::Sentence>,
}

impl Whole {
    /// Of a run that goes on, whose summary so far this is.
    pub(crate) fn of(summary: Summary, plan: &str) -> Self {
        Self::from(Report::going(Run::going(summary, plan)))
    }
}

impl From<Report> for Whole {
    fn from(report: Report) -> Self {
        Self { report, words: words::sentences(), guide: words::guide() }
    }
}
