//! A run made up for tests in which a plugin makes up names, measures, computes and traps.

use std::sync::Arc;
use std::time::Duration;

use prony_core::catalog::{MetricKind, UNKNOWN_PROTOCOL};
use prony_core::{Catalog, GuestEnd, ScenarioId, Timestamp};
use prony_engine::event::WorkerStats;
use prony_engine::stats::CheckCount;
use prony_engine::threshold::Scope;
use prony_engine::{Arrivals, Reason, Statistics, Status, Verdict};

use super::AboutPlugin;
use super::samples::{Sample, Steps, constant, run, threshold};

/// The scenario whose journeys are a plugin's.
const SENSORS: ScenarioId = ScenarioId(1);

/// A shop beside sensors. The plugin of the sensors comes to its names in the sixth second.
pub(crate) fn sensors() -> Sample {
    let browse = Steps { names: &["GET /products"], median_us: 1_200.0, a_second: 20, one_in_fails: 0 };
    let sensors = Steps { names: &[], median_us: 900.0, a_second: 20, one_in_fails: 0 };
    let loads = [
        ("shop", constant(20.0, 10, Arrivals::Uniform), browse),
        ("sensors", constant(20.0, 10, Arrivals::Uniform), sensors),
    ];
    let mut sample = run(10, &loads);
    sample.about.catalog.guest_names[1] = 200;
    sample.about.catalog.add_step(SENSORS, "never come to", UNKNOWN_PROTOCOL, Vec::new()).expect("room");
    sample.about.catalog.add_metric(SENSORS, "ordres", None).expect("room");
    sample.about.plugins = vec![
        plugin("sensors", "sparkplug", "1.2.0"),
        AboutPlugin { scenario: "shop".to_owned(), ..plugin("", "basket", "") },
    ];
    let before = Arc::new(sample.about.catalog.clone());
    let catalog = Arc::new(named(sample.about.catalog.clone()));
    for (second, interval) in sample.intervals.iter_mut().enumerate() {
        interval.catalog = Arc::clone(&before);
        interval.statistics.scenarios[1].guests.memory_now = 12_000_000;
        if second >= 5 {
            let made_up = one_second(&catalog, second as u64);
            interval.statistics.merge(&made_up);
            sample.result.totals.merge(&made_up);
            interval.catalog = Arc::clone(&catalog);
        }
    }
    sample.result.totals.scenarios[1].guests.memory_most = 12_300_000;
    sample.result.catalog = (*catalog).clone();
    sample.result.generator.workers.push(WorkerStats {
        alone: Some(SENSORS),
        cpu: Duration::from_millis(5_500),
        ..WorkerStats::default()
    });
    sample.result.notices = vec![(SENSORS, "the guest trapped: index out of bounds".to_owned())];
    let sensors = Scope::Scenario(SENSORS);
    let mut wrong = threshold("metric ordres.rate > 10/s", Scope::Run, None, "/s", 10.0, false);
    wrong.help = Some("nobody had a metric `ordres`; did you mean `orders`?".to_owned());
    sample.result.thresholds = vec![
        threshold("metric basket.p99 < 80.5", sensors, Some(70.25), "own", 80.5, true),
        threshold("guest.traps == 0", Scope::Run, Some(6.0), "", 0.0, false),
        threshold("guest_time.p99 < 1ms", sensors, Some(52_000.0), "ns", 1e6, true),
        wrong,
    ];
    let reason = |rule, text: &str| Reason { status: Status::Degraded, rule, text: text.to_owned() };
    sample.result.verdict = Verdict {
        status: Status::Degraded,
        reasons: vec![reason(
            "guest",
            "guests of `sensors` were ended 6 times (5 trap, 1 memory), and 15 other users lost an iteration by it: their \
             iterations are cut short in these figures; what the plugin said last is among the scenario's notices",
        )],
    };
    sample
}

fn plugin(scenario: &str, name: &str, version: &str) -> AboutPlugin {
    AboutPlugin {
        scenario: scenario.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        world: "scenario".to_owned(),
        path: format!("./{name}.wasm"),
        sha256: "ab12cd34ef56".repeat(5) + "ab12",
        size_bytes: 123_456,
        ..AboutPlugin::default()
    }
}

/// The names that the plugin makes up.
fn named(mut catalog: Catalog) -> Catalog {
    let step = catalog.step_named(SENSORS, "publish", "mqtt");
    catalog.step_named(SENSORS, "connect", "mqtt").expect("room");
    catalog.group_named(SENSORS, "wake up").expect("room");
    catalog.check_named(SENSORS, step, "acknowledged").expect("room");
    catalog.check_named(SENSORS, None, "awake").expect("room");
    for (name, kind, unit) in [
        ("orders", MetricKind::Counter, ""),
        ("basket", MetricKind::Trend, "EUR"),
        ("queue", MetricKind::Gauge, "messages"),
        ("never given a value", MetricKind::Trend, ""),
    ] {
        catalog.metric_named(SENSORS, name, kind, unit).expect("room");
    }
    catalog
}

fn one_second(catalog: &Catalog, second: u64) -> Statistics {
    let mut statistics = Statistics::new(catalog);
    for step in statistics.steps.iter_mut().skip(2) {
        for request in 1..=20 {
            step.requests += 1;
            step.response.record(request * 100_000);
            step.service.record(request * 90_000);
        }
        step.statuses = vec![(0x83, 20)];
    }
    statistics.groups.iter_mut().for_each(|group| group.count += 20);
    statistics.checks[0] = CheckCount { evaluated: 20, passed: 19 };
    statistics.checks[1] = CheckCount { evaluated: 20, passed: 20 };
    for value in 1..=20_u64 {
        let at = || Timestamp::from_nanos(second * 1_000 + value);
        let value = value as f64;
        let kinds = [
            (1, MetricKind::Counter, 3.0),
            (2, MetricKind::Trend, value * 3.5),
            (3, MetricKind::Gauge, value),
        ];
        for (metric, kind, value) in kinds {
            assert!(statistics.metrics[metric].record(kind, value, at));
        }
    }
    let guests = &mut statistics.scenarios[1].guests;
    for stretch in 1..=20 {
        guests.time.record(stretch * 2_600);
        guests.time_nanos += stretch * 2_600 * 1_000;
    }
    guests.made = 2;
    guests.ended[GuestEnd::Trap as usize] = 1;
    guests.ended[GuestEnd::Memory as usize] = u64::from(second == 7);
    guests.lost_users = 3;
    guests.metrics_dropped = 1;
    statistics
}
