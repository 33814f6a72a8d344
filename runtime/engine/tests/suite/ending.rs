//! How runs end: in grace, cut off, interrupted, out of data, failed, or not begun at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prony_core::{IterationEnd, Journey, JourneyWorker, Journeys, Seat, SetupError};
use prony_engine::{Control, Ended, Event, Load, OpenLoad, RunSpec, ScenarioSpec, Starts, Status, run};

use crate::stage::{
    Log, alone, assert_adds_up, each, for_workers, immediate, ms, perform, scenario, script, spec, steady,
    taking, users, watched,
};

/// Runs that mostly wait, side by side.
fn at_once<const N: usize>(loads: [Load; N], run: impl Fn(Load) + Sync) {
    std::thread::scope(|scope| {
        for load in loads {
            scope.spawn(|| run(load));
        }
    });
}

#[test]
fn iterations_under_way_may_end_in_grace() {
    let patient = ScenarioSpec { graceful_stop: ms(5_000), ..scenario(users(4, ms(100)), taking(ms(500))) };
    let result = perform(spec(2, vec![patient]));
    assert_adds_up(&result, 0);
    let counts = result.totals.scenarios[0].iterations;
    assert_eq!((counts.completed, counts.cut), (4, 0));
    assert_eq!(result.ended, Ended::Finished);
}

#[test]
fn iterations_beyond_the_grace_are_cut_and_counted() {
    at_once([users(4, ms(100)), steady(40.0, ms(100), 4)], |load| {
        let hasty = ScenarioSpec { graceful_stop: ms(200), ..scenario(load, taking(ms(60_000))) };
        let result = perform(spec(2, vec![hasty]));
        assert_adds_up(&result, 0);
        let counts = result.totals.scenarios[0].iterations;
        assert_eq!((counts.completed, counts.cut), (0, 4));
        assert!(result.lasted >= ms(290) && result.lasted < ms(10_000), "{:?}", result.lasted);
    });
}

#[test]
fn no_grace_cuts_at_once_and_loses_no_start() {
    // Starts handed out in the very moment the load ends are counted too, begun or not.
    let hasty = ScenarioSpec {
        graceful_stop: Duration::ZERO,
        ..scenario(steady(20_000.0, ms(100), 3_000), taking(ms(60_000)))
    };
    let result = perform(spec(2, vec![hasty]));
    assert_adds_up(&result, 0);
    let counts = result.totals.scenarios[0].iterations;
    assert_eq!((result.totals.scenarios[0].due, counts.cut), (2_000, 2_000));
}

#[test]
fn an_interrupted_run_tells_everything_it_measured() {
    let control = Control::new();
    let count = Arc::new(AtomicUsize::new(0));
    let (stop, counted) = (control.clone(), Arc::clone(&count));
    let endless = script(move |visit| {
        let (stop, counted) = (stop.clone(), Arc::clone(&counted));
        async move {
            visit.request(ms(10)).await;
            if counted.fetch_add(1, Ordering::Relaxed) == 100 {
                stop.interrupt();
            }
            IterationEnd::Complete
        }
    });
    let (result, events) = watched(spec(2, vec![scenario(users(10, ms(600_000)), endless)]), &control);
    assert_adds_up(&result, 0);
    assert_eq!(result.ended, Ended::Interrupted);
    let count = count.load(Ordering::Relaxed) as u64;
    assert_eq!(result.totals.steps[0].requests, count);
    assert_eq!(result.totals.scenarios[0].iterations.completed, count);
    assert!(result.verdict.reasons.iter().any(|reason| reason.rule == "interrupted"));
    assert!(events.iter().any(|event| matches!(event, Event::Stopping(Ended::Interrupted))));
}

#[test]
fn an_interrupted_run_cuts_long_iterations_after_two_seconds() {
    at_once([users(3, ms(600_000)), steady(30.0, ms(100), 3), steady(0.001, ms(3_600_000), 3)], |load| {
        let control = Control::new();
        let stop = control.clone();
        let stuck = script(move |_| {
            stop.interrupt();
            async move {
                tokio::time::sleep(ms(600_000)).await;
                IterationEnd::Complete
            }
        });
        let patient = ScenarioSpec { graceful_stop: ms(600_000), ..scenario(load, stuck) };
        let (result, _) = watched(spec(1, vec![patient]), &control);
        assert_adds_up(&result, 0);
        assert_eq!(result.ended, Ended::Interrupted);
        assert!(result.totals.scenarios[0].iterations.cut >= 1);
        assert!(result.lasted < ms(10_000), "{:?}", result.lasted);
    });
}

#[test]
fn a_run_interrupted_before_it_began_ends_at_once() {
    let control = Control::new();
    control.interrupt();
    let (result, _) = watched(spec(2, vec![scenario(users(2, ms(600_000)), taking(ms(5)))]), &control);
    assert_eq!(result.ended, Ended::Interrupted);
    assert!(result.lasted < ms(10_000));
}

fn panicking() -> crate::stage::Script {
    script(|visit| async move {
        visit.answered(visit.start.intended);
        assert!(visit.start.iteration < 5, "the journey of user {} is broken", visit.seat.user);
        tokio::time::sleep(ms(5)).await;
        IterationEnd::Complete
    })
}

#[test]
fn a_journey_that_panics_ends_the_run_with_what_was_measured() {
    // Both loads would go on for ten minutes.
    for load in [users(2, ms(600_000)), steady(100.0, ms(600_000), 1)] {
        let (result, events) = watched(spec(2, vec![scenario(load, panicking())]), &Control::new());
        let Ended::Failed(text) = &result.ended else { panic!("{:?}", result.ended) };
        assert!(text.contains("the journey of user"), "{text}");
        assert_adds_up(&result, 0);
        assert!(result.totals.steps[0].requests >= 6);
        assert!(
            result.totals.scenarios[0].iterations.failed >= 1,
            "{:?}",
            result.totals.scenarios[0].iterations
        );
        assert!(result.lasted < ms(20_000), "{:?}", result.lasted);
        assert!(events.iter().any(|event| matches!(event, Event::Stopping(Ended::Failed(_)))));
        assert_ne!(result.verdict.status, Status::Valid);
    }
}

#[test]
fn a_journey_may_end_the_run_with_a_reason() {
    let fatal = script(|visit| async move {
        visit.answered(visit.start.intended);
        if visit.start.iteration == 3 {
            IterationEnd::Fatal("no row is left".to_owned())
        } else {
            IterationEnd::Complete
        }
    });
    let result = alone(2, steady(100.0, ms(600_000), 2), fatal);
    assert_eq!(result.ended, Ended::Failed("no row is left".to_owned()));
    assert_adds_up(&result, 0);
    assert!(result.totals.steps[0].requests >= 4);
    assert_ne!(result.verdict.status, Status::Valid);
}

#[test]
fn a_scenario_ends_when_its_data_does() {
    for load in [users(3, ms(600_000)), steady(500.0, ms(600_000), 3)] {
        for_workers(|workers| {
            let rows = Arc::new(AtomicUsize::new(0));
            let fed = script(move |visit| {
                let row = rows.fetch_add(1, Ordering::Relaxed);
                async move {
                    if row >= 50 {
                        return IterationEnd::OutOfData;
                    }
                    visit.answered(visit.start.intended);
                    IterationEnd::Complete
                }
            });
            let result = alone(workers, load.clone(), fed);
            assert_eq!(result.ended, Ended::Finished);
            let stats = &result.totals.scenarios[0];
            assert_eq!((stats.iterations.completed, stats.iterations.started, stats.due), (50, 50, 50));
            assert_eq!(result.totals.steps[0].requests, 50);
            assert!(result.lasted < ms(20_000), "{:?}", result.lasted);
        });
    }
}

#[test]
fn a_slow_open_load_ends_with_its_data_and_not_with_its_next_start() {
    let none = script(|_| async { IterationEnd::OutOfData });
    let result = alone(1, steady(0.01, ms(600_000), 1), none);
    assert_eq!(result.ended, Ended::Finished);
    assert!(result.lasted < ms(20_000), "{:?}", result.lasted);
}

/// Journeys whose worker or user cannot be made.
enum Broken {
    Refuses { worker: u32 },
    PanicsAsWorker { worker: u32 },
    PanicsAsUser,
}

struct NoUser;

#[expect(clippy::panic, reason = "a panic where a worker is made is what is tested")]
impl Journeys for Broken {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        match self {
            Self::Refuses { worker } if *worker == seat.worker => {
                Err(SetupError("no pool to be had".to_owned()))
            }
            Self::PanicsAsWorker { worker } if *worker == seat.worker => panic!("a broken worker"),
            _ => Ok(Box::new(NoUser)),
        }
    }
}

#[expect(clippy::panic, reason = "a panic where a user is made is what is tested")]
impl JourneyWorker for NoUser {
    fn user(&mut self, _: Seat) -> Box<dyn Journey> {
        panic!("a broken user")
    }
}

fn broken(broken: Broken, load: Load) -> RunSpec {
    let mut run = spec(2, vec![scenario(load, immediate())]);
    run.scenarios[0].journeys = Arc::new(broken);
    run
}

#[test]
fn a_worker_that_cannot_be_set_up_keeps_the_run_from_beginning() {
    for worker in [0, 1] {
        let error =
            run(broken(Broken::Refuses { worker }, users(2, ms(600_000))), &Control::new(), &mut |_| {});
        assert_eq!(error.expect_err("refused"), SetupError("no pool to be had".to_owned()));
        let error = run(
            broken(Broken::PanicsAsWorker { worker }, users(2, ms(600_000))),
            &Control::new(),
            &mut |_| {},
        );
        let text = error.expect_err("refused").0;
        assert!(text.contains("a broken worker"), "{text}");
    }
}

#[test]
fn a_user_that_cannot_be_made_ends_the_run() {
    for load in [users(2, ms(600_000)), steady(100.0, ms(600_000), 4)] {
        let (result, _) = watched(broken(Broken::PanicsAsUser, load), &Control::new());
        let Ended::Failed(text) = &result.ended else { panic!("{:?}", result.ended) };
        assert!(text.contains("a broken user"), "{text}");
        assert!(result.lasted < ms(20_000), "{:?}", result.lasted);
    }
}

#[test]
fn a_replay_file_that_is_missing_keeps_the_run_from_beginning() {
    let load = Load::Open(OpenLoad { starts: Starts::Replay("nowhere/starts.txt".into()), max_users: 1 });
    let error = run(spec(1, vec![scenario(load, immediate())]), &Control::new(), &mut |_| {});
    assert!(error.expect_err("refused").0.contains("nowhere/starts.txt"));
}

#[test]
fn work_that_blocks_beside_the_worker_does_not_hold_the_end_up() {
    // As a name server does that never answers: the look-up's own thread goes on.
    let looking_up = script(|_| async {
        #[expect(clippy::disallowed_methods, reason = "a blocking call on its own thread is what is tested")]
        let _ = tokio::task::spawn_blocking(|| std::thread::sleep(ms(4_000))).await;
        IterationEnd::Complete
    });
    let hasty = ScenarioSpec { graceful_stop: ms(100), ..scenario(users(1, ms(100)), looking_up) };
    let before = prony_engine::clock::clock().now();
    let result = perform(spec(1, vec![hasty]));
    let took = prony_engine::clock::clock().now() - before;
    assert_eq!(result.totals.scenarios[0].iterations.cut, 1);
    assert!(took < ms(3_000), "{took:?}");
}

#[test]
fn a_run_that_iterates_for_ever_is_no_hindrance_to_its_end() {
    let log = Log::default();
    let control = Control::new();
    let stop = control.clone();
    let busy = script(move |visit| {
        if visit.start.iteration == 1_000 {
            stop.interrupt();
        }
        async { IterationEnd::Complete }
    });
    let (result, _) = watched(spec(1, vec![scenario(each(1, u64::MAX), log.noting(busy))]), &control);
    assert_eq!(result.ended, Ended::Interrupted);
    assert!(result.lasted < ms(10_000));
}
