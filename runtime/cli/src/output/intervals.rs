//! `intervals.hlog`: the histograms of every second in the interval log format (version 1.3) of HdrHistogram, which its
//! tools in Java, Python, Go and elsewhere open. Values are nanoseconds.
//!
//! A tag names each histogram: `SCENARIO/STEP:response`, `SCENARIO/STEP:service`, `SCENARIO/GROUP:group`,
//! `SCENARIO/DELIVERY:delivery_response`, `SCENARIO/DELIVERY:delivery_service`, `SCENARIO:lag`, `SCENARIO:iteration`, `SCENARIO:guest` and `generator:wakeup`. The format has no room for commas and white
//! space in a tag: they become `_`, and a tag that is then taken gets a number.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};
use prony_core::catalog::StepKind;
use prony_core::{Catalog, ScenarioId};
use prony_engine::clock::wall_clock;
use prony_engine::event::Interval;
use prony_engine::stats::Latency;

use crate::report::About;

/// The line by which other writers name the columns; readers skip it.
const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";

/// A log under way.
pub(super) struct Intervals<W> {
    file: W,
    serializer: V2DeflateSerializer,
    tags: Tags,
    begun: bool,
    plan: String,
}

impl<W: Write> Intervals<W> {
    /// A log that is written to `file`.
    pub(super) fn new(file: W, about: &About) -> Self {
        let plan = about.plan.replace(|c: char| c.is_control(), " ");
        Self {
            file,
            serializer: V2DeflateSerializer::new(),
            tags: Tags::new(&about.catalog),
            begun: false,
            plan,
        }
    }

    /// Writes a second and sees it on its way.
    pub(super) fn write(&mut self, interval: &Interval) -> io::Result<()> {
        if !self.begun {
            self.begin(interval)?;
            self.begun = true;
        }
        self.tags.learn(&interval.catalog);
        let statistics = &interval.statistics;
        for (tags, scenario) in self.tags.scenarios.iter().zip(&statistics.scenarios) {
            log(&mut self.file, &mut self.serializer, interval, &tags[0], &scenario.lag)?;
            log(&mut self.file, &mut self.serializer, interval, &tags[1], &scenario.iteration_time)?;
            log(&mut self.file, &mut self.serializer, interval, &tags[2], &scenario.guests.time)?;
        }
        for (tags, step) in self.tags.steps.iter().zip(&statistics.steps) {
            log(&mut self.file, &mut self.serializer, interval, &tags[0], &step.response)?;
            log(&mut self.file, &mut self.serializer, interval, &tags[1], &step.service)?;
        }
        for (tag, group) in self.tags.groups.iter().zip(&statistics.groups) {
            log(&mut self.file, &mut self.serializer, interval, tag, &group.time)?;
        }
        let wakeups = interval.generator.wakeup_lag();
        log(&mut self.file, &mut self.serializer, interval, &self.tags.wakeup, &wakeups)?;
        self.file.flush()
    }

    /// The head of the log. The run's beginning is reckoned back from the first interval, which the engine tells some
    /// tens of milliseconds after its end; `started` in the summary is the exact moment.
    fn begin(&mut self, interval: &Interval) -> io::Result<()> {
        let began = UNIX_EPOCH + wall_clock().saturating_sub(interval.to);
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(&format!(
                "[prony {}, plan {}, values in nanoseconds]",
                env!("CARGO_PKG_VERSION"),
                self.plan
            ))
            .with_start_time(began)
            .with_base_time(began)
            .begin_log_with(&mut self.file, &mut self.serializer)?;
        writeln!(self.file, "{LEGEND}")
    }
}

/// Writes one histogram; an empty one is left out.
fn log<W: Write>(
    file: &mut W,
    serializer: &mut V2DeflateSerializer,
    interval: &Interval,
    tag: &str,
    latency: &Latency,
) -> io::Result<()> {
    let Some(histogram) = latency.filled() else { return Ok(()) };
    let length = interval.to.saturating_sub(interval.from).max(Duration::from_millis(1));
    // Without options a builder writes no head, so a log may be continued by a new one.
    IntervalLogWriterBuilder::new()
        .begin_log_with(file, serializer)?
        .write_histogram(histogram, interval.from, length, Tag::new(tag))
        .map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
        })
}

/// The tags of all histograms, each made once: those of the plan's names before the run, those of names that plugins make up
/// when they come. Whoever reads a log finds its histograms by the same tags.
pub(crate) struct Tags {
    taken: HashSet<String>,
    /// Lag, iteration time and guest time, by scenario.
    pub(crate) scenarios: Vec<[String; 3]>,
    /// Response and service time, by step. Of a delivery both are named so, for they are no requests'.
    pub(crate) steps: Vec<[String; 2]>,
    /// By group.
    groups: Vec<String>,
    /// How late threads woke up.
    pub(crate) wakeup: String,
}

impl Tags {
    /// The tags of a catalog's names, in its order.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let mut taken = HashSet::new();
        let wakeup = unique("generator", "wakeup", &mut taken);
        let whats = ["lag", "iteration", "guest"];
        let scenarios =
            catalog.scenarios.iter().map(|name| whats.map(|what| unique(name, what, &mut taken))).collect();
        let mut tags = Self { taken, scenarios, steps: Vec::new(), groups: Vec::new(), wakeup };
        tags.learn(catalog);
        tags
    }

    fn learn(&mut self, catalog: &Catalog) {
        let taken = &mut self.taken;
        let inside = |scenario: ScenarioId, name: &str| {
            let scenario = catalog.scenarios.get(usize::from(scenario.0)).map_or("", String::as_str);
            format!("{scenario}/{name}")
        };
        for step in catalog.steps.iter().skip(self.steps.len()) {
            let name = inside(step.scenario, &step.name);
            let times = match step.kind {
                StepKind::Request => ["response", "service"],
                StepKind::Delivery | StepKind::Timing => ["delivery_response", "delivery_service"],
            };
            self.steps.push(times.map(|what| unique(&name, what, taken)));
        }
        for group in catalog.groups.iter().skip(self.groups.len()) {
            self.groups.push(unique(&inside(group.scenario, &group.name), "group", taken));
        }
    }
}

fn unique(name: &str, what: &str, taken: &mut HashSet<String>) -> String {
    let clean: String =
        name.chars().map(|c| if c == ',' || c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
    let mut tag = format!("{clean}:{what}");
    let mut number = 2;
    while !taken.insert(tag.clone()) {
        tag = format!("{clean}({number}):{what}");
        number += 1;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hold_what_the_format_allows_and_stay_apart() {
        let mut taken = HashSet::new();
        let mut tag = |name| unique(name, "response", &mut taken);
        assert_eq!(tag("shop/GET /a, b"), "shop/GET_/a__b:response");
        assert_eq!(tag("shop/GET_/a__b"), "shop/GET_/a__b(2):response");
        assert_eq!(tag("shop/x\u{3000}\ny"), "shop/x__y:response");
        assert!(taken.iter().all(|tag| Tag::new(tag).is_some()));
    }
}
