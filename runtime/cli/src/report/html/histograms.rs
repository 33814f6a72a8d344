//! `intervals.hlog` read again: percentiles of each bin, what a heat map needs, and the curves of the whole run. Seconds are
//! merged histogram by histogram, so a percentile here is what it would be had the bin been one second.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use prony_core::Catalog;
use prony_core::catalog::{Entries, StepKind};
use prony_engine::stats::Latency;
use serde::Serialize;

use super::super::{DeliveryKind, Distribution, Summary};
use super::bins::Bins;
use crate::output::Tags;

/// Steps beyond so many have no curve of their own.
const MOST_CURVES: usize = 100;
/// Points of a curve a nine, and nines.
const POINTS: i32 = 12;
const NINES: i32 = 9;
/// Rows of a heat map a power of ten.
const ROWS: f64 = 8.0;

/// What a histogram is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Response,
    Service,
    Delivery,
    DeliveryService,
    Lag,
    Guest,
}

/// How many sorts there are.
pub(super) const SORTS: usize = 6;

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Measurements {
    /// By scenario, and all together at the end.
    pub(super) scopes: Vec<Scope>,
    /// Of steps: the number of the scenario, the name, the curves.
    pub(super) steps: Vec<(usize, String, Curves)>,
    /// How late threads woke up, by bin.
    pub(super) wakeup: BTreeMap<u64, Distribution>,
    /// Steps that have no curve, for there are too many.
    pub(super) left_out: usize,
    /// Lines that could not be read.
    pub(super) unreadable: u64,
}

/// A scenario, or the run.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// By sort and bin.
    pub(super) figures: [BTreeMap<u64, Distribution>; SORTS],
    /// By bin: row and count, row and count, …
    pub(super) heat: BTreeMap<u64, Vec<i64>>,
    pub(super) curves: Curves,
}

/// How long requests took, quantile by quantile: pairs of a quantile (0 to 1) and microseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Curves {
    pub(super) response: Vec<[f64; 2]>,
    pub(super) service: Vec<[f64; 2]>,
}

/// What is being added up of a scope.
#[derive(Default)]
struct Sum {
    bin: [Latency; SORTS],
    total: [Latency; 2],
}

/// A reading under way.
struct Reading {
    bins: Bins,
    bin: u64,
    sums: Vec<Sum>,
    steps: HashMap<usize, [Latency; 2]>,
    wakeup: Latency,
    found: Measurements,
    /// Whose lag counts for the run: scenarios with an open load.
    open: Vec<bool>,
}

/// Where a tag's histograms go.
#[derive(Clone, Copy)]
enum Place {
    /// A scenario's sort.
    Scenario(usize, Sort),
    /// A step's request: the scenario, the step, the sort.
    Step(usize, usize, Sort),
    Wakeup,
}

/// Reads the histograms of a run.
pub(super) fn read(path: &Path, summary: &Summary, bins: Bins) -> io::Result<Measurements> {
    let (catalog, requests) = catalog(summary);
    let places = places(&catalog);
    let count = catalog.scenarios.len();
    let mut reading = Reading {
        bins,
        bin: 0,
        sums: (0..=count).map(|_| Sum::default()).collect(),
        steps: HashMap::new(),
        wakeup: Latency::default(),
        found: Measurements {
            scopes: (0..=count).map(|_| Scope::default()).collect(),
            left_out: requests.len().saturating_sub(MOST_CURVES),
            ..Measurements::default()
        },
        open: summary.scenarios.values().map(|scenario| scenario.load.model == "open").collect(),
    };
    let mut file = BufReader::new(File::open(path)?);
    let (mut text, mut deserializer) = (Vec::new(), Deserializer::new());
    while file.read_until(b'\n', &mut text)? > 0 {
        if text.first().is_some_and(|first| *first != b'#' && *first != b'"') {
            let known = reading.line(&text, &places, &mut deserializer);
            reading.found.unreadable += u64::from(known.is_none());
        }
        text.clear();
    }
    Ok(reading.finish(&catalog, &requests))
}

/// The summary's names as a catalog, so that they have the tags they had when they were written; and the numbers of steps that
/// are requests.
fn catalog(summary: &Summary) -> (Catalog, Vec<usize>) {
    let mut catalog = Catalog::default();
    let mut requests = Vec::new();
    for (name, scenario) in &summary.scenarios {
        let Ok(id) = catalog.add_scenario(name.as_str()) else { break };
        for step in scenario.steps.keys() {
            if let Ok(id) = catalog.add_step(id, step, "", Vec::new()) {
                requests.push(usize::from(id.0));
            }
        }
        for (name, delivery) in &scenario.deliveries {
            let mut entries = Entries::new(&mut catalog, id);
            // One too many has no histograms in the report, as any other tag that nobody knows.
            let _ = match delivery.kind {
                DeliveryKind::Messages => entries.delivery(name, ""),
                DeliveryKind::Times => entries.timing(name, ""),
            };
        }
    }
    (catalog, requests)
}

fn places(catalog: &Catalog) -> HashMap<String, Place> {
    let tags = Tags::new(catalog);
    let mut places = HashMap::from([(tags.wakeup, Place::Wakeup)]);
    for (at, [lag, _, guest]) in tags.scenarios.into_iter().enumerate() {
        places.insert(lag, Place::Scenario(at, Sort::Lag));
        places.insert(guest, Place::Scenario(at, Sort::Guest));
    }
    for (at, ([response, service], entry)) in tags.steps.into_iter().zip(&catalog.steps).enumerate() {
        let scenario = usize::from(entry.scenario.0);
        let [of_response, of_service] = match entry.kind {
            StepKind::Request => [Sort::Response, Sort::Service].map(|sort| Place::Step(scenario, at, sort)),
            StepKind::Delivery => {
                [Sort::Delivery, Sort::DeliveryService].map(|sort| Place::Scenario(scenario, sort))
            }
            // Each is another thing's: in one line they would mean nothing.
            StepKind::Timing => continue,
        };
        places.insert(response, of_response);
        places.insert(service, of_service);
    }
    places
}

impl Reading {
    /// Takes a line; `None` when it is none.
    fn line(
        &mut self,
        text: &[u8],
        places: &HashMap<String, Place>,
        deserializer: &mut Deserializer,
    ) -> Option<()> {
        let Some(Ok(LogEntry::Interval(entry))) = IntervalLogIterator::new(text).next() else { return None };
        let from_us = entry.start_timestamp().as_secs_f64() * 1e6;
        let bin = self.bins.of(from_us, from_us + entry.duration().as_secs_f64() * 1e6);
        if bin != self.bin {
            self.close_bin();
            self.bin = bin;
        }
        let Some(place) = entry.tag().and_then(|tag| places.get(tag.as_str())) else {
            // Groups and iterations: their figures are the summary's.
            return Some(());
        };
        let bytes = STANDARD.decode(entry.encoded_histogram()).ok()?;
        let histogram: Histogram<u64> = deserializer.deserialize(&mut Cursor::new(bytes)).ok()?;
        match *place {
            Place::Wakeup => self.wakeup.add(&histogram),
            Place::Scenario(scenario, sort) => self.sums[scenario].bin[sort as usize].add(&histogram),
            Place::Step(scenario, step, sort) => {
                self.sums[scenario].bin[sort as usize].add(&histogram);
                if self.steps.len() < MOST_CURVES || self.steps.contains_key(&step) {
                    self.steps.entry(step).or_default()[sort as usize].add(&histogram);
                }
            }
        }
        Some(())
    }

    /// Writes down what a bin came to.
    fn close_bin(&mut self) {
        let run = self.sums.len() - 1;
        let (scenarios, all) = self.sums.split_at_mut(run);
        let all = &mut all[0];
        for (scenario, open) in scenarios.iter().zip(&self.open) {
            for (sort, (sum, latency)) in all.bin.iter_mut().zip(&scenario.bin).enumerate() {
                if *open || sort != Sort::Lag as usize {
                    sum.merge(latency);
                }
            }
        }
        for (sum, scope) in self.sums.iter_mut().zip(&mut self.found.scopes) {
            let heat = heat(&sum.bin[Sort::Response as usize]);
            if !heat.is_empty() {
                scope.heat.insert(self.bin, heat);
            }
            for (sort, latency) in sum.bin.iter_mut().enumerate() {
                if latency.count() > 0 {
                    scope.figures[sort].insert(self.bin, Distribution::of(latency));
                }
                if let Some(total) = sum.total.get_mut(sort) {
                    total.merge(latency);
                }
                latency.clear();
            }
        }
        if self.wakeup.count() > 0 {
            self.found.wakeup.insert(self.bin, Distribution::of(&self.wakeup));
            self.wakeup.clear();
        }
    }

    fn finish(mut self, catalog: &Catalog, requests: &[usize]) -> Measurements {
        self.close_bin();
        for (sum, scope) in self.sums.iter().zip(&mut self.found.scopes) {
            scope.curves = curves(&sum.total);
        }
        for step in requests {
            let Some(entry) = catalog.steps.get(*step) else { continue };
            if let Some(totals) = self.steps.get(step) {
                let scenario = usize::from(entry.scenario.0);
                self.found.steps.push((scenario, entry.name.clone(), curves(totals)));
            }
        }
        self.found
    }
}

fn curves([response, service]: &[Latency; 2]) -> Curves {
    Curves { response: curve(response), service: curve(service) }
}

/// Points evenly spaced between the nines, those that have names among them, as far as so many values tell them apart.
fn curve(latency: &Latency) -> Vec<[f64; 2]> {
    let count = latency.count() as f64;
    let nines =
        [(3, 0.5), (7, 0.75), (12, 0.9), (16, 0.95), (24, 0.99), (36, 0.999), (48, 0.9999), (60, 0.99999)];
    let mut points: Vec<[f64; 2]> = Vec::new();
    for step in 0..=POINTS * NINES {
        let named = nines.iter().find(|(at, _)| *at == step).map(|(_, quantile)| *quantile);
        let quantile = named.unwrap_or_else(|| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS)));
        if (1.0 - quantile) * count < 0.999 {
            break;
        }
        points.extend(latency.quantile(quantile).map(|nanos| [quantile, nanos as f64 / 1e3]));
    }
    points.extend(latency.max().map(|nanos| [1.0, nanos as f64 / 1e3]));
    points
}

/// The row of each value and how many are in it. Row 0 begins at 1 µs.
pub(super) fn heat(latency: &Latency) -> Vec<i64> {
    let mut rows: BTreeMap<i64, u64> = BTreeMap::new();
    for value in latency.filled().into_iter().flat_map(Histogram::iter_recorded) {
        let micros = value.value_iterated_to() as f64 / 1e3;
        let row = (micros.max(1e-3).log10() * ROWS).floor() as i64;
        *rows.entry(row).or_default() += value.count_since_last_iteration();
    }
    rows.into_iter().flat_map(|(row, count)| [row, count as i64]).collect()
}
