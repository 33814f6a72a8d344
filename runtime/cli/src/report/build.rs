//! From what the engine measured to a [`Summary`]. Histograms are merged first and read afterwards: no percentile is
//! ever computed from percentiles.

use std::time::Duration;

use indexmap::IndexMap;
use prony_core::{Catalog, FailureKind, Phase, ScenarioId};
use prony_engine::event::GeneratorStats;
use prony_engine::stats::{CheckCount, GroupStats, Latency, ScenarioStats, StepStats};
use prony_engine::threshold::Scope;
use prony_engine::{Ended, Load, RunResult, Span, Statistics, Status, ThresholdResult, Verdict};

use super::summary::{
    Bytes, Check, Connections, Distribution, Dropped, EndedWord, Failures, GeneratorSummary, GroupSummary,
    Host, Iterations, LoadSummary, Measured, PhaseTimes, Reason, RunSummary, ScenarioSummary, Share,
    StatusWord, StepSummary, Summary, ThresholdSummary, Users, VERSION, VerdictSummary,
};
use super::{About, AboutScenario, host, load_text};
use crate::exit;

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
            thresholds: result.thresholds.iter().map(|result| threshold(result, &about.catalog)).collect(),
            run: run(result),
            scenarios: scenarios(about, result),
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

fn threshold(result: &ThresholdResult, catalog: &Catalog) -> ThresholdSummary {
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
    let checks = result.totals.steps.iter().flat_map(|step| &step.checks);
    RunSummary { measured: measured(&total(&result.totals.steps), result.measured), checks: share(checks) }
}

fn scenarios(about: &About, result: &RunResult) -> IndexMap<String, ScenarioSummary> {
    let totals = &result.totals;
    let known = about.catalog.scenarios.iter().zip(&about.scenarios).zip(&totals.scenarios).enumerate();
    known
        .map(|(number, ((name, scenario), stats))| {
            let id = ScenarioId(number as u16);
            (name.clone(), scenario_summary(about, scenario, id, stats, result))
        })
        .collect()
}

fn scenario_summary(
    about: &About,
    scenario: &AboutScenario,
    id: ScenarioId,
    stats: &ScenarioStats,
    result: &RunResult,
) -> ScenarioSummary {
    let (catalog, totals) = (&about.catalog, &result.totals);
    let Span { measured: time, starting } = result.spans.get(usize::from(id.0)).copied().unwrap_or_default();
    let steps: IndexMap<String, StepSummary> = catalog
        .steps
        .iter()
        .zip(&totals.steps)
        .filter(|(entry, _)| entry.scenario == id)
        .map(|(entry, step)| {
            let checks = entry.checks.iter().zip(&step.checks).map(|(expression, count)| Check {
                step: entry.name.clone(),
                expression: expression.clone(),
                share: share([count]),
            });
            let protocol = entry.protocol.to_owned();
            let summary = StepSummary { protocol, measured: measured(step, time), checks: checks.collect() };
            (entry.name.clone(), summary)
        })
        .collect();
    let groups = catalog.groups.iter().zip(&totals.groups).filter(|(entry, _)| entry.scenario == id);
    let notices = result.notices.iter().filter(|(scenario, _)| *scenario == id);
    ScenarioSummary {
        load: LoadSummary {
            model: match scenario.load {
                Load::Open(_) => "open".to_owned(),
                Load::Closed(_) => "closed".to_owned(),
            },
            text: load_text::in_words(scenario),
            max_users: scenario.load.most_users(),
            lasts_us: scenario.load.duration().map(micros),
            start_after_us: micros(scenario.start_after),
            warmup_us: micros(scenario.warmup),
        },
        measured_us: micros(time),
        starting_us: micros(starting),
        due: stats.due,
        iterations: Iterations {
            started: stats.iterations.started,
            completed: stats.iterations.completed,
            failed: stats.iterations.failed,
            cut: stats.iterations.cut,
            warmup: stats.iterations.warmup,
        },
        dropped: Dropped {
            total: stats.dropped.total(),
            by_reason: [("users_busy".to_owned(), stats.dropped.users_busy)].into_iter().collect(),
        },
        users: Users { max: stats.users_most },
        connections: Connections {
            opened: stats.connections.opened,
            closed: stats.connections.closed,
            handshakes_full: stats.connections.handshakes_full,
            handshakes_resumed: stats.connections.handshakes_resumed,
        },
        lag_us: Distribution::of(&stats.lag),
        iteration_time_us: Distribution::of(&stats.iteration_time),
        measured: measured(&total(scenario_steps(catalog, totals, id)), time),
        checks: steps.values().flat_map(|step| step.checks.iter().cloned()).collect(),
        notices: notices.map(|(_, text)| text.clone()).collect(),
        groups: groups.map(|(entry, group)| (entry.name.clone(), group_summary(group))).collect(),
        steps,
    }
}

fn group_summary(group: &GroupStats) -> GroupSummary {
    GroupSummary { count: group.count, failed: group.failed, time_us: Distribution::of(&group.time) }
}

/// The steps of one scenario.
pub(crate) fn scenario_steps<'a>(
    catalog: &'a Catalog,
    statistics: &'a Statistics,
    id: ScenarioId,
) -> impl Iterator<Item = &'a StepStats> {
    catalog
        .steps
        .iter()
        .zip(&statistics.steps)
        .filter(move |(entry, _)| entry.scenario == id)
        .map(|(_, step)| step)
}

/// All requests of some steps; without their checks, which differ from step to step.
pub(crate) fn total<'a>(steps: impl IntoIterator<Item = &'a StepStats>) -> StepStats {
    let mut total = StepStats::new(0);
    steps.into_iter().for_each(|step| total.merge(step));
    total
}

fn measured(step: &StepStats, time: Duration) -> Measured {
    let kinds = FailureKind::ALL.into_iter().zip(step.failures).filter(|(_, count)| *count > 0);
    let status = |status: u16| if status == 0 { "other".to_owned() } else { status.to_string() };
    let phase = |phase: Phase| Distribution::of(&step.phases[phase as usize]);
    let seconds = time.as_secs_f64();
    Measured {
        requests: step.requests,
        requests_per_second: if seconds > 0.0 { rounded(step.requests as f64 / seconds) } else { 0.0 },
        failures: Failures {
            total: step.failed(),
            share: part_of(step.failed(), step.requests),
            by_kind: kinds.map(|(kind, count)| (kind.name().to_owned(), count)).collect(),
        },
        statuses: step.statuses.iter().map(|(code, count)| (status(*code), *count)).collect(),
        response_time_us: Distribution::of(&step.response),
        service_time_us: Distribution::of(&step.service),
        phases: PhaseTimes {
            dns_us: phase(Phase::Dns),
            connect_us: phase(Phase::Connect),
            tls_us: phase(Phase::Tls),
            send_us: phase(Phase::Send),
            wait_us: phase(Phase::Wait),
            receive_us: phase(Phase::Receive),
        },
        bytes: Bytes { sent: step.bytes_sent, received: step.bytes_received },
    }
}

fn share<'a>(checks: impl IntoIterator<Item = &'a CheckCount>) -> Share {
    let mut sum = CheckCount::default();
    for check in checks {
        sum.evaluated += check.evaluated;
        sum.passed += check.passed;
    }
    Share { evaluated: sum.evaluated, passed: sum.passed, share: part_of(sum.passed, sum.evaluated) }
}

fn generator(about: &About, result: &RunResult) -> GeneratorSummary {
    let stats: &GeneratorStats = &result.generator;
    let mut lag = Latency::default();
    let open = about.scenarios.iter().zip(&result.totals.scenarios);
    open.filter(|(scenario, _)| matches!(scenario.load, Load::Open(_)))
        .for_each(|(_, stats)| lag.merge(&stats.lag));
    let requests: u64 = result.totals.steps.iter().map(|step| step.requests).sum();
    let cpu_us = micros(stats.process_cpu);
    let wall = stats.wall.as_secs_f64();
    let shares = |times: &[Duration]| {
        times.iter().map(|time| if wall > 0.0 { rounded(time.as_secs_f64() / wall) } else { 0.0 }).collect()
    };
    GeneratorSummary {
        threads: about.threads,
        pacing: if about.precise { "precise" } else { "normal" }.to_owned(),
        lag_us: Distribution::of(&lag),
        wakeup_lag_us: Distribution::of(&stats.wakeup_lag),
        cpu_us,
        cpu_us_per_request: (requests > 0).then(|| rounded(cpu_us / requests as f64)),
        worker_cpu_share: shares(&stats.worker_cpu),
        worker_waiting_share: shares(&stats.worker_waiting),
        peak_rss_bytes: stats.peak_rss_bytes,
    }
}

impl Distribution {
    /// The figures of a histogram.
    pub(crate) fn of(latency: &Latency) -> Self {
        let quantile = |quantile| latency.quantile(quantile).map(nanos);
        Self {
            count: latency.count(),
            min: latency.min().map(nanos),
            mean: latency.mean().map(|mean| rounded(mean / 1e3)),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: latency.max().map(nanos),
        }
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

fn nanos(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

fn part_of(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64))
}

/// Nine decimals and no more: more would be noise, and a JSON reader gives back exactly what was written.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::super::samples;
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
        let schema = include_str!("../../../../docs/summary.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        let empty = samples::run(0, &[]);
        for sample in [samples::shop(), samples::starved(), empty] {
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
        let mut more = whole;
        more["scenarios"]["browse"]["steps"]["POST /cart"]["surprise"] = true.into();
        assert!(!validator.is_valid(&more));
    }
}
