//! When things begin: start delay, warm-up, and an iteration every so often.

use prony_core::{GroupId, IterationEnd};
use prony_engine::ScenarioSpec;

use crate::stage::{
    Log, assert_adds_up, for_workers, immediate, ms, perform, scenario, script, spec, steady, taking, users,
};

#[test]
fn an_iteration_every_so_often_keeps_its_beat() {
    let log = Log::default();
    let paced = ScenarioSpec {
        iteration_every: Some(ms(100)),
        ..scenario(users(3, ms(450)), log.noting(taking(ms(10))))
    };
    let result = perform(spec(2, vec![paced]));
    assert_adds_up(&result, 0);
    let begun = log.begun();
    let zero = begun[0].intended;
    for start in &begun {
        let at = start.intended - zero;
        assert_eq!(at.as_nanos() % ms(100).as_nanos(), 0, "{at:?} is no beat");
    }
    // Beats at 0, 100, 200, 300 and 400 ms; a machine that stalls for whole beats leaves some out.
    assert!((6..=15).contains(&begun.len()), "{}", begun.len());
}

#[test]
fn an_iteration_longer_than_its_beat_leaves_beats_out() {
    let log = Log::default();
    let paced = ScenarioSpec {
        iteration_every: Some(ms(50)),
        ..scenario(users(1, ms(500)), log.noting(taking(ms(120))))
    };
    let result = perform(spec(1, vec![paced]));
    assert_adds_up(&result, 0);
    let begun = log.begun();
    for pair in begun.windows(2) {
        let apart = pair[1].intended - pair[0].intended;
        assert!(apart >= ms(100) && apart.as_nanos() % ms(50).as_nanos() == 0, "{apart:?}");
    }
    assert!(begun.len() <= 5, "no backlog: {}", begun.len());
}

#[test]
fn nobody_waits_for_a_beat_without_an_iteration() {
    use prony_engine::{ClosedLoad, Load};
    let at_most = Some(ms(30_000));
    for load in [
        crate::stage::each(2, 1),
        crate::stage::shared(2, 2),
        Load::Closed(ClosedLoad::IterationsEach { users: 1, iterations: 2, at_most }),
    ] {
        let paced =
            ScenarioSpec { iteration_every: Some(ms(60_000)), ..scenario(load.clone(), taking(ms(5))) };
        let result = perform(spec(1, vec![paced]));
        assert!(result.lasted < ms(15_000), "{load:?} lasted {:?}", result.lasted);
    }
}

#[test]
fn paced_users_stay_for_their_time() {
    let paced = ScenarioSpec { iteration_every: Some(ms(200)), ..scenario(users(2, ms(350)), taking(ms(5))) };
    let result = perform(spec(1, vec![paced]));
    assert_adds_up(&result, 0);
    assert!(result.lasted >= ms(350), "{:?}", result.lasted);
}

#[test]
fn a_start_delay_moves_the_whole_load() {
    let (early, late) = (Log::default(), Log::default());
    let delayed = ScenarioSpec {
        start_after: ms(300),
        ..scenario(steady(100.0, ms(100), 5), late.noting(immediate()))
    };
    let first = scenario(steady(100.0, ms(100), 5), early.noting(immediate()));
    let result = perform(spec(2, vec![first, delayed]));
    assert_eq!(late.begun()[0].intended - early.begun()[0].intended, ms(300));
    assert_eq!(late.schedule(), early.schedule());
    assert_eq!(result.totals.scenarios[1].iterations.completed, 10);
    assert!(result.lasted >= ms(390), "{:?}", result.lasted);
}

#[test]
fn what_is_due_in_the_warm_up_is_in_no_figure() {
    for_workers(|workers| {
        let slow_then_fast = script(|visit| async move {
            let began = visit.seat.clock.now();
            visit.answered(visit.start.intended);
            visit.seat.meter.group(GroupId(0), visit.start.intended, began, false);
            IterationEnd::Complete
        });
        let warm = ScenarioSpec { warmup: ms(200), ..scenario(steady(100.0, ms(500), 5), slow_then_fast) };
        let result = perform(spec(workers, vec![warm]));
        assert_adds_up(&result, 0);
        let stats = &result.totals.scenarios[0];
        assert_eq!((stats.iterations.warmup, stats.iterations.completed, stats.due), (20, 30, 30));
        let step = &result.totals.steps[0];
        assert_eq!((step.requests, step.response.count(), step.service.count()), (30, 30, 30));
        assert_eq!((result.totals.groups[0].count, result.totals.groups[0].time.count()), (30, 30));
    });
}

#[test]
fn starts_dropped_in_the_warm_up_are_not_counted() {
    // One user, whose only iteration outlasts the load: 49 further starts, 30 of them after the warm-up.
    let endless = scenario(steady(100.0, ms(500), 1), taking(ms(600_000)));
    let warm = ScenarioSpec { warmup: ms(200), graceful_stop: ms(50), ..endless };
    let result = perform(spec(1, vec![warm]));
    let stats = &result.totals.scenarios[0];
    assert_eq!((stats.iterations.warmup, stats.iterations.started), (1, 0));
    assert_eq!((stats.dropped.users_busy, stats.due), (30, 30));
}
