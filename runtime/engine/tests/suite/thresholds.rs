//! Thresholds over the run and over a sliding window, and what they do to a run.

use std::time::Duration;

use prony_core::catalog::{Entries, MetricKind};
use prony_core::{FailureKind, IterationEnd, Marks, MetricId, Outcome, ScenarioId, StepId};
use prony_engine::threshold::{Scope, Sense};
use prony_engine::{Control, Ended, Event, RunSpec, ScenarioSpec, Threshold};

use crate::stage::{
    each, immediate, ms, perform, scenario, script, spec, steady, taking, threshold, users, watched,
};

fn judged(thresholds: Vec<Threshold>, mut run: RunSpec) -> Vec<(Option<f64>, bool)> {
    run.thresholds = thresholds;
    perform(run).thresholds.iter().map(|result| (result.value, result.passed)).collect()
}

/// A tenth of the requests fails.
fn a_tenth_fails() -> crate::stage::Script {
    script(|visit| async move {
        let failure = (visit.start.iteration % 10 == 0).then_some(FailureKind::Timeout);
        visit.ended(visit.start.intended, visit.seat.clock.now(), failure);
        IterationEnd::Complete
    })
}

#[test]
fn figures_over_the_run_are_judged_at_its_end() {
    let load = crate::stage::each(5, 20);
    let results = judged(
        [
            "requests.count == 100",
            "requests.count == 99",
            "failures.count == 10",
            "failures.timeout == 10",
            "failures.reset == 0",
            "failures.rate <= 10%",
            "failures.rate < 10%",
            "iterations.count == 100",
            "dropped.count == 0",
            "response_time.p99 < 60s",
            "response_time.min > 60s",
            "checks.rate > 0.5",
        ]
        .map(threshold)
        .to_vec(),
        spec(2, vec![scenario(load, a_tenth_fails())]),
    );
    let passed: Vec<bool> = results.iter().map(|result| result.1).collect();
    assert_eq!(passed, [true, false, true, true, true, true, false, true, true, true, false, false]);
    assert_eq!(results[11].0, None, "no checks, nothing to look at");
}

#[test]
fn a_scope_looks_at_its_scenario_only() {
    let load = || crate::stage::each(2, 5);
    let scoped =
        |number| Threshold { scope: Scope::Scenario(ScenarioId(number)), ..threshold("failures.count == 0") };
    let failing = script(|visit| async move {
        visit.ended(visit.start.intended, visit.seat.clock.now(), Some(FailureKind::Reset));
        IterationEnd::Complete
    });
    let run = spec(2, vec![scenario(load(), immediate()), scenario(load(), failing)]);
    assert_eq!(judged(vec![scoped(0), scoped(1)], run), [(Some(0.0), true), (Some(10.0), false)]);
}

#[test]
fn a_threshold_that_aborts_ends_the_run_early() {
    let aborting = Threshold { abort: true, ..threshold("failures.rate < 5%") };
    let mut run = spec(2, vec![scenario(users(2, ms(600_000)), a_tenth_fails())]);
    // Failures at the tenth of a busy loop: let the users breathe.
    run.scenarios[0].iteration_every = Some(ms(2));
    run.thresholds = vec![aborting];
    let (result, events) = watched(run, &Control::new());
    assert_eq!(result.ended, Ended::Aborted("failures.rate < 5%".to_owned()));
    assert!(!result.thresholds[0].passed);
    assert!(result.lasted < ms(20_000), "{:?}", result.lasted);
    assert!(events.iter().any(|event| matches!(event, Event::Stopping(Ended::Aborted(_)))));
}

#[test]
fn a_window_sees_what_the_whole_run_hides() {
    // In the first second answers take 60 ms, afterwards none: over the run the median is 0, over the first second not.
    let slow_first = script(|visit| async move {
        if visit.start.iteration < 10 {
            visit.request(ms(60)).await;
        } else {
            visit.answered(visit.start.intended);
        }
        IterationEnd::Complete
    });
    let paced = ScenarioSpec {
        iteration_every: Some(Duration::from_millis(10)),
        ..scenario(users(1, ms(3_000)), slow_first)
    };
    let over = |expression: &str, sense| Threshold {
        window: Some(Duration::from_secs(1)),
        sense,
        ..threshold(expression)
    };
    let results = judged(
        vec![
            threshold("response_time.p50 < 50ms"),
            over("response_time.max < 50ms", Sense::MustHold),
            over("response_time.max > 50ms", Sense::MustNotHappen),
            over("response_time.max < 60s", Sense::MustHold),
            over("failures.count > 0", Sense::MustNotHappen),
        ],
        spec(1, vec![paced]),
    );
    let passed: Vec<bool> = results.iter().map(|result| result.1).collect();
    assert_eq!(passed, [true, false, false, true, true], "{results:?}");
}

#[test]
fn rates_leave_the_warm_up_out_of_their_time() {
    // 100/s for 1 s, of which nine tenths are warm-up: 10 requests in the tenth of a second that counts.
    let warm = ScenarioSpec { warmup: ms(900), ..scenario(steady(100.0, ms(1_000), 5), immediate()) };
    let results = judged(
        vec![threshold("requests.rate > 15/s"), threshold("iterations.rate > 15/s")],
        spec(1, vec![warm]),
    );
    assert!(results[0].1 && results[1].1, "{results:?}");
}

#[test]
fn a_threshold_crossed_at_the_end_fails_and_aborts_nothing() {
    let aborting = Threshold { abort: true, ..threshold("response_time.max < 1ms") };
    let mut run = spec(1, vec![scenario(crate::stage::each(1, 1), taking(ms(20)))]);
    run.thresholds = vec![aborting];
    let (result, events) = watched(run, &Control::new());
    assert_eq!(result.ended, Ended::Finished);
    assert!(!result.thresholds[0].passed);
    assert!(!events.iter().any(|event| matches!(event, Event::Stopping(_))));
}

#[test]
fn rates_are_over_the_time_of_the_load_and_its_answers() {
    // The first ends after 1 s, the second goes on for 3 s. Neither thins the other's rate out.
    let short = || scenario(steady(100.0, ms(1_000), 50), immediate());
    let mut late = scenario(steady(100.0, ms(1_000), 50), immediate());
    late.start_after = ms(2_000);
    let scoped = |number| Threshold {
        scope: Scope::Scenario(ScenarioId(number)),
        ..threshold("requests.rate > 95/s")
    };
    let mut run = spec(2, vec![short(), late]);
    run.thresholds = vec![scoped(0), scoped(1)];
    let result = perform(run);
    assert!(result.thresholds.iter().all(|threshold| threshold.passed), "{:?}", result.thresholds);
    for span in &result.spans {
        assert!((ms(1_000)..ms(1_500)).contains(&span.measured), "{span:?}");
        assert_eq!(span.starting, ms(1_000));
    }
    // One user whose requests take 100 ms makes at most 10/s.
    let mut run = spec(1, vec![scenario(each(1, 10), taking(ms(100)))]);
    run.thresholds = vec![threshold("requests.rate <= 10/s")];
    let result = perform(run);
    assert!(result.thresholds[0].passed, "{:?}", result.thresholds);
}

#[test]
fn requests_that_were_cut_off_or_not_made_are_counted_and_in_no_latency() {
    // Of each user's ten, four end by themselves, one of these by a time-out; three are cut off and three are not made.
    let mixed = script(|visit| async move {
        let failure = match visit.start.iteration {
            0..=2 => Some(FailureKind::Cut),
            3..=5 => Some(FailureKind::Request),
            6 => Some(FailureKind::Timeout),
            _ => None,
        };
        visit.ended(visit.start.intended, visit.seat.clock.now(), failure);
        IterationEnd::Complete
    });
    let step = perform(spec(2, vec![scenario(each(5, 10), mixed)])).totals.steps.remove(0);
    let failed = |kind: FailureKind| step.failures[kind as usize];
    let kinds = [FailureKind::Cut, FailureKind::Request, FailureKind::Timeout].map(failed);
    assert_eq!((step.requests, kinds), (50, [15, 15, 5]));
    assert_eq!(step.response.count(), 20);
}

#[test]
fn what_drivers_measure_compares_with_numbers_and_times() {
    let all = ScenarioId(0);
    let measuring = script(move |visit| async move {
        visit.answered(visit.start.intended);
        visit.seat.meter.metric(MetricId(1), visit.seat.clock.now(), 1.5);
        let forged = visit.seat.meter.metric_named(all, "mqtt.lost", MetricKind::Counter, "");
        assert_eq!(forged, None, "a guest cannot count in a driver's name");
        IterationEnd::Complete
    });
    let mut spec = spec(2, vec![scenario(each(2, 3), measuring)]);
    let mut entries = Entries::new(&mut spec.catalog, all);
    for (name, kind, unit) in [
        ("mqtt.lost", MetricKind::Counter, ""),
        ("mqtt.back", MetricKind::Gauge, "s"),
        ("mqtt.never", MetricKind::Gauge, "s"),
    ] {
        entries.metric(name, kind, unit).expect("room");
    }
    spec.thresholds = [
        "mqtt.lost == 0",
        "mqtt.lost.rate <= 0/s",
        "mqtt.back < 2s",
        "mqtt.back.max < 1s",
        "mqtt.never < 2s",
    ]
    .map(threshold)
    .to_vec();
    let result = perform(spec);
    let seen = result.thresholds.iter().map(|result| (result.value, result.unit, result.passed));
    let expected = [
        (Some(0.0), "own", true),
        (Some(0.0), "/s", true),
        (Some(1.5e9), "ns", true),
        (Some(1.5e9), "ns", false),
        (None, "ns", false),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    let help = result.thresholds[4].help.as_deref().expect("why there is nothing");
    assert!(help.contains("`mqtt.never` never had a value"), "{help}");
}

#[test]
fn findings_say_nothing_where_nothing_was_looked_at() {
    for (looked_at, found, expected) in [
        (0, 0, (None, false)),
        (5, 0, (Some(0.0), true)),
        (5, 2, (Some(2.0), false)),
        (0, 2, (Some(2.0), false)),
    ] {
        let auditing = script(move |visit| async move {
            visit.answered(visit.start.intended);
            for (metric, count) in [(0, looked_at), (1, found)] {
                if count > 0 {
                    visit.seat.meter.metric(MetricId(metric), visit.seat.clock.now(), f64::from(count));
                }
            }
            IterationEnd::Complete
        });
        let mut spec = spec(1, vec![scenario(each(1, 1), auditing)]);
        let mut entries = Entries::new(&mut spec.catalog, ScenarioId(0));
        let audited = entries.metric("ws.audited", MetricKind::Counter, "").expect("room");
        let lost = entries.metric("ws.lost", MetricKind::Counter, "").expect("room");
        entries.says_nothing_without(audited, [lost]);
        spec.thresholds = vec![threshold("ws.lost == 0")];
        let result = perform(spec);
        let seen = &result.thresholds[0];
        assert_eq!((seen.value, seen.passed), expected, "{looked_at} looked at, {found} found");
        let help = seen.help.as_deref().unwrap_or_default();
        assert_eq!(help.contains("`ws.audited` is 0"), expected.0.is_none(), "{help}");
    }
}

#[test]
fn messages_that_came_are_in_no_threshold_but_their_own() {
    let receiving = script(|visit| async move {
        visit.answered(visit.start.intended);
        let sent = visit.seat.clock.now();
        tokio::time::sleep(ms(100)).await;
        let came = Outcome {
            sent: Some(sent),
            finished: visit.seat.clock.now(),
            ..Outcome::due(visit.start.intended)
        };
        visit.seat.meter.request(StepId(1), &came, Marks::default());
        IterationEnd::Complete
    });
    let mut spec = spec(2, vec![scenario(each(3, 2), receiving)]);
    let delivery = Entries::new(&mut spec.catalog, ScenarioId(0)).delivery("deliver", "test").expect("room");
    assert_eq!(delivery, StepId(1));
    let own = |expression| Threshold { scope: Scope::Step(delivery), ..threshold(expression) };
    spec.thresholds = vec![
        threshold("requests.count == 6"),
        threshold("response_time.max < 90ms"),
        Threshold { scope: Scope::Scenario(ScenarioId(0)), ..threshold("response_time.max < 90ms") },
        own("requests.count == 6"),
        own("service_time.min >= 100ms"),
    ];
    let result = perform(spec);
    let passed: Vec<bool> = result.thresholds.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [true; 5], "{:?}", result.thresholds);
    assert_eq!(result.totals.request_steps().map(|step| step.requests).sum::<u64>(), 6);
    assert_eq!(result.totals.steps[1].requests, 6);
}
