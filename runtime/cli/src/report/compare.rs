//! Two finished runs against each other, figure by figure. The screen and the page show the same rows.

use indexmap::IndexMap;
use serde::Serialize;

use super::summary::{Measured, StatusWord, Summary};

/// One run against another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What a reader must know before the figures: the runs are not alike.
    pub notes: Vec<String>,
    /// By scope and figure, in the order of this run's plan; what only the other one has is behind.
    pub rows: Vec<Difference>,
}

/// A figure in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The scenario; `None` of the run.
    pub scenario: Option<String>,
    /// The step; `None` of a scenario.
    pub step: Option<String>,
    /// Which figure.
    pub figure: &'static str,
    /// What it is in: `us`, `share`, `/s` or `count`.
    pub unit: &'static str,
    /// In this run; `None` when there was nothing to look at.
    pub this: Option<f64>,
    /// In the other.
    pub other: Option<f64>,
    /// The change as a share of the other's value; `None` where that is zero or one is missing.
    pub change: Option<f64>,
}

/// The figures that are compared.
type Figure = (&'static str, &'static str, fn(&Measured) -> Option<f64>);
const FIGURES: [Figure; 8] = [
    ("requests", "count", |measured| Some(measured.requests as f64)),
    ("requests a second", "/s", |measured| Some(measured.requests_per_second)),
    ("failed", "share", |measured| measured.failures.share),
    ("response p50", "us", |measured| measured.response_time_us.p50),
    ("response p90", "us", |measured| measured.response_time_us.p90),
    ("response p99", "us", |measured| measured.response_time_us.p99),
    ("response max", "us", |measured| measured.response_time_us.max),
    ("service p99", "us", |measured| measured.service_time_us.p99),
];

/// Where figures are from: the scenario and the step.
type Place = (Option<String>, Option<String>);

impl Comparison {
    /// Compares `this` run with an `other` one.
    #[must_use]
    pub fn new(this: &Summary, other: &Summary) -> Self {
        let (mine, theirs) = (places(this), places(other));
        let only_theirs = theirs.keys().filter(|place| !mine.contains_key(*place));
        let rows = mine.keys().chain(only_theirs).flat_map(|place| {
            let (mine, theirs) = (mine.get(place).copied(), theirs.get(place).copied());
            FIGURES.into_iter().map(move |(figure, unit, pick)| {
                let (this, other) = (mine.and_then(pick), theirs.and_then(pick));
                let change = this.zip(other).filter(|(_, other)| *other != 0.0);
                Difference {
                    scenario: place.0.clone(),
                    step: place.1.clone(),
                    figure,
                    unit,
                    this,
                    other,
                    change: change.map(|(this, other)| super::rounded((this - other) / other)),
                }
            })
        });
        Self { rows: rows.collect(), notes: notes(this, other) }
    }
}

fn places(summary: &Summary) -> IndexMap<Place, &Measured> {
    let mut places = IndexMap::from([((None, None), &summary.run.measured)]);
    for (name, scenario) in &summary.scenarios {
        places.insert((Some(name.clone()), None), &scenario.measured);
        for (step, summary) in &scenario.steps {
            places.insert((Some(name.clone()), Some(step.clone())), &summary.measured);
        }
    }
    places
}

fn notes(this: &Summary, other: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    for (which, summary) in [("this run", this), ("the other run", other)] {
        if summary.verdict.status != StatusWord::Valid {
            let status = summary.verdict.status.name();
            notes.push(format!("{which} is {status}: look at its reasons before its figures"));
        }
    }
    let differ = [
        ("plan's name", this.plan == other.plan),
        ("targets", this.targets == other.targets),
        ("load", loads(this) == loads(other)),
        ("generator's threads", this.generator.threads == other.generator.threads),
        ("generator's machine", this.host == other.host),
        ("version of prony", this.prony == other.prony),
    ];
    let differ: Vec<&str> = differ.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect();
    if !differ.is_empty() {
        notes.push(format!("the runs differ in more than time: {}", differ.join(", ")));
    }
    notes
}

fn loads(summary: &Summary) -> Vec<(&String, &String)> {
    summary.scenarios.iter().map(|(name, scenario)| (name, &scenario.load.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn shop() -> Summary {
        let sample = samples::shop();
        Summary::new(&sample.about, &sample.result)
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let comparison = Comparison::new(&shop(), &shop());
        assert!(comparison.notes.is_empty(), "{comparison:?}");
        assert_eq!(comparison.rows.len(), 8 * (1 + 2 + 8));
        assert!(comparison.rows.iter().all(|row| row.this == row.other && row.change.unwrap_or(0.0) == 0.0));
    }

    #[test]
    fn what_one_run_has_alone_is_there_and_has_no_change() {
        let (this, mut other) = (shop(), shop());
        let buy = other.scenarios.shift_remove("buy").expect("a scenario");
        other.scenarios.insert("sell".to_owned(), buy);
        other.scenarios["browse"].measured.response_time_us.p99 = Some(1_000.0);
        let rows = Comparison::new(&this, &other).rows;
        let find = |scenario: &str, figure: &str| {
            let found = rows.iter().find(|row| {
                row.scenario.as_deref() == Some(scenario) && row.step.is_none() && row.figure == figure
            });
            found.expect("a row").clone()
        };
        let (buy, sell) = (find("buy", "requests"), find("sell", "requests"));
        assert_eq!((buy.this, buy.other, buy.change), (Some(800.0), None, None));
        assert_eq!((sell.this, sell.other, sell.change), (None, Some(800.0), None));
        let p99 = find("browse", "response p99");
        let expected = (p99.this.expect("a figure") - 1_000.0) / 1_000.0;
        assert!((p99.change.expect("a change") - expected).abs() < 1e-6);
    }

    #[test]
    fn runs_that_are_not_alike_are_told() {
        let starved = samples::starved();
        let mut other = Summary::new(&starved.about, &starved.result);
        other.targets = vec!["https://other.test".to_owned()];
        let notes = Comparison::new(&shop(), &other).notes;
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(
            notes[0].starts_with("the other run is INVALID") && notes[1].ends_with(": targets"),
            "{notes:?}"
        );
    }
}
