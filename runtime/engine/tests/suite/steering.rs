//! A run that somebody steers: what is due goes by the changes and by nothing else, and everything tells of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prony_core::{IterationEnd, Timestamp};
use prony_engine::{Action, Change, Control, Ended, Event, Load, Origin, RunResult, RunSpec, Status, run};

use crate::stage::{
    Log, Script, assert_adds_up, each, for_workers, immediate, ms, scenario, script, shared, spec, steady,
    taking, threshold, user_stages, users,
};

/// Orders `action` when iteration number `number` of all begins.
fn ordering(control: &Control, number: u64, action: Action, script: Script) -> Script {
    let (control, begun) = (control.clone(), AtomicU64::new(0));
    std::sync::Arc::new(move |visit| {
        if begun.fetch_add(1, Ordering::Relaxed) == number {
            control.steer(action, Origin::Web);
        }
        script(visit)
    })
}

/// Runs it; when the first second in which the change holds from its beginning on is over, `then` is ordered.
fn steered(spec: RunSpec, control: &Control, then: &[Action]) -> (RunResult, Vec<Event>) {
    let mut events = Vec::new();
    let mut then = then.iter();
    let mut latest: Option<Duration> = None;
    let result = run(spec, control, &mut |event| {
        match &event {
            Event::Changed(change) => latest = Some(change.at),
            Event::Interval(interval) if latest.is_some_and(|at| interval.from >= at) => {
                if let Some(action) = then.next() {
                    control.steer(*action, Origin::Terminal);
                    latest = None;
                }
            }
            _ => {}
        }
        events.push(event);
    });
    (result.expect("set up"), events)
}

/// `load`, paused by its iteration number `number` and resumed when a whole second was paused.
fn paused(workers: u32, load: Load, number: u64, script: Script) -> (RunResult, Log, [Duration; 2]) {
    let (control, log) = (Control::new(), Log::default());
    let script = ordering(&control, number, Action::Pause, log.noting(script));
    let (result, _) = steered(spec(workers, vec![scenario(load, script)]), &control, &[Action::Resume]);
    assert_adds_up(&result, 0);
    assert_eq!(result.ended, Ended::Finished);
    let moments = match result.changes.as_slice() {
        [
            Change { at: from, action: Action::Pause, origin: Origin::Web, .. },
            Change { at: to, action: Action::Resume, origin: Origin::Terminal, .. },
        ] => [*from, *to],
        other => unreachable!("{other:?}"),
    };
    assert!(moments[1] - moments[0] > ms(1_000), "{moments:?}");
    (result, log, moments)
}

#[test]
fn a_pause_puts_off_what_is_due_and_drops_nothing() {
    for_workers(|workers| {
        let (result, log, [from, to]) = paused(workers, steady(200.0, ms(1_000), 20), 40, immediate());
        let schedule = log.schedule();
        assert_eq!((schedule.len(), result.totals.scenarios[0].dropped.total()), (200, 0));
        for (index, due) in (0_u32..).zip(&schedule) {
            let planned = ms(5) * index;
            let expected = if planned < from { planned } else { planned + (to - from) };
            assert!(
                due.abs_diff(expected) <= Duration::from_nanos(2),
                "{index}: {due:?} {expected:?} {from:?}"
            );
        }
        assert!(schedule.iter().any(|due| *due > to) && schedule.iter().any(|due| *due < from));
        assert!(result.lasted >= ms(1_000) + (to - from));
        assert_eq!(result.spans[0].starting, ms(1_000), "rates asked and made are over the plan's time");
        // From the last answer to the resumption nothing was under way.
        assert!(result.spans[0].measured < ms(1_700), "{:?}", result.spans[0]);
        assert_eq!(result.changes[1].plan_at, from, "the plan's time stood still");
    });
}

#[test]
fn users_of_a_closed_load_rest_while_paused() {
    for_workers(|workers| {
        let (result, log, [from, to]) = paused(workers, users(6, ms(800)), 20, taking(ms(15)));
        let begun = log.begun();
        let begin = begun[0].intended;
        let held = (begin + from)..(begin + to);
        let broken = |at: Timestamp| held.contains(&at);
        assert!(!begun.iter().any(|one| broken(one.intended) || broken(one.actual)), "{from:?} {to:?}");
        let back: Vec<u32> =
            begun.iter().filter(|one| one.intended == held.end).map(|one| one.user).collect();
        assert_eq!(back.len(), 6, "everybody comes back at the same moment: {back:?}");
        assert!(begun.iter().all(|one| one.intended < begin + ms(800) + (to - from)));
        assert_eq!(result.spans[0].starting, ms(800));
        assert!(result.totals.scenarios[0].iterations.completed > 60);
    });
}

#[test]
fn an_iteration_under_way_goes_on_to_its_end_and_users_do_all_they_owe() {
    for load in [each(4, 12), shared(4, 48)] {
        let (result, _, _) = paused(2, load, 20, taking(ms(60)));
        let counts = result.totals.scenarios[0].iterations;
        assert_eq!((counts.completed, counts.cut, counts.failed), (48, 0, 0));
    }
}

#[test]
fn a_user_who_stays_hears_that_its_end_has_moved() {
    let (control, log) = (Control::new(), Log::default());
    let stays = script(|visit| async move {
        visit.start.wanted.over(visit.seat.clock, tokio::time::sleep).await;
        let early = visit.seat.clock.now() < visit.start.wanted.until() && !visit.start.wanted.is_stopped();
        visit.answered(visit.start.intended);
        if early { IterationEnd::Failed } else { IterationEnd::Complete }
    });
    let script = ordering(&control, 0, Action::Pause, log.noting(stays));
    let run = spec(2, vec![scenario(users(3, ms(900)), script)]);
    let (result, _) = steered(run, &control, &[Action::Resume]);
    let counts = result.totals.scenarios[0].iterations;
    assert_eq!(
        (counts.completed, counts.failed, log.begun().len()),
        (3, 0, 3),
        "one iteration each, to the moved end"
    );
    let pause = result.changes[1].at - result.changes[0].at;
    assert!(result.lasted >= ms(900) + pause);
    assert!(result.spans[0].measured >= ms(900) + pause, "they were there all the time, so all of it counts");
}

#[test]
fn more_and_less_of_an_open_load_are_as_many_starts_as_their_integral() {
    for_workers(|workers| {
        let (control, log) = (Control::new(), Log::default());
        let script = ordering(&control, 30, Action::Load(300), log.noting(immediate()));
        let run = spec(workers, vec![scenario(steady(100.0, ms(4_000), 40), script)]);
        let (result, _) = steered(run, &control, &[Action::Load(50)]);
        let [up, down] = [0, 1].map(|number: usize| result.changes[number].at.as_secs_f64());
        let expected = 100.0 * up + 300.0 * (down - up) + 50.0 * (4.0 - down);
        let made = result.totals.scenarios[0].due as f64;
        assert!((made - expected).abs() <= 1.0, "{made} of {expected}");
        assert_eq!(result.totals.scenarios[0].dropped.total(), 0);
        assert_eq!(result.spans[0].starting, ms(4_000), "the load lasts as long as before");
        let schedule = log.schedule();
        let gap = |at: f64| {
            let next = schedule.partition_point(|due| due.as_secs_f64() < at);
            (schedule[next + 1] - schedule[next]).as_secs_f64()
        };
        let gaps = [0.0, up + 0.001, down + 0.001].map(gap);
        for (gap, rate) in gaps.iter().zip([100.0, 300.0, 50.0]) {
            assert!((gap * rate - 1.0).abs() < 1e-3, "{gaps:?}");
        }
    });
}

#[test]
fn fewer_users_of_a_closed_load_leave_after_their_iteration_and_come_back() {
    for load in [users(6, ms(4_000)), user_stages(&[(6, 0), (6, 4_000)])] {
        let (control, log) = (Control::new(), Log::default());
        let script = ordering(&control, 30, Action::Load(34), log.noting(taking(ms(10))));
        let run = spec(2, vec![scenario(load, script)]);
        let (result, _) = steered(run, &control, &[Action::Load(100)]);
        assert_adds_up(&result, 0);
        let begun = log.begun();
        let begin = begun[0].intended;
        let [less, more] = [0, 1].map(|number: usize| begin + result.changes[number].at);
        let who = |from: Timestamp, to: Timestamp| {
            let mut who: Vec<u32> =
                begun.iter().filter(|one| (from..to).contains(&one.intended)).map(|one| one.user).collect();
            who.sort_unstable();
            who.dedup();
            who
        };
        assert_eq!(who(begin, less), [0, 1, 2, 3, 4, 5]);
        assert_eq!(who(less, more), [0, 1, 2], "34 % of six are not more than three");
        assert_eq!(who(more, begin + ms(4_000)), [0, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_stop_ends_the_run_as_an_interrupt_does_and_is_told() {
    let control = Control::new();
    let script = ordering(&control, 10, Action::Stop, immediate());
    let run = spec(2, vec![scenario(steady(100.0, Duration::from_secs(600), 4), script)]);
    let (result, events) = steered(run, &control, &[]);
    assert_eq!(result.ended, Ended::Interrupted);
    assert_eq!(result.verdict.status, Status::Degraded);
    let [change] = result.changes.as_slice() else { unreachable!("{:?}", result.changes) };
    assert_eq!((change.action, change.origin), (Action::Stop, Origin::Web));
    assert!(events.iter().any(|event| matches!(event, Event::Changed(told) if told == change)));
    assert!(events.iter().any(|event| matches!(event, Event::Stopping(Ended::Interrupted))));
}

#[test]
fn a_paused_run_can_be_interrupted() {
    let control = Control::new();
    let script = ordering(&control, 10, Action::Pause, immediate());
    let run = spec(2, vec![scenario(steady(100.0, Duration::from_secs(600), 4), script)]);
    let (result, _) = steered(run, &control, &[Action::Stop]);
    assert_eq!(result.ended, Ended::Interrupted);
    assert_adds_up(&result, 0);
}

#[test]
fn what_a_load_does_not_allow_is_refused_with_the_reason() {
    let control = Control::new();
    let script = ordering(&control, 2, Action::Load(50), taking(ms(20)));
    let (result, events) = steered(spec(1, vec![scenario(each(2, 20), script)]), &control, &[]);
    let refused = events.iter().find_map(|event| match event {
        Event::Refused { action: Action::Load(50), origin: Origin::Web, why } => Some(why),
        _ => None,
    });
    assert!(refused.is_some_and(|why| why.contains("a number of iterations")), "{refused:?}");
    assert!(result.changes.is_empty());
    assert_eq!((result.totals.scenarios[0].iterations.completed, result.verdict.status), (40, Status::Valid));
}

#[test]
fn a_pause_takes_no_rate_below_its_threshold() {
    let control = Control::new();
    let script = ordering(&control, 250, Action::Pause, immediate());
    let mut run = spec(1, vec![scenario(steady(100.0, ms(5_000), 10), script)]);
    let rate = threshold("requests.rate > 50/s");
    let window = prony_engine::Threshold { window: Some(ms(1_000)), abort: true, ..rate.clone() };
    run.thresholds = vec![window, rate];
    let (result, _) = steered(run, &control, &[Action::Resume]);
    assert_eq!(result.ended, Ended::Finished, "{:?}", result.thresholds);
    assert!(result.thresholds.iter().all(|threshold| threshold.passed), "{:?}", result.thresholds);
    assert!(result.lasted > ms(6_500), "{:?}", result.lasted);
}
