//! A run made up for tests in which devices connect, publish and receive each other's messages.

use std::sync::Arc;
use std::time::Duration;

use prony_core::catalog::{Entries, MetricKind};
use prony_core::{Catalog, ScenarioId, Timestamp};
use prony_engine::Statistics;
use prony_engine::threshold::Scope;

use super::samples::{Sample, Steps, ramped_users, run, threshold};

/// The scenario whose users are devices.
const FLEET: ScenarioId = ScenarioId(0);
const SECONDS: u64 = 10;

/// Devices beside a shop; the messages of one subscription come, by the other none does.
pub(crate) fn fleet() -> Sample {
    let devices = Steps { names: &["connect", "publish"], median_us: 600.0, a_second: 20, one_in_fails: 0 };
    let shop = Steps { names: &["GET /products"], median_us: 900.0, a_second: 10, one_in_fails: 0 };
    let mut sample = run(SECONDS, &[("fleet", ramped_users(5), devices), ("shop", ramped_users(5), shop)]);
    let mut catalog = sample.about.catalog.clone();
    enter(&mut catalog);
    sample.about.catalog = catalog.clone();
    sample.result.catalog = catalog.clone();
    let catalog = Arc::new(catalog);
    for (second, interval) in (0..).zip(&mut sample.intervals) {
        let measured = one_second(&catalog, second);
        interval.statistics.merge(&measured);
        interval.catalog = Arc::clone(&catalog);
        sample.result.totals.merge(&measured);
    }
    sample.result.thresholds = vec![
        threshold("mqtt.lost == 0", Scope::Run, Some(3.0), "own", 0.0, false),
        threshold("mqtt.back_99 < 2s", Scope::Scenario(FLEET), Some(1.25e9), "ns", 2e9, true),
    ];
    sample
}

fn enter(catalog: &mut Catalog) {
    let mut entries = Entries::new(catalog, FLEET);
    entries.delivery("deliver commands/#", "mqtt").expect("room");
    entries.delivery("deliver never", "mqtt").expect("room");
    for (name, kind, unit) in [
        ("mqtt.received_bytes", MetricKind::Counter, "B"),
        ("mqtt.expected", MetricKind::Counter, ""),
        ("mqtt.delivered", MetricKind::Counter, ""),
        ("mqtt.lost", MetricKind::Counter, ""),
        ("mqtt.duplicated", MetricKind::Counter, ""),
        ("mqtt.stray_acks", MetricKind::Counter, ""),
        ("mqtt.back_99", MetricKind::Gauge, "s"),
    ] {
        entries.metric(name, kind, unit).expect("room");
    }
    catalog.steps[0].protocol = "mqtt";
    catalog.steps[1].protocol = "mqtt";
}

fn one_second(catalog: &Catalog, second: u64) -> Statistics {
    let mut statistics = Statistics::new(catalog);
    let commands = &mut statistics.steps[3];
    for message in 1..=50 {
        commands.requests += 1;
        commands.response.record(message * 100_000);
        commands.service.record(message * 40_000);
        commands.bytes_received += 64;
    }
    let at = || Timestamp::from_nanos(second);
    let counted = [(0, 3_200.0), (1, 53.0), (2, 50.0)];
    for (metric, value) in counted {
        assert!(statistics.metrics[metric].record(MetricKind::Counter, value, at));
    }
    if second == SECONDS - 1 {
        assert!(statistics.metrics[3].record(MetricKind::Counter, 3.0, at));
        let back = Duration::from_millis(1_250).as_secs_f64();
        assert!(statistics.metrics[6].record(MetricKind::Gauge, back, at));
    }
    statistics
}
