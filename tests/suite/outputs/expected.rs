//! The figures of a summary under the names that streams have for them, and how they are held against what arrived.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// Labels in the order in which a stream writes them.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A figure of the summary.
#[derive(Debug)]
pub(super) struct Figure {
    /// Prometheus' name of its metric, without a counter's `_total`.
    pub(super) metric: &'static str,
    pub(super) labels: Labels,
    pub(super) value: Expected,
}

#[derive(Debug)]
pub(super) enum Expected {
    Count(f64),
    /// Distributions as the summary has them, and what one of its units is in the stream's.
    Times(Json, f64),
}

/// What arrived of a distribution.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) count: u64,
    /// What may be said of a quantile: at least, at most.
    pub(super) quantiles: BTreeMap<&'static str, (f64, f64)>,
}

/// The quantiles of a summary.
pub(super) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// Every figure that streams tell of.
pub(super) fn figures(summary: &Json) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, scenario) in summary["scenarios"].as_object().expect("scenarios") {
        let mut at = Adding { figures: &mut figures, labels: vec![("scenario", name.clone())] };
        of_scenario(&mut at, scenario);
    }
    let mut at = Adding { figures: &mut figures, labels: Vec::new() };
    at.times("prony_generator_wakeup_lag_seconds", &summary["generator"]["wakeup_lag_us"], 1e-6);
    assert!(figures.len() > 20, "{figures:#?}");
    figures
}

struct Adding<'a> {
    figures: &'a mut Vec<Figure>,
    labels: Labels,
}

impl Adding<'_> {
    fn count(&mut self, metric: &'static str, more: &[(&'static str, &str)], value: &Json) {
        let value = value.as_f64().unwrap_or_else(|| panic!("{metric}: {value}"));
        let labels = self.labels.iter().cloned();
        let labels = labels.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect();
        self.figures.push(Figure { metric, labels, value: Expected::Count(value) });
    }

    fn times(&mut self, metric: &'static str, value: &Json, unit: f64) {
        if value["count"].as_u64().expect("a count") > 0 {
            let value = Expected::Times(value.clone(), unit);
            self.figures.push(Figure { metric, labels: self.labels.clone(), value });
        }
    }

    fn within(&mut self, labels: &[(&'static str, &str)]) -> Adding<'_> {
        let more = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let labels = self.labels.iter().cloned().chain(more).collect();
        Adding { figures: self.figures, labels }
    }
}

fn entries(value: &Json) -> impl Iterator<Item = (&String, &Json)> {
    value.as_object().into_iter().flatten()
}

fn of_scenario(at: &mut Adding<'_>, scenario: &Json) {
    at.count("prony_starts_due", &[], &scenario["due"]);
    at.count("prony_starts_dropped", &[("reason", "users_busy")], &scenario["dropped"]["total"]);
    at.count("prony_iterations_started", &[], &scenario["iterations"]["started"]);
    for result in ["completed", "failed", "cut"] {
        at.count("prony_iterations", &[("result", result)], &scenario["iterations"][result]);
    }
    for event in ["opened", "closed"] {
        at.count("prony_connections", &[("event", event)], &scenario["connections"][event]);
    }
    at.times("prony_iteration_time_seconds", &scenario["iteration_time_us"], 1e-6);
    at.times("prony_lag_seconds", &scenario["lag_us"], 1e-6);
    for (name, step) in entries(&scenario["steps"]) {
        let protocol = step["protocol"].as_str().expect("a protocol");
        of_step(&mut at.within(&[("step", name), ("protocol", protocol)]), step);
    }
    for (name, delivery) in entries(&scenario["deliveries"]) {
        let protocol = delivery["protocol"].as_str().expect("a protocol");
        let mut at = at.within(&[("step", name), ("protocol", protocol)]);
        at.count("prony_deliveries", &[], &delivery["messages"]);
        at.times("prony_delivery_response_time_seconds", &delivery["response_time_us"], 1e-6);
        at.times("prony_delivery_service_time_seconds", &delivery["service_time_us"], 1e-6);
    }
    for (name, group) in entries(&scenario["groups"]) {
        at.within(&[("group", name)]).times("prony_group_time_seconds", &group["time_us"], 1e-6);
    }
    for (name, own) in entries(&scenario["metrics"]) {
        let mut at = at.within(&[("metric", name), ("unit", own["unit"].as_str().expect("a unit"))]);
        match own["kind"].as_str() {
            Some("counter") => at.count("prony_own", &[], &own["sum"]),
            Some("trend") => at.times("prony_own_trend", own, 1.0),
            _ => {}
        }
    }
    if scenario["guests"].is_object() {
        at.times("prony_guest_time_seconds", &scenario["guests"]["guest_time_us"], 1e-6);
    }
}

fn of_step(at: &mut Adding<'_>, step: &Json) {
    at.count("prony_requests", &[], &step["requests"]);
    for (kind, count) in entries(&step["failures"]["by_kind"]) {
        at.count("prony_request_failures", &[("kind", kind)], count);
    }
    for (status, count) in entries(&step["statuses"]) {
        at.count("prony_request_statuses", &[("status", status)], count);
    }
    for direction in ["sent", "received"] {
        at.count("prony_traffic_bytes", &[("direction", direction)], &step["bytes"][direction]);
    }
    at.times("prony_response_time_seconds", &step["response_time_us"], 1e-6);
    at.times("prony_service_time_seconds", &step["service_time_us"], 1e-6);
    for phase in ["dns", "connect", "tls", "send", "wait", "receive"] {
        let times = &step["phases"][format!("{phase}_us")];
        at.within(&[("phase", phase)]).times("prony_phase_time_seconds", times, 1e-6);
    }
    // A step's own checks; a plugin's have no protocol among their labels.
    for check in step["checks"].as_array().expect("checks") {
        let (evaluated, passed) = (check["evaluated"].as_u64(), check["passed"].as_u64());
        let (evaluated, passed) = (evaluated.expect("a count"), passed.expect("a count"));
        let expression = check["expression"].as_str().expect("a check");
        for (result, count) in [("passed", passed), ("failed", evaluated - passed)] {
            let labels = [("check", expression), ("result", result)];
            at.count("prony_checks", &labels, &count.into());
        }
    }
}

impl Figure {
    /// Holds a count against the summary.
    pub(super) fn counts(&self, arrived: Option<f64>) {
        let Expected::Count(expected) = &self.value else { panic!("no count: {self:?}") };
        let arrived = arrived.unwrap_or_else(|| panic!("nothing arrived of {self:?}"));
        // Sums of plugins' numbers with a fraction may be added in another order.
        let off = (arrived - expected).abs();
        assert!(
            off == 0.0 || expected.fract() != 0.0 && off < expected.abs() * 1e-9,
            "{arrived} of {self:?}"
        );
    }

    /// Holds a distribution against the summary. HDR's own buckets make a thousandth.
    pub(super) fn times(&self, arrived: Option<Arrived>) {
        let Expected::Times(expected, unit) = &self.value else { panic!("no times: {self:?}") };
        let arrived = arrived.unwrap_or_else(|| panic!("nothing arrived of {self:?}"));
        assert_eq!(Some(arrived.count), expected["count"].as_u64(), "{self:?}");
        assert!(!arrived.quantiles.is_empty(), "{self:?}");
        for (name, (least, most)) in &arrived.quantiles {
            let value = expected[*name].as_f64().expect("a figure") * unit;
            let holds = least * 0.998 <= value && value <= most * 1.002;
            assert!(holds, "{name}: {value} is not from {least} to {most}: {self:?}");
        }
    }

    /// Holds whichever it is.
    pub(super) fn hold(
        &self,
        count: impl FnOnce(&Self) -> Option<f64>,
        times: impl FnOnce(&Self) -> Option<Arrived>,
    ) {
        match self.value {
            Expected::Count(_) => self.counts(count(self)),
            Expected::Times(..) => self.times(times(self)),
        }
    }
}

impl Arrived {
    /// From counts below or at ascending bounds. A quantile lies in the first bucket that reaches its rank.
    pub(super) fn from_cumulated(buckets: &[(f64, u64)]) -> Self {
        let count = buckets.last().map_or(0, |last| last.1);
        let quantiles = QUANTILES.into_iter().map(|(name, quantile)| {
            let rank = ((quantile * count as f64).ceil() as u64).max(1);
            let at = buckets.iter().position(|(_, below)| *below >= rank).expect("a bucket");
            (name, (if at == 0 { 0.0 } else { buckets[at - 1].0 }, buckets[at].0))
        });
        Self { count, quantiles: quantiles.collect() }
    }

    /// From quantiles that are told.
    pub(super) fn exactly(count: u64, quantile: impl Fn(&'static str) -> f64) -> Self {
        let quantiles = QUANTILES.into_iter().map(|(name, _)| (name, (quantile(name), quantile(name))));
        Self { count, quantiles: quantiles.collect() }
    }
}
