//! Nothing is lost or doubled between workers, seconds and totals.

use std::sync::{Arc, Mutex};

use prony_core::catalog::Entries;
use prony_core::{
    ConnectionEvent, FailureKind, GroupId, IterationEnd, Marks, MetricId, Outcome, Phase, ScenarioId, StepId,
    Timestamp,
};
use prony_engine::stats::Latency;
use prony_engine::{Control, Event, Statistics};
use proptest::prelude::*;

use crate::stage::{
    assert_adds_up, for_workers, ms, perform, scenario, script, spec, steady, taking, users, watched,
};

/// Every bucket with something in it.
fn buckets(latency: &Latency) -> Vec<(u64, u64)> {
    latency.filled().map_or_else(Vec::new, |histogram| {
        histogram.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
    })
}

#[test]
fn the_histogram_of_all_workers_is_that_of_all_samples() {
    // Journeys record service times they make up, and keep a list of them.
    for_workers(|workers| {
        let samples: Arc<Mutex<Vec<u64>>> = Arc::default();
        let listed = Arc::clone(&samples);
        let invent = script(move |visit| {
            let listed = Arc::clone(&listed);
            async move {
                let mut random = visit.seat.random.clone();
                (0..=visit.start.iteration).for_each(|_| {
                    random.bits();
                });
                let service = random.bits() >> random.below(60);
                let sent = visit.start.intended;
                let outcome = Outcome {
                    sent: Some(sent),
                    finished: Timestamp::from_nanos(sent.as_nanos().saturating_add(service)),
                    ..Outcome::due(sent)
                };
                visit.seat.meter.request(StepId(0), &outcome, Marks::default());
                listed.lock().expect("the list").push(outcome.response_nanos());
                IterationEnd::Complete
            }
        });
        // Longer than a second, so that statistics travel to and fro.
        let result = perform(spec(workers, vec![scenario(steady(2_000.0, ms(1_200), 20), invent)]));
        let mut expected = Latency::default();
        let samples = samples.lock().expect("the list");
        samples.iter().for_each(|sample| expected.record(*sample));
        assert_eq!(samples.len(), 2_400);
        let step = &result.totals.steps[0];
        assert_eq!(buckets(&step.response), buckets(&expected), "{workers} workers");
        assert_eq!(buckets(&step.service), buckets(&expected), "{workers} workers");
    });
}

proptest! {
    #[test]
    fn merging_loses_nothing(parts in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..200), 1..6)) {
        let mut whole = Latency::default();
        let mut merged = Latency::default();
        for part in &parts {
            let mut latency = Latency::default();
            for bits in part {
                // Every magnitude from a nanosecond to beyond the longest latency.
                let value = bits >> (bits % 64);
                latency.record(value);
                whole.record(value);
            }
            merged.merge(&latency);
        }
        prop_assert_eq!(buckets(&merged), buckets(&whole));
        prop_assert_eq!((merged.count(), merged.min(), merged.max()), (whole.count(), whole.min(), whole.max()));
        for quantile in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            prop_assert_eq!(merged.quantile(quantile), whole.quantile(quantile));
        }
    }

    #[test]
    fn a_latency_has_three_digits(nanoseconds in 1_u64..3_600_000_000_000) {
        let mut latency = Latency::default();
        latency.record(nanoseconds);
        let seen = latency.quantile(0.5).expect("a sample");
        prop_assert!(seen.abs_diff(nanoseconds) as f64 <= nanoseconds as f64 * 0.001, "{} for {}", seen, nanoseconds);
    }
}

fn sum(intervals: &[Statistics]) -> Statistics {
    let mut sum = intervals[0].clone();
    intervals[1..].iter().for_each(|statistics| sum.merge(statistics));
    sum
}

fn intervals(events: &[Event]) -> Vec<Statistics> {
    let statistics = events.iter().filter_map(|event| match event {
        Event::Interval(interval) => Some(interval.statistics.clone()),
        _ => None,
    });
    statistics.collect()
}

#[test]
fn the_seconds_add_up_to_the_run() {
    let everything = script(|visit| async move {
        let (meter, now) = (&visit.seat.meter, visit.seat.clock.now());
        let odd = visit.start.iteration % 2 == 1;
        let mut outcome = Outcome {
            sent: Some(now),
            finished: now,
            status: Some(if odd { 500 } else { 200 }),
            failure: odd.then_some(FailureKind::StatusServer),
            ..Outcome::due(visit.start.intended)
        };
        outcome.traffic.sent = 10;
        outcome.traffic.received = 20;
        outcome.phases.set(Phase::Wait, 1_000);
        meter.request(StepId(0), &outcome, Marks::default());
        meter.group(GroupId(0), visit.start.intended, now, odd);
        meter.connection(visit.seat.scenario, ConnectionEvent::Opened);
        IterationEnd::Complete
    });
    let load = steady(1_000.0, ms(2_500), 20);
    let (result, events) = watched(spec(2, vec![scenario(load, everything)]), &Control::new());
    assert_adds_up(&result, 0);
    let intervals = intervals(&events);
    assert!(intervals.len() >= 2, "{} intervals", intervals.len());
    for (number, told) in [sum(&intervals), result.totals].iter().enumerate() {
        let (step, scenario) = (&told.steps[0], &told.scenarios[0]);
        assert_eq!(step.requests, 2_500, "{number}");
        assert_eq!((scenario.due, scenario.iterations.completed), (2_500, 2_500), "{number}");
        assert_eq!(step.failed(), step.failures[FailureKind::StatusServer as usize]);
        assert_eq!(step.statuses.iter().map(|(_, count)| count).sum::<u64>(), 2_500);
        assert_eq!(step.statuses.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 500]);
        assert_eq!((step.bytes_sent, step.bytes_received), (25_000, 50_000));
        assert_eq!(buckets(&step.phases[Phase::Wait as usize]), [(1_000, 2_500)]);
        assert_eq!(told.groups[0].count, 2_500);
        assert_eq!(told.groups[0].failed, step.failed());
        assert_eq!(scenario.connections.opened, 2_500);
    }
}

#[test]
fn users_are_counted_once_however_reports_fall() {
    // The load ends just after a full second, so that a worker's last two reports fall into one interval.
    for_workers(|workers| {
        let load = users(6, ms(1_000));
        let (result, events) = watched(spec(workers, vec![scenario(load, taking(ms(7)))]), &Control::new());
        assert_eq!(result.totals.scenarios[0].users_most, 6, "{workers} workers");
        for statistics in intervals(&events) {
            let stats = &statistics.scenarios[0];
            assert!(stats.users_now <= 6 && stats.users_most <= 6, "{stats:?}");
        }
        assert_adds_up(&result, 0);
    });
}

#[test]
fn a_level_is_what_all_workers_users_hold_in_every_second() {
    for_workers(|workers| {
        // Each of ten users takes hold of something in its first iteration, in the warm-up, and lets go of it after the load's end.
        let held: Arc<Mutex<[u32; 3]>> = Arc::default();
        let holding = script(move |visit| {
            let held = Arc::clone(&held);
            async move {
                let tell = |held: &mut u32, more: bool| {
                    *held = if more { *held + 1 } else { *held - 1 };
                    visit.seat.meter.metric(MetricId(0), visit.seat.clock.now(), f64::from(*held));
                };
                let worker = usize::try_from(visit.seat.worker).expect("few");
                tell(&mut held.lock().expect("the count")[worker], true);
                visit.start.wanted.over(visit.seat.clock, tokio::time::sleep).await;
                tell(&mut held.lock().expect("the count")[worker], false);
                IterationEnd::Complete
            }
        });
        let mut scenario = scenario(users(10, ms(2_200)), holding);
        scenario.warmup = ms(500);
        let mut spec = spec(workers, vec![scenario]);
        let mut entries = Entries::new(&mut spec.catalog, ScenarioId(0));
        assert_eq!(entries.level("test.held").expect("room"), MetricId(0));
        let (result, events) = watched(spec, &Control::new());
        let level = |told: &Statistics| (told.metrics[0].last.map(|(_, held)| held), told.metrics[0].max);
        assert_eq!(level(&result.totals), (Some(10.0), Some(10.0)), "{workers} workers");
        // A report that comes late is in the next interval; it is in every other second of the load.
        let told: Vec<_> = intervals(&events).iter().map(level).filter(|(held, _)| held.is_some()).collect();
        assert!(told.len() >= 2, "{workers} workers: {told:?}");
        assert!(told.iter().all(|(held, most)| *held <= Some(10.0) && *most <= Some(10.0)), "{told:?}");
        assert_eq!(told.last(), Some(&(Some(10.0), Some(10.0))), "{workers} workers: {told:?}");
    });
}

#[test]
fn what_happens_after_the_last_report_hurts_nobody() {
    // A connection's own task outlives its user and has something to say when it is dropped with the worker's runtime.
    struct Farewell(crate::stage::Visit);
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.seat.meter.connection(self.0.seat.scenario, ConnectionEvent::Closed);
            self.0.answered(self.0.start.intended);
        }
    }
    let leaving = script(|visit| async move {
        let farewell = Farewell(visit);
        tokio::spawn(async move {
            let _farewell = farewell;
            std::future::pending::<()>().await;
        });
        IterationEnd::Complete
    });
    let result = perform(spec(1, vec![scenario(crate::stage::each(2, 1), leaving)]));
    assert_eq!(result.ended, prony_engine::Ended::Finished);
    assert_eq!(result.totals.scenarios[0].iterations.completed, 2);
}
