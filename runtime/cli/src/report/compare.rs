//! Two finished runs against each other, figure by figure. The screen and the page show the same rows.

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use super::summary::{DeliverySummary, Distribution, Measured, MetricSummary, StatusWord, Summary};

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
    /// The step or delivery; `None` of a scenario.
    pub step: Option<String>,
    /// Which figure.
    pub figure: String,
    /// What it is in: `us`, `share`, `/s` or `count`.
    pub unit: &'static str,
    /// In this run; `None` when there was nothing to look at.
    pub this: Option<f64>,
    /// In the other.
    pub other: Option<f64>,
    /// The change as a share of the other's value; `None` where that is zero or one is missing.
    pub change: Option<f64>,
}

/// Where figures are from: the scenario, and the step or delivery.
type Place = (Option<String>, Option<String>);
/// Figures by place and name, each with its unit.
type Figures = IndexMap<(Place, String), (&'static str, Option<f64>)>;

impl Comparison {
    /// Compares `this` run with an `other` one.
    #[must_use]
    pub fn new(this: &Summary, other: &Summary) -> Self {
        let (mine, theirs) = (figures(this), figures(other));
        let only_theirs = theirs.keys().filter(|key| !mine.contains_key(*key));
        let keys = mine.keys().chain(only_theirs);
        let mut rows: Vec<Difference> = keys
            .map(|key| {
                let (mine, theirs) = (mine.get(key), theirs.get(key));
                let (this, other) = (mine.and_then(|one| one.1), theirs.and_then(|one| one.1));
                let change = this.zip(other).filter(|(_, other)| *other != 0.0);
                let ((scenario, step), figure) = key.clone();
                Difference {
                    scenario,
                    step,
                    figure,
                    unit: mine.or(theirs).map_or("count", |one| one.0),
                    this,
                    other,
                    change: change.map(|(this, other)| super::rounded((this - other) / other)),
                }
            })
            .collect();
        // Most of what protocols count never happens.
        let is_own =
            |row: &Difference| row.unit == "count" && !["requests", "messages"].contains(&&*row.figure);
        rows.retain(|row| !is_own(row) || row.this != Some(0.0) || row.other != Some(0.0));
        // Figures of one place stand together, in the order in which the places came up.
        let places: IndexSet<Place> = rows.iter().map(Difference::place).collect();
        rows.sort_by_key(|row| places.get_index_of(&row.place()));
        Self { rows, notes: notes(this, other) }
    }
}

impl Difference {
    fn place(&self) -> Place {
        (self.scenario.clone(), self.step.clone())
    }
}

fn figures(summary: &Summary) -> Figures {
    let mut figures = Figures::new();
    let mut enter = |place: &Place, name: &str, unit, value| {
        figures.insert((place.clone(), name.to_owned()), (unit, value));
    };
    of_requests(&mut enter, &(None, None), &summary.run.measured);
    for (name, scenario) in &summary.scenarios {
        let place = (Some(name.clone()), None);
        of_requests(&mut enter, &place, &scenario.measured);
        for (metric, values) in &scenario.metrics {
            of_metric(&mut enter, &place, metric, values);
        }
        for (step, summary) in &scenario.steps {
            of_requests(&mut enter, &(Some(name.clone()), Some(step.clone())), &summary.measured);
        }
        for (delivery, summary) in &scenario.deliveries {
            of_delivery(&mut enter, &(Some(name.clone()), Some(delivery.clone())), summary);
        }
    }
    figures
}

type Enter<'a> = &'a mut dyn FnMut(&Place, &str, &'static str, Option<f64>);

fn of_requests(enter: Enter<'_>, place: &Place, measured: &Measured) {
    enter(place, "requests", "count", Some(measured.requests as f64));
    enter(place, "requests a second", "/s", Some(measured.requests_per_second));
    enter(place, "failed", "share", measured.failures.share);
    of_times(enter, place, &measured.response_time_us, &measured.service_time_us);
}

fn of_delivery(enter: Enter<'_>, place: &Place, delivery: &DeliverySummary) {
    enter(place, "messages", "count", Some(delivery.messages as f64));
    enter(place, "messages a second", "/s", Some(delivery.messages_per_second));
    of_times(enter, place, &delivery.response_time_us, &delivery.service_time_us);
}

fn of_times(enter: Enter<'_>, place: &Place, response: &Distribution, service: &Distribution) {
    enter(place, "response p50", "us", response.p50);
    enter(place, "response p90", "us", response.p90);
    enter(place, "response p99", "us", response.p99);
    enter(place, "response max", "us", response.max);
    enter(place, "service p99", "us", service.p99);
}

/// What a protocol or a plugin counts beside requests. Its unit is its own, so the figures are bare numbers.
fn of_metric(enter: Enter<'_>, place: &Place, name: &str, values: &MetricSummary) {
    match values.kind.as_str() {
        "counter" => enter(place, name, "count", values.sum),
        "gauge" => enter(place, name, "count", values.last),
        _ => {
            enter(place, &format!("{name} p50"), "count", values.p50);
            enter(place, &format!("{name} p99"), "count", values.p99);
        }
    }
}

fn notes(this: &Summary, other: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    for (which, summary) in [("this run", this), ("the other run", other)] {
        if summary.verdict.status != StatusWord::Valid {
            let status = summary.verdict.status.name();
            notes.push(format!("{which} is {status}: look at its reasons before its figures"));
        }
        if !summary.changes.is_empty() {
            notes.push(format!("{which} was steered by hand: its load is not the plan's"));
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
    use super::super::{samples, samples_of_devices};
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
    fn messages_and_what_protocols_count_are_compared_as_well() {
        let sample = samples_of_devices::fleet();
        let this = Summary::new(&sample.about, &sample.result);
        let mut other = this.clone();
        let fleet = &mut other.scenarios["fleet"];
        fleet.deliveries["deliver commands/#"].messages += 10;
        fleet.metrics["mqtt.delivered"].sum = Some(1.0);
        let rows = Comparison::new(&this, &other).rows;
        let differ: Vec<_> = rows.iter().filter(|row| row.this != row.other).collect();
        let told: Vec<_> = differ.iter().map(|row| (row.step.as_deref(), &*row.figure)).collect();
        assert_eq!(told, [(None, "mqtt.delivered"), (Some("deliver commands/#"), "messages")]);
        assert!(rows.iter().all(|row| row.figure != "mqtt.lost" || row.this != Some(0.0)), "{rows:?}");
    }

    #[test]
    fn a_steered_run_is_told_on_whichever_side() {
        let sample = samples::steered();
        let steered = Summary::new(&sample.about, &sample.result);
        let plain = Summary { changes: Vec::new(), ..steered.clone() };
        let told = |this: &Summary, other: &Summary| {
            let notes = Comparison::new(this, other).notes;
            notes.into_iter().filter(|note| note.contains("steered")).collect::<Vec<_>>()
        };
        assert!(told(&steered, &plain)[0].starts_with("this run was steered"));
        assert!(told(&plain, &steered)[0].starts_with("the other run was steered"));
        assert_eq!(told(&plain, &plain), Vec::<String>::new());
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
