//! Figures of a plugin's own.

use super::current;
use crate::log::Level;
use crate::testing::record::Line;
use crate::testing::state::Metric;

pub(crate) fn metric_add(name: &str, unit: &str, amount: f64) {
    record("counter", name, unit, amount);
}

pub(crate) fn metric_set(name: &str, unit: &str, value: f64) {
    record("gauge", name, unit, value);
}

pub(crate) fn metric_trend(name: &str, unit: &str, value: f64) {
    record("trend", name, unit, value.max(0.0));
}

fn record(kind: &'static str, name: &str, unit: &str, value: f64) {
    let state = current();
    let mut state = state.borrow_mut();
    let counts = value.is_finite() && (kind != "counter" || value >= 0.0);
    match state.metrics.iter_mut().find(|metric| metric.name == name) {
        Some(metric) if metric.kind == kind && metric.unit == unit => {
            if counts {
                metric.values.push(value);
            }
        }
        Some(metric) => {
            let message = format!(
                "metric `{name}` is a {} of `{}`, and is used as a {kind} of `{unit}`",
                metric.kind, metric.unit
            );
            state.lines.push(Line { level: Level::Warn, message });
        }
        None => {
            let values = if counts { vec![value] } else { Vec::new() };
            state.metrics.push(Metric { kind, name: name.to_owned(), unit: unit.to_owned(), values });
        }
    }
}
