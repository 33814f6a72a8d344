//! From what the engine measured to a [`Summary`]. Histograms are merged first and read afterwards: no percentile is
//! ever computed from percentiles.

mod generator;
mod guest;
mod measured;
mod scenario;
mod slowest;

pub(crate) use guest::metrics;
pub(crate) use measured::{
    failures_by_kind, micros, rounded, scenario_deliveries, scenario_steps, share, total,
};
pub(crate) use scenario::deliveries;

use prony_core::{Catalog, ScenarioId};
use prony_engine::threshold::Scope;
use prony_engine::{Ended, RunResult, Status, ThresholdResult, Verdict};

use super::summary::{
    EndedWord, Host, Reason, RunSummary, StatusWord, Summary, ThresholdSummary, VERSION, VerdictSummary,
};
use super::{About, host};
use crate::exit;
use generator::generator;
use measured::measured;
use scenario::scenarios;
use slowest::{slowest, traces};

impl Summary {
    /// The summary of a finished run.
    #[must_use]
    pub fn new(about: &About, result: &RunResult) -> Self {
        let (ended, ended_because) = match &result.ended {
            Ended::Finished => (EndedWord::Finished, None),
            Ended::Aborted(expression) => (EndedWord::Aborted, Some(expression.clone())),
            Ended::Interrupted => (EndedWord::Interrupted, None),
            Ended::Failed(text) => (EndedWord::Failed, Some(text.clone())),
        };
        let mut summary = Self {
            version: VERSION,
            prony: env!("CARGO_PKG_VERSION").to_owned(),
            plan: about.plan.clone(),
            seed: about.seed,
            started: host::rfc3339(result.started),
            lasted_us: micros(result.lasted),
            ended,
            ended_because,
            passed: false,
            targets: about.targets.clone(),
            verdict: verdict(&result.verdict),
            thresholds: result.thresholds.iter().map(|one| threshold(one, &result.catalog)).collect(),
            changes: result.changes.iter().map(Into::into).collect(),
            run: run(result),
            scenarios: scenarios(about, result),
            slowest: slowest(result),
            traces: result.traces.map(traces),
            plugins: about.plugins.clone(),
            generator: generator(about, result),
            host: Host::here(),
        };
        summary.passed = summary.exit_code() == exit::PASSED;
        summary
    }
}

fn verdict(verdict: &Verdict) -> VerdictSummary {
    let word = |status| match status {
        Status::Valid => StatusWord::Valid,
        Status::Degraded => StatusWord::Degraded,
        Status::Invalid => StatusWord::Invalid,
    };
    let reasons = verdict.reasons.iter().map(|reason| Reason {
        status: word(reason.status),
        rule: reason.rule.to_owned(),
        text: reason.text.clone(),
    });
    VerdictSummary { status: word(verdict.status), reasons: reasons.collect() }
}

/// How a threshold came out, or stands.
pub(crate) fn threshold(result: &ThresholdResult, catalog: &Catalog) -> ThresholdSummary {
    // People read times in microseconds here as everywhere in the summary.
    let (unit, scale) = match result.unit {
        "ns" => ("us", 1e-3),
        "" => ("count", 1.0),
        unit => (unit, 1.0),
    };
    ThresholdSummary {
        expression: result.expression.clone(),
        scope: scope(result.scope, catalog),
        value: result.value.map(|value| rounded(value * scale)),
        unit: unit.to_owned(),
        bound: rounded(result.bound * scale),
        passed: result.passed,
        help: result.help.clone(),
    }
}

fn scope(scope: Scope, catalog: &Catalog) -> String {
    match scope {
        Scope::Run => "run".to_owned(),
        Scope::Scenario(scenario) => scenario_name(scenario, catalog).to_owned(),
        Scope::Step(step) => match catalog.steps.get(usize::from(step.0)) {
            Some(step) => format!("{} / {}", scenario_name(step.scenario, catalog), step.name),
            None => String::new(),
        },
    }
}

fn scenario_name(scenario: ScenarioId, catalog: &Catalog) -> &str {
    catalog.scenarios.get(usize::from(scenario.0)).map_or("", String::as_str)
}

fn run(result: &RunResult) -> RunSummary {
    RunSummary {
        measured: measured(&total(result.totals.request_steps()), result.measured),
        checks: share(result.totals.all_checks()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prony_engine::Span;
    use prony_engine::stats::Latency;

    use super::super::samples;
    use super::super::samples_of_devices::fleet;
    use super::super::samples_of_guests::sensors;
    use super::super::summary::{Distribution, Measured};
    use super::*;

    #[test]
    fn totals_are_the_sums_of_their_parts() {
        let sample = samples::shop();
        let summary = Summary::new(&sample.about, &sample.result);
        let sum = |pick: fn(&Measured) -> u64| -> [u64; 3] {
            let steps = summary.scenarios.values().flat_map(|scenario| scenario.steps.values());
            [
                pick(&summary.run.measured),
                summary.scenarios.values().map(|scenario| pick(&scenario.measured)).sum(),
                steps.map(|step| pick(&step.measured)).sum(),
            ]
        };
        let figures: [fn(&Measured) -> u64; 8] = [
            |measured| measured.requests,
            |measured| measured.failures.total,
            |measured| measured.failures.by_kind.values().sum(),
            |measured| measured.statuses.values().sum(),
            |measured| measured.response_time_us.count,
            |measured| measured.service_time_us.count,
            |measured| measured.phases.wait_us.count,
            |measured| measured.bytes.received,
        ];
        for (number, figure) in figures.into_iter().enumerate() {
            let [run, scenarios, steps] = sum(figure);
            assert!(run > 0, "{number}");
            assert_eq!((run, run), (scenarios, steps), "{number}");
        }
        let checks = summary.scenarios.values().flat_map(|scenario| &scenario.checks);
        assert_eq!(summary.run.checks.passed, checks.map(|check| check.share.passed).sum::<u64>());
    }

    #[test]
    fn percentiles_come_from_merged_histograms_and_not_from_percentiles() {
        let sample = samples::shop();
        let summary = Summary::new(&sample.about, &sample.result);
        let mut merged = Latency::default();
        sample.result.totals.steps.iter().for_each(|step| merged.merge(&step.response));
        assert_eq!(summary.run.measured.response_time_us, Distribution::of(&merged));
        let per_step: Vec<f64> = summary
            .scenarios
            .values()
            .flat_map(|scenario| scenario.steps.values())
            .filter_map(|step| step.measured.response_time_us.p50)
            .collect();
        let average = per_step.iter().sum::<f64>() / per_step.len() as f64;
        let p50 = summary.run.measured.response_time_us.p50.expect("requests");
        assert!((p50 - average).abs() > average * 0.05, "the sample cannot tell them apart: {p50} {average}");
    }

    #[test]
    fn rates_are_over_the_time_that_was_measured() {
        let mut sample = samples::shop();
        let seconds = Duration::from_secs;
        sample.result.spans = vec![
            Span { measured: seconds(5), starting: seconds(5) },
            Span { measured: seconds(10), starting: seconds(10) },
        ];
        sample.result.measured = seconds(40);
        let summary = Summary::new(&sample.about, &sample.result);
        let rate = |name: &str| summary.scenarios[name].measured.requests_per_second;
        assert_eq!((rate("browse"), rate("buy")), (2_000.0 / 5.0, 800.0 / 10.0));
        assert_eq!(summary.run.measured.requests_per_second, 2_800.0 / 40.0);
    }

    #[test]
    fn the_published_schema_describes_what_is_written() {
        let schema = include_str!("../../../../../docs/summary.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        let empty = samples::run(0, &[]);
        for sample in [
            samples::shop(),
            samples::traced(),
            samples::starved(),
            samples::steered(),
            sensors(),
            fleet(),
            empty,
        ] {
            let value = serde_json::to_value(Summary::new(&sample.about, &sample.result)).expect("JSON");
            let mistakes: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert_eq!(mistakes, Vec::<String>::new());
        }
        // Neither a lost key nor an unknown one passes.
        let sample = samples::shop();
        let whole = serde_json::to_value(Summary::new(&sample.about, &sample.result)).expect("JSON");
        let keys: Vec<String> = whole.as_object().expect("an object").keys().cloned().collect();
        for key in &keys {
            let mut less = whole.clone();
            less.as_object_mut().expect("an object").shift_remove(key);
            assert!(!validator.is_valid(&less), "{key}");
        }
        let sample = sensors();
        let mut typo = serde_json::to_value(Summary::new(&sample.about, &sample.result)).expect("JSON");
        typo["scenarios"]["sensors"]["metrics"]["basket"]["median"] = 7.into();
        assert!(!validator.is_valid(&typo));
        let mut more = whole;
        more["scenarios"]["browse"]["steps"]["POST /cart"]["surprise"] = true.into();
        assert!(!validator.is_valid(&more));
    }

    #[test]
    fn messages_that_came_are_in_no_figure_of_requests() {
        let sample = fleet();
        let summary = Summary::new(&sample.about, &sample.result);
        let fleet = &summary.scenarios["fleet"];
        assert_eq!(fleet.steps.keys().collect::<Vec<_>>(), ["connect", "publish"]);
        assert_eq!((fleet.measured.requests, summary.run.measured.requests), (400, 500));
        assert_eq!(fleet.measured.bytes.received, 400 * 1_420, "nor are their bytes");
        let [(name, came), (_, none)] = fleet.deliveries.iter().collect::<Vec<_>>()[..] else {
            unreachable!("{:?}", fleet.deliveries)
        };
        assert_eq!((name.as_str(), came.protocol.as_str()), ("deliver commands/#", "mqtt"));
        assert_eq!((came.messages, came.messages_per_second, came.bytes_received), (500, 50.0, 32_000));
        assert!(came.response_time_us.max.is_some_and(|max| max >= 5_000.0), "{came:?}");
        assert!(came.response_time_us.p50 > came.service_time_us.p50);
        assert_eq!((none.messages, none.response_time_us.count), (0, 0));
        assert!(summary.scenarios["shop"].deliveries.is_empty());
        assert_eq!(fleet.metrics["mqtt.duplicated"].sum, Some(0.0), "what nobody counted is nothing");
        assert_eq!(fleet.metrics["mqtt.back_99"].last, Some(1.25));
    }

    #[test]
    fn what_plugins_measured_stands_under_their_names() {
        let sample = sensors();
        let summary = Summary::new(&sample.about, &sample.result);
        let (shop, sensors) = (&summary.scenarios["shop"], &summary.scenarios["sensors"]);
        assert!(shop.metrics.is_empty() && shop.guests.is_none());
        let names: Vec<&String> = sensors.metrics.keys().collect();
        assert_eq!(
            names,
            ["orders", "basket", "queue", "never given a value"],
            "not what only a threshold knows"
        );
        let (orders, basket, queue) =
            (&sensors.metrics["orders"], &sensors.metrics["basket"], &sensors.metrics["queue"]);
        assert_eq!((orders.count, orders.sum, orders.per_second), (100, Some(300.0), Some(30.0)));
        assert_eq!((queue.last, queue.min, queue.max, queue.mean), (Some(20.0), Some(1.0), Some(20.0), None));
        assert_eq!((basket.kind.as_str(), basket.unit.as_str(), basket.count), ("trend", "EUR", 100));
        assert_eq!((basket.min, basket.max, basket.last, basket.sum), (Some(3.5), Some(70.0), None, None));
        assert_eq!(basket.mean, Some(36.75));
        assert!(basket.p50.is_some_and(|p50| (p50 - 35.0).abs() < 0.05), "{basket:?}");
        let checks: Vec<(&str, &str, u64)> = sensors
            .checks
            .iter()
            .map(|check| (check.step.as_str(), check.expression.as_str(), check.share.passed))
            .collect();
        assert_eq!(checks, [("publish", "acknowledged", 95), ("", "awake", 100)]);
        assert_eq!(sensors.steps["publish"].checks, [sensors.checks[0].clone()]);
        let checks = summary.scenarios.values().flat_map(|scenario| &scenario.checks);
        assert_eq!(summary.run.checks.passed, checks.map(|check| check.share.passed).sum::<u64>());
        let guests = sensors.guests.as_ref().expect("guests");
        assert_eq!((guests.ended.total, guests.ended.by_reason["memory"], guests.lost_users), (6, 1, 15));
        // 2,730 ms of the 5,500 ms of the one worker that is the sensors' alone.
        assert_eq!(guests.share_of_cpu, Some(rounded(2_730.0 / 5_500.0)));
        assert_eq!(summary.generator.worker_scenarios, [None, None, Some("sensors".to_owned())]);
        assert_eq!(summary.generator.guest_time_us, guests.guest_time_us);
        assert_eq!(summary.plugins, sample.about.plugins);
    }
}
