//! Two clocks: lag and response time count from when a start was due, whoever was late.

use prony_core::IterationEnd;

use crate::stage::{alone, assert_adds_up, ms, script, steady, users};

#[expect(clippy::disallowed_methods, reason = "a journey that blocks its worker is what is tested")]
fn hold_the_thread(milliseconds: u64) {
    std::thread::sleep(ms(milliseconds));
}

#[test]
fn a_late_worker_measures_from_the_due_time() {
    // User 0 holds the only thread for 400 ms from the first start on. 200 starts are due every 4 ms over 800 ms; the
    // 100 of the first half wait for the thread: 400 ms − when they were due.
    let stalled = script(|visit| async move {
        if visit.start.iteration == 0 && visit.seat.user == 0 {
            hold_the_thread(400);
        }
        let sent = visit.seat.clock.now();
        visit.took(visit.start.intended, sent);
        IterationEnd::Complete
    });
    let result = alone(1, steady(250.0, ms(800), 200), stalled);
    assert_adds_up(&result, 0);
    let (stats, step) = (&result.totals.scenarios[0], &result.totals.steps[0]);
    assert_eq!(step.requests, 200);
    let share_above = |latency: &prony_engine::stats::Latency, limit: u64| {
        let histogram = latency.filled().expect("samples");
        histogram
            .iter_recorded()
            .filter(|at| at.value_iterated_to() > limit)
            .map(|at| at.count_at_value())
            .sum::<u64>()
    };
    // At least these waited above 200 ms: those due in the first 200 ms. (The first itself was on time: it is the thief.)
    assert!(share_above(&stats.lag, 195_000_000) >= 49, "{}", share_above(&stats.lag, 195_000_000));
    assert!(share_above(&step.response, 195_000_000) >= 50);
    // Service time is counted from the actual send: the stall is not in it.
    assert!(step.service.quantile(0.5).expect("samples") < 50_000_000);
    assert!(result.verdict.reasons.iter().any(|reason| reason.rule == "lag"), "{:?}", result.verdict);
    assert!(result.verdict.reasons.iter().any(|reason| reason.rule == "wakeup"), "{:?}", result.verdict);
}

#[test]
fn closed_users_have_no_backlog_to_be_late_for() {
    let once = script(|visit| async move {
        if visit.start.iteration == 1 {
            hold_the_thread(200);
        }
        visit.answered(visit.start.intended);
        tokio::time::sleep(ms(10)).await;
        IterationEnd::Complete
    });
    let result = alone(1, users(1, ms(500)), once);
    assert_adds_up(&result, 0);
    // The iteration after the stall was due when the stalled one had ended.
    let lag = &result.totals.scenarios[0].lag;
    assert!(lag.quantile(0.5).expect("starts") < 100_000_000);
}
