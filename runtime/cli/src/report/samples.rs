//! Runs made up for tests: real statistics with figures drawn from a fixed sequence.

use std::sync::Arc;
use std::time::Duration;

use prony_core::units::PerSecond;
use prony_core::{Catalog, FailureKind, Marks, Outcome, Phase, Random, ScenarioId, Timestamp, Trace};
use prony_engine::event::{GeneratorStats, Interval, WorkerStats};
use prony_engine::stats::{CheckCount, Latency};
use prony_engine::threshold::Scope;
use prony_engine::traces::{Sampled, Traces};
use prony_engine::{
    Action, Arrivals, Change, ClosedLoad, Course, Ended, Event, Load, OpenLoad, Origin, RateStage, Reason,
    RunResult, Span, Starts, Statistics, Status, ThresholdResult, UserStage, Verdict,
};

use super::{About, AboutScenario};

/// A made-up run, second by second and as a whole.
pub(crate) struct Sample {
    pub(crate) about: About,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) result: RunResult,
}

/// The names of some steps and what the steps answer with.
pub(crate) struct Steps<'a> {
    pub(crate) names: &'a [&'a str],
    /// The median response time in microseconds.
    pub(crate) median_us: f64,
    pub(crate) a_second: u64,
    /// One request in so many fails; 0 is none.
    pub(crate) one_in_fails: u64,
}

/// Numbers that look drawn and are always the same: the 64-bit linear congruential generator of Knuth's MMIX.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A latency with a long tail around `median_us`, in nanoseconds.
    fn latency(&mut self, median_us: f64) -> u64 {
        let spread = (self.next() + self.next() + self.next() + self.next() - 2.0) * 1.2;
        let tail = if self.next() < 0.01 { 4.0 } else { 1.0 };
        (median_us * 1e3 * spread.exp() * tail) as u64
    }
}

pub(crate) fn constant(rate: f64, seconds: u64, arrivals: Arrivals) -> Load {
    let rate = PerSecond::new(rate).expect("a rate");
    let stages = vec![RateStage { from: rate, to: rate, over: Duration::from_secs(seconds) }];
    Load::Open(OpenLoad { starts: Starts::Rate { stages, arrivals }, max_users: 200 })
}

pub(crate) fn ramped_users(seconds: u64) -> Load {
    let over = Duration::from_secs(seconds);
    Load::Closed(ClosedLoad::Stages(vec![UserStage { users: 50, over }, UserStage { users: 50, over }]))
}

/// A run of `seconds` with one scenario for each of `scenarios`, whose first step has two checks and all of whose steps
/// are one group.
pub(crate) fn run(seconds: u64, scenarios: &[(&str, Load, Steps<'_>)]) -> Sample {
    let mut catalog = Catalog::default();
    for (name, _, steps) in scenarios {
        let id = catalog.add_scenario(*name).expect("room");
        for (number, step) in steps.names.iter().enumerate() {
            let checks = if number == 0 {
                vec!["status == 200".to_owned(), "time < 200ms".to_owned()]
            } else {
                vec![]
            };
            catalog.add_step(id, step, "http", checks).expect("room");
        }
        if steps.names.len() > 1 {
            catalog.add_group(id, "journey").expect("room");
        }
    }
    let about = About {
        plan: "shop".to_owned(),
        seed: 42,
        threads: 2,
        precise: false,
        targets: vec!["https://shop.test:8443".to_owned()],
        scenarios: scenarios
            .iter()
            .map(|(_, load, _)| AboutScenario {
                load: load.clone(),
                start_after: Duration::ZERO,
                warmup: Duration::ZERO,
            })
            .collect(),
        plugins: Vec::new(),
        catalog,
    };
    let mut draw = Draw(7);
    let mut totals = Statistics::new(&about.catalog);
    let mut generator = quiet(0, &mut draw);
    let catalog = Arc::new(about.catalog.clone());
    let intervals: Vec<Interval> = (0..seconds)
        .map(|second| {
            let statistics = one_second(&about.catalog, scenarios, &mut draw);
            totals.merge(&statistics);
            let stats = quiet(1_000, &mut draw);
            for (worker, second) in generator.workers.iter_mut().zip(&stats.workers) {
                worker.wakeup_lag.merge(&second.wakeup_lag);
            }
            Interval {
                begin: Timestamp::default(),
                from: Duration::from_secs(second),
                to: Duration::from_secs(second + 1),
                catalog: Arc::clone(&catalog),
                statistics,
                generator: stats,
                traces: Traces::default(),
            }
        })
        .collect();
    let wall = Duration::from_secs(seconds);
    totals.scenarios.iter_mut().for_each(|scenario| scenario.users_most = 37);
    let shares = [(0.31, 0.001), (0.284, 0.002)];
    for (worker, (cpu, waiting)) in generator.workers.iter_mut().zip(shares) {
        (worker.cpu, worker.waiting) = (wall.mul_f64(cpu), wall.mul_f64(waiting));
    }
    let generator = GeneratorStats { process_cpu: wall.mul_f64(0.61), wall, ..generator };
    let result = RunResult {
        ended: Ended::Finished,
        started: Duration::from_millis(1_795_442_531_250),
        begin: Timestamp::default(),
        traces: None,
        lasted: wall,
        catalog: about.catalog.clone(),
        totals,
        generator,
        thresholds: Vec::new(),
        spans: scenarios.iter().map(|_| Span { measured: wall, starting: wall }).collect(),
        measured: wall,
        notices: Vec::new(),
        changes: Vec::new(),
        verdict: Verdict { status: Status::Valid, reasons: Vec::new() },
    };
    Sample { about, intervals, result }
}

/// The shop, somebody having paused it, gone on with more load, and stopped it.
pub(crate) fn steered() -> Sample {
    let mut sample = shop();
    let mut course = Course::default();
    let changes = [
        (2_300, Action::Pause, Origin::Terminal),
        (4_700, Action::Load(150), Origin::Web),
        (5_100, Action::Resume, Origin::Web),
        (9_000, Action::Stop, Origin::Terminal),
    ];
    for (millis, action, origin) in changes {
        let (at, plan_at) = course.turn(Duration::from_millis(millis), action).expect("a change");
        sample.result.changes.push(Change { at, plan_at, action, origin });
    }
    sample
}

fn quiet(millis: u64, draw: &mut Draw) -> GeneratorStats {
    let mut wakeup_lag = Latency::default();
    (0..millis / 10).for_each(|_| wakeup_lag.record(draw.latency(60.0)));
    let worker = |wakeup_lag| WorkerStats {
        alone: None,
        wakeup_lag,
        cpu: Duration::from_millis(millis * 3 / 10),
        waiting: Duration::from_millis(millis / 1_000),
    };
    GeneratorStats {
        workers: vec![worker(wakeup_lag), worker(Latency::default())],
        process_cpu: Duration::from_millis(millis * 6 / 10),
        wall: Duration::from_millis(millis),
        peak_rss_bytes: 18_300_000,
    }
}

fn one_second(catalog: &Catalog, scenarios: &[(&str, Load, Steps<'_>)], draw: &mut Draw) -> Statistics {
    let mut statistics = Statistics::new(catalog);
    for (number, (_, _, steps)) in scenarios.iter().enumerate() {
        let id = ScenarioId(number as u16);
        let scenario = &mut statistics.scenarios[number];
        scenario.due = steps.a_second;
        scenario.iterations.started = steps.a_second;
        scenario.iterations.completed = steps.a_second;
        scenario.users_now = 12;
        scenario.connections.opened = 1;
        scenario.connections.handshakes_full = 1;
        for _ in 0..steps.a_second {
            scenario.lag.record(draw.latency(40.0));
            scenario.iteration_time.record(draw.latency(steps.median_us * steps.names.len().max(1) as f64));
        }
        let own = catalog.steps.iter().zip(&mut statistics.steps).filter(|(entry, _)| entry.scenario == id);
        for (entry, step) in own {
            for request in 0..steps.a_second {
                let response = draw.latency(steps.median_us);
                step.requests += 1;
                step.response.record(response);
                step.service.record(response * 9 / 10);
                step.phases[Phase::Send as usize].record(9_000);
                step.phases[Phase::Wait as usize].record(response * 8 / 10);
                step.phases[Phase::Receive as usize].record(response / 20);
                step.bytes_sent += 180;
                step.bytes_received += 1_420;
                if steps.one_in_fails > 0 && request % steps.one_in_fails == 0 {
                    step.failures[FailureKind::Timeout as usize] += 1;
                }
            }
            step.statuses = vec![(200, steps.a_second)];
            for check in &mut step.checks {
                *check = CheckCount { evaluated: steps.a_second, passed: steps.a_second };
            }
            if entry.checks.len() > 1 && steps.a_second > 0 {
                step.checks[1].passed -= 1;
            }
        }
        for (_, group) in
            catalog.groups.iter().zip(&mut statistics.groups).filter(|(entry, _)| entry.scenario == id)
        {
            for _ in 0..steps.a_second {
                group.count += 1;
                group.time.record(draw.latency(steps.median_us * 2.0));
            }
        }
    }
    statistics
}

/// The everyday run: an open and a closed scenario of a shop, two thresholds that held and one that did not.
pub(crate) fn shop() -> Sample {
    let browse = Steps {
        names: &["GET /products", "GET /products/{id}", "POST /cart", "GET /cart"],
        median_us: 1_200.0,
        a_second: 50,
        one_in_fails: 0,
    };
    let buy = Steps {
        names: &[
            "GET /login",
            "POST /orders",
            "GET /a/rather/long/path/to/the/orders/of/{user}/and/{id}",
            "GET /bye",
        ],
        median_us: 8_400.0,
        a_second: 20,
        one_in_fails: 20,
    };
    let mut sample =
        run(10, &[("browse", constant(50.0, 10, Arrivals::Poisson), browse), ("buy", ramped_users(5), buy)]);
    sample.result.thresholds = vec![
        threshold("response_time.p99 < 500ms", Scope::Run, Some(46_200_000.0), "ns", 500_000_000.0, true),
        threshold("failures.rate < 0.1%", Scope::Scenario(ScenarioId(1)), Some(0.05), "share", 0.001, false),
        threshold(
            "never response_time.p99 > 2s over 5s",
            Scope::Step(prony_core::StepId(2)),
            None,
            "ns",
            2e9,
            true,
        ),
    ];
    sample
}

/// The same with traces: three requests of the first step are told apart, one of them cut off.
pub(crate) fn traced() -> Sample {
    let mut sample = shop();
    let mut random = Random::new(1, 2, 3);
    let milliseconds = |number: u64| Timestamp::from_nanos(number * 1_000_000);
    for (number, (took, failure)) in
        [(900, None), (2_500, Some(FailureKind::Timeout)), (9_000, Some(FailureKind::Cut))]
            .into_iter()
            .enumerate()
    {
        let due = milliseconds(1_000 * number as u64);
        let outcome = Outcome {
            sent: failure.is_none().then_some(due),
            finished: due + Duration::from_millis(took),
            status: failure.is_none().then_some(200),
            failure,
            ..Outcome::due(due).traced(Some(Trace::new(&mut random, number == 0).request(1)))
        };
        sample.result.totals.steps[0].record(&outcome, Marks::default());
    }
    sample.result.traces = Some(Sampled { iterations: 1, requests: 1_234, lost: 5 });
    sample
}

pub(crate) fn threshold(
    expression: &str,
    scope: Scope,
    value: Option<f64>,
    unit: &'static str,
    bound: f64,
    passed: bool,
) -> ThresholdResult {
    ThresholdResult { expression: expression.to_owned(), scope, value, unit, bound, passed, help: None }
}

/// The same run, found INVALID.
pub(crate) fn starved() -> Sample {
    let mut sample = shop();
    sample.result.totals.scenarios[0].iterations.started -= 13;
    sample.result.totals.scenarios[0].dropped.users_busy = 13;
    let reason = |status, rule, text: &str| Reason { status, rule, text: text.to_owned() };
    sample.result.verdict = Verdict {
        status: Status::Invalid,
        reasons: vec![
            reason(
                Status::Degraded,
                "dropped",
                "13 of 500 starts found every user busy and were dropped: the load asked for was not applied; raise \
                 `max_users`, or take it that the target does not keep up",
            ),
            reason(
                Status::Invalid,
                "starved",
                "a worker was ready and had no core for 31 % of the time, at most 5 % is fine; stop what else runs \
                 here, or use fewer `--threads`",
            ),
        ],
    };
    sample
}

/// Events as the engine tells them.
pub(crate) fn events(sample: &Sample) -> impl Iterator<Item = Event> {
    let mut changes = sample.result.changes.iter().peekable();
    sample.intervals.iter().flat_map(move |interval| {
        let mut events = Vec::new();
        while let Some(change) = changes.next_if(|change| change.at < interval.to) {
            events.push(Event::Changed(*change));
        }
        events.push(Event::Interval(Arc::new(interval.clone())));
        events
    })
}
