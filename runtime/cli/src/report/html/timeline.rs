//! `timeline.jsonl` read again, its seconds added up in bins. What cannot be added up, percentiles, is left to the histograms.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use super::super::DeliveryKind;
use super::bins::Bins;
use crate::output::ScenarioLine;

/// No run lasts thirty years.
const LATEST_US: f64 = 1e15;

/// What happened, by bin.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// From when to when a bin is, in microseconds.
    pub(super) times: BTreeMap<u64, (f64, f64)>,
    /// By scenario of the summary.
    pub(super) scenarios: Vec<BTreeMap<u64, Sums>>,
    /// The generator on itself.
    pub(super) generator: BTreeMap<u64, Machine>,
    /// Lines that are no such lines.
    pub(super) unreadable: u64,
}

/// What a scenario did in a bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) due: u64,
    pub(super) started: u64,
    pub(super) completed: u64,
    pub(super) failed_iterations: u64,
    pub(super) dropped: u64,
    /// The most that were busy at the end of a second.
    pub(super) users: u64,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) failures_by_kind: IndexMap<String, u64>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) delivered: u64,
}

/// What the generator used in a bin, in microseconds of CPU.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    pub(super) process_us: f64,
    pub(super) worker_us: Vec<f64>,
    pub(super) waiting_us: Vec<f64>,
    pub(super) memory_bytes: u64,
}

/// Any line. Keys that older versions did not write are as if nothing had happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    from_us: f64,
    to_us: f64,
    scenario: Option<String>,
    due: u64,
    started: u64,
    completed: u64,
    failed_iterations: u64,
    dropped: u64,
    users: u64,
    requests: u64,
    failures: u64,
    failures_by_kind: IndexMap<String, u64>,
    bytes: Bytes,
    deliveries: IndexMap<String, Delivered>,
    cpu_us: f64,
    worker_cpu_us: Vec<f64>,
    worker_waiting_us: Vec<f64>,
    peak_rss_bytes: u64,
    /// A change by hand, which is in the summary as well.
    change: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bytes {
    sent: u64,
    received: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delivered {
    kind: DeliveryKind,
    messages: u64,
}

/// Reads a timeline. `names` are the summary's scenarios; lines of others are unreadable.
pub(super) fn read(path: &Path, names: &[&str], bins: Bins) -> io::Result<Counts> {
    let mut counts = Counts { scenarios: vec![BTreeMap::new(); names.len()], ..Counts::default() };
    let mut file = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    while file.read_until(b'\n', &mut text)? > 0 {
        match serde_json::from_slice::<Line>(&text) {
            Ok(line) if counts.add(&line, names, bins) => {}
            _ => counts.unreadable += 1,
        }
        text.clear();
    }
    Ok(counts)
}

impl Counts {
    /// Adds a line; `false` when nobody knows whose it is.
    fn add(&mut self, line: &Line, names: &[&str], bins: Bins) -> bool {
        if line.change.is_some() {
            return true;
        }
        if !(line.from_us >= 0.0 && line.to_us > line.from_us && line.to_us < LATEST_US) {
            return false;
        }
        let bin = bins.of(line.from_us, line.to_us);
        match &line.scenario {
            Some(name) => {
                let Some(at) = names.iter().position(|known| known == name) else { return false };
                self.scenarios[at].entry(bin).or_default().add(line);
            }
            None => self.generator.entry(bin).or_default().add(line),
        }
        let time = self.times.entry(bin).or_insert((line.from_us, line.to_us));
        *time = (time.0.min(line.from_us), time.1.max(line.to_us));
        true
    }
}

impl Sums {
    fn add(&mut self, line: &Line) {
        let came = line.deliveries.values().filter(|one| one.kind == DeliveryKind::Messages);
        let delivered = came.fold(0, |sum: u64, one| sum.saturating_add(one.messages));
        self.count(&Self {
            due: line.due,
            started: line.started,
            completed: line.completed,
            failed_iterations: line.failed_iterations,
            dropped: line.dropped,
            users: 0,
            requests: line.requests,
            failures: line.failures,
            failures_by_kind: line.failures_by_kind.clone(),
            sent: line.bytes.sent,
            received: line.bytes.received,
            delivered,
        });
        self.users = self.users.max(line.users);
    }

    /// Adds another scenario's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count(other);
    }

    /// Adds everything up. A file may hold any number, so nothing overflows.
    fn count(&mut self, more: &Self) {
        let pairs = [
            (&mut self.due, more.due),
            (&mut self.started, more.started),
            (&mut self.completed, more.completed),
            (&mut self.failed_iterations, more.failed_iterations),
            (&mut self.dropped, more.dropped),
            (&mut self.users, more.users),
            (&mut self.requests, more.requests),
            (&mut self.failures, more.failures),
            (&mut self.sent, more.sent),
            (&mut self.received, more.received),
            (&mut self.delivered, more.delivered),
        ];
        for (sum, value) in pairs {
            *sum = sum.saturating_add(value);
        }
        for (kind, count) in &more.failures_by_kind {
            let sum = self.failures_by_kind.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

impl From<&ScenarioLine<'_>> for Sums {
    fn from(line: &ScenarioLine<'_>) -> Self {
        let came = line.deliveries.values().filter(|one| one.kind == DeliveryKind::Messages);
        Self {
            due: line.due,
            started: line.started,
            completed: line.completed,
            failed_iterations: line.failed_iterations,
            dropped: line.dropped,
            users: line.users,
            requests: line.requests,
            failures: line.failures,
            failures_by_kind: line.failures_by_kind.clone(),
            sent: line.bytes.sent,
            received: line.bytes.received,
            delivered: came.map(|one| one.messages).sum(),
        }
    }
}

impl Machine {
    fn add(&mut self, line: &Line) {
        self.process_us += line.cpu_us;
        add_each(&mut self.worker_us, &line.worker_cpu_us);
        add_each(&mut self.waiting_us, &line.worker_waiting_us);
        self.memory_bytes = self.memory_bytes.max(line.peak_rss_bytes);
    }
}

fn add_each(sums: &mut Vec<f64>, values: &[f64]) {
    if sums.len() < values.len() {
        sums.resize(values.len(), 0.0);
    }
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
