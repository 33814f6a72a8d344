//! What a report holds: the summary as it is stored, and beside it what only the other files of a run know.

use std::io::ErrorKind;
use std::path::Path;

use prony_core::Diagnostic;
use serde::Serialize;

use super::super::compare::Comparison;
use super::super::{Summary, load};
use super::bins::Bins;
use super::columns::Timeline;
use super::histograms::{self, Curves, Measurements};
use super::timeline::{self, Counts};
use crate::output::files;

/// The longest plan that is shown, in bytes.
const LONGEST_PLAN: usize = 200_000;

/// A report's data.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) run: Run,
    /// The run that it is compared with.
    against: Option<Run>,
    comparison: Option<Comparison>,
}

/// A stored run.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(super) summary: Summary,
    plan: Option<String>,
    timeline: Option<Timeline>,
    /// All scenarios together first, then each (of several), then steps.
    curves: Vec<Curve>,
    /// What the report has not, and why.
    lacks: Vec<String>,
}

/// How long the requests of something took, quantile by quantile.
#[derive(Debug, Serialize)]
struct Curve {
    /// Null of the run.
    scenario: Option<String>,
    /// Null of a scenario.
    step: Option<String>,
    #[serde(flatten)]
    curves: Curves,
}

impl Report {
    /// Reads the run in `folder`, and the one in `against`.
    pub(crate) fn read(folder: &Path, against: Option<&Path>) -> Result<Self, Diagnostic> {
        let run = Run::read(folder)?;
        let against = against.map(Run::read).transpose()?;
        let comparison = against.as_ref().map(|other| Comparison::new(&run.summary, &other.summary));
        Ok(Self { run, against, comparison })
    }

    /// Of a run that goes on.
    pub(super) fn going(run: Run) -> Self {
        Self { run, against: None, comparison: None }
    }
}

impl Run {
    /// One that goes on: its timeline comes second by second.
    pub(super) fn going(summary: Summary, plan: &str) -> Self {
        Self { summary, plan: Some(shortened(plan)), timeline: None, curves: Vec::new(), lacks: Vec::new() }
    }

    fn read(folder: &Path) -> Result<Self, Diagnostic> {
        let summary = load(folder)?;
        let names: Vec<&str> = summary.scenarios.keys().map(String::as_str).collect();
        let bins = Bins::new(summary.lasted_us, names.len());
        let mut lacks = Vec::new();
        let mut lack = |name: &str, what: &str, why: &str| {
            lacks.push(format!("{name} {why}: the report has no {what}."));
        };
        let counts = timeline::read(&folder.join(files::TIMELINE), &names, bins)
            .map_err(|error| lack(files::TIMELINE, "figures over time", &why(&error)))
            .ok();
        let measured = histograms::read(&folder.join(files::INTERVALS), &summary, bins)
            .map_err(|error| lack(files::INTERVALS, "percentiles over time and no curves", &why(&error)))
            .unwrap_or_default();
        let plan = std::fs::read(folder.join(files::PLAN))
            .map_err(|error| lack(files::PLAN, "plan", &why(&error)))
            .map(|bytes| shortened(&String::from_utf8_lossy(&bytes)))
            .ok();
        told(&mut lacks, counts.as_ref(), &measured);
        let timeline = counts.as_ref().filter(|counts| !counts.times.is_empty());
        Ok(Self {
            timeline: timeline.map(|counts| Timeline::new(counts, &measured, bins)),
            curves: curves(measured, &summary),
            summary,
            plan,
            lacks,
        })
    }
}

/// What is wrong with the files beside that they are there.
fn told(lacks: &mut Vec<String>, counts: Option<&Counts>, measured: &Measurements) {
    let unreadable = [
        (files::TIMELINE, counts.map_or(0, |counts| counts.unreadable)),
        (files::INTERVALS, measured.unreadable),
    ];
    for (name, lines) in unreadable.into_iter().filter(|(_, lines)| *lines > 0) {
        lacks.push(format!("{lines} lines of {name} cannot be read: what they held is in no chart."));
    }
    if measured.left_out > 0 {
        lacks.push(format!("{} steps have no curve of their own: they are too many.", measured.left_out));
    }
}

fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be read ({error})"),
    }
}

fn shortened(plan: &str) -> String {
    let end = (0..=LONGEST_PLAN.min(plan.len())).rev().find(|at| plan.is_char_boundary(*at)).unwrap_or(0);
    if end < plan.len() {
        format!("{}\n# … the rest is in plan.yaml\n", &plan[..end])
    } else {
        plan.to_owned()
    }
}

fn curves(measured: Measurements, summary: &Summary) -> Vec<Curve> {
    let names: Vec<&String> = summary.scenarios.keys().collect();
    let mut scopes: Vec<Curve> = measured
        .scopes
        .into_iter()
        .enumerate()
        .map(|(at, scope)| Curve {
            scenario: names.get(at).map(|name| (*name).clone()),
            step: None,
            curves: scope.curves,
        })
        .collect();
    // The run is behind its scenarios there.
    let run = scopes.pop();
    let steps = measured.steps.into_iter().map(|(scenario, step, curves)| Curve {
        scenario: names.get(scenario).map(|name| (*name).clone()),
        step: Some(step),
        curves,
    });
    run.into_iter().chain(scopes).chain(steps).filter(|curve| !curve.curves.response.is_empty()).collect()
}
