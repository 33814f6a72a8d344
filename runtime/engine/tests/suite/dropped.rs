//! Users exhausted: dropped starts equal the arithmetic.

use prony_engine::{Arrivals, Load, ScenarioSpec};

use crate::stage::{
    alone, assert_adds_up, for_workers, immediate, ms, open, perform, ramp, scenario, spec, steady, taking,
};

/// Users who take one start and never come back: their iterations are cut off soon after the load.
fn endless(load: Load) -> ScenarioSpec {
    ScenarioSpec { graceful_stop: ms(50), ..scenario(load, taking(ms(600_000))) }
}

#[test]
fn starts_beyond_the_users_are_dropped_and_counted() {
    for_workers(|workers| {
        for users in [1, 10, 11] {
            let result = perform(spec(workers, vec![endless(steady(400.0, ms(200), users))]));
            assert_adds_up(&result, 0);
            let stats = &result.totals.scenarios[0];
            assert_eq!(stats.due, 80, "{users} users, {workers} workers");
            assert_eq!(stats.dropped.users_busy, 80 - u64::from(users), "{users} users, {workers} workers");
            assert_eq!(stats.iterations.cut, u64::from(users));
            assert_eq!(stats.users_most, u64::from(users));
            assert!(result.verdict.reasons.iter().any(|reason| reason.rule == "dropped"));
        }
    });
}

#[test]
fn a_ramp_drops_what_its_users_cannot_take() {
    let stages = vec![ramp(0.0, 500.0, ms(200)), ramp(500.0, 500.0, ms(200))];
    let result = perform(spec(2, vec![endless(open(stages, Arrivals::Uniform, 30))]));
    let stats = &result.totals.scenarios[0];
    assert_eq!((stats.due, stats.dropped.users_busy, stats.iterations.started), (150, 120, 30));
}

#[test]
fn a_late_worker_gives_its_users_their_turn_before_it_drops() {
    // One user holds the thread for 300 ms, in which 150 further starts fall due. They are late, but the two users are
    // free for every one of them: the answer comes at once.
    let stall = crate::stage::script(|visit| async move {
        if visit.start.iteration == 0 && visit.seat.user == 0 {
            hold_the_thread();
        }
        visit.answered(visit.start.intended);
        prony_core::IterationEnd::Complete
    });
    let result = alone(1, steady(500.0, ms(600), 2), stall);
    assert_adds_up(&result, 0);
    let stats = &result.totals.scenarios[0];
    assert_eq!((stats.due, stats.dropped.total()), (300, 0));
    // Half of the starts fell into the stall and waited 0 to 300 ms.
    let median = stats.lag.quantile(0.25).expect("starts");
    assert!(stats.lag.max().expect("starts") >= 250_000_000, "{median}");
}

#[expect(clippy::disallowed_methods, reason = "a journey that blocks its worker is what is tested")]
fn hold_the_thread() {
    std::thread::sleep(ms(300));
}

#[test]
fn two_scenarios_drop_for_themselves() {
    let scarce = endless(steady(100.0, ms(200), 1));
    let plenty = scenario(steady(100.0, ms(200), 30), immediate());
    let result = perform(spec(2, vec![scarce, plenty]));
    assert_eq!(result.totals.scenarios[0].dropped.users_busy, 19);
    assert_eq!(result.totals.scenarios[1].dropped.users_busy, 0);
}
