//! Thresholds on what guests and drivers measure beside requests: which values count, and what to say when there are none.

use prony_core::catalog::{MetricEntry, MetricKind};
use prony_core::diagnostic::did_you_mean;
use prony_core::{Catalog, ScenarioId};

use crate::stats::MetricStats;
use crate::threshold::{BYTES, Figure, Metric, SECONDS, Scope, Statistic};

/// The values of all metrics of a name in a scope. Scenarios may use a name for different kinds: those that do not have the figure are
/// left out.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedValues {
    /// `None` while there is no metric that has the figure.
    values: Option<MetricStats>,
    /// They are levels, which do not add up.
    gauge: bool,
}

impl NamedValues {
    /// Takes a metric's values in, if its kind has the figure.
    pub(super) fn add(&mut self, values: &MetricStats, entry: &MetricEntry, figure: Figure) {
        if entry.kind.is_some_and(|kind| figure.fits(kind)) {
            self.values.get_or_insert_default().merge(values);
            self.gauge |= entry.kind == Some(MetricKind::Gauge);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.gauge |= other.gauge;
        if let Some(values) = &other.values {
            self.values.get_or_insert_default().merge(values);
        }
    }

    /// The figure over `seconds`.
    pub(super) fn value(&self, figure: Figure, seconds: f64) -> Option<f64> {
        let values = self.values.as_ref()?;
        match figure {
            Figure::Plain => {
                if self.gauge {
                    values.last.map(|(_, value)| value)
                } else {
                    Some(values.sum)
                }
            }
            Figure::Sum => Some(values.sum),
            Figure::Rate => (seconds > 0.0).then(|| values.sum / seconds),
            Figure::Last => values.last.map(|(_, value)| value),
            Figure::Of(Statistic::Min) => values.min,
            Figure::Of(Statistic::Mean) => values.mean(),
            Figure::Of(Statistic::Max) => values.max,
            Figure::Of(Statistic::Quantile(quantile)) => values.quantile(quantile),
        }
    }
}

/// The unit of a threshold's figures, and what to multiply them by: a driver's times and sizes are shown as such.
pub(super) fn shown_in(metric: &Metric, catalog: &Catalog) -> (&'static str, f64) {
    let unit = metric.unit();
    let Metric::Driver(name, _, _) = metric else { return (unit, 1.0) };
    let entry = catalog.metrics.iter().find(|entry| entry.name == *name && entry.is_drivers);
    match entry.map(|entry| entry.unit.as_str()) {
        Some(SECONDS) if unit == "own" => ("ns", 1e9),
        Some(BYTES) if unit == "own" => ("bytes", 1.0),
        _ => (unit, 1.0),
    }
}

/// Why nothing was seen of a metric: nobody gave it a value, or it is of a kind that does not have the figure.
pub(super) fn help(name: &str, figure: Figure, scope: Scope, catalog: &Catalog) -> Option<String> {
    let inside = |scenario: ScenarioId| match scope {
        Scope::Run => true,
        Scope::Scenario(id) => id == scenario,
        Scope::Step(_) => false,
    };
    // Without a kind it is only the threshold's own word.
    let came = || catalog.metrics.iter().filter(|entry| inside(entry.scenario) && entry.kind.is_some());
    let evidence = came().filter(|entry| entry.name == name).find_map(|entry| entry.evidence);
    if let Some(evidence) = evidence.and_then(|id| catalog.metrics.get(usize::from(id.0))) {
        return Some(format!("nothing was audited: `{}` is 0, so `{name}` says nothing", evidence.name));
    }
    let mut kinds = came().filter(|entry| entry.name == name).filter_map(|entry| entry.kind);
    if let Some(kind) = kinds.clone().next() {
        let fits = kinds.any(|kind| figure.fits(kind));
        return Some(if fits {
            format!("`{name}` never had a value")
        } else {
            format!("`{name}` is a {}: it has {}", kind.name(), Figure::of(kind))
        });
    }
    let names: Vec<&str> = came().map(|entry| entry.name.as_str()).collect();
    Some(match (did_you_mean(name, names.iter().copied()), names.is_empty()) {
        (Some(word), _) => format!("nobody had a metric `{name}`; did you mean `{word}`?"),
        (None, true) => format!("nobody had a metric `{name}`, nor any other"),
        (None, false) => format!("nobody had a metric `{name}`, but {}", some(&names)),
    })
}

/// The first of them; there may be hundreds.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = names.to_vec();
    names.sort_unstable();
    names.dedup();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    format!("{}{more}", shown.join(", "))
}
