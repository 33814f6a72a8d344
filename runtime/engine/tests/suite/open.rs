//! Open load: how many starts there are, when they are due, and that the number of workers changes neither.

use std::io::Write;
use std::time::Duration;

use prony_engine::{Arrivals, Load, OpenLoad, RateStage, Starts};

use crate::stage::{
    Log, assert_adds_up, for_workers, immediate, ms, open, perform, ramp, scenario, spec, steady,
};

/// Runs `load` on 1, 2 and 3 workers: each makes `starts` starts, due at the same times.
fn assert_same_schedule(load: &Load, starts: Option<u64>) -> Vec<Duration> {
    let schedules = for_workers(|workers| {
        let log = Log::default();
        let result = perform(spec(workers, vec![scenario(load.clone(), log.noting(immediate()))]));
        let counts = &result.totals.scenarios[0];
        assert_adds_up(&result, 0);
        assert_eq!(counts.dropped.total(), 0, "{workers} workers");
        assert_eq!(counts.iterations.completed, counts.due, "{workers} workers");
        assert_eq!(result.totals.steps[0].requests, counts.due, "{workers} workers");
        if let Some(starts) = starts {
            assert_eq!(counts.due, starts, "{workers} workers");
        }
        log.schedule()
    });
    assert!(schedules[0].iter().is_sorted());
    for (workers, schedule) in (1..).zip(&schedules) {
        assert_eq!(*schedule, schedules[0], "{workers} workers make another schedule than 1");
    }
    schedules.into_iter().next().unwrap_or_default()
}

#[test]
fn a_constant_rate_makes_its_starts_evenly() {
    let schedule = assert_same_schedule(&steady(400.0, ms(500), 7), Some(200));
    for (index, due) in (0_u32..).zip(&schedule) {
        assert_eq!(*due, Duration::from_micros(2_500) * index);
    }
}

#[test]
fn a_fast_rate_makes_every_start() {
    assert_same_schedule(&steady(20_000.0, ms(300), 60), Some(6_000));
}

#[test]
fn ramps_and_jumps_make_as_many_starts_as_their_integral() {
    let stages = vec![
        ramp(0.0, 400.0, ms(300)),    // 60
        ramp(400.0, 400.0, ms(200)),  // 80
        ramp(1000.0, 500.0, ms(100)), // 75
        ramp(0.0, 0.0, ms(100)),      // 0
        ramp(100.0, 0.0, ms(200)),    // 10
    ];
    let schedule = assert_same_schedule(&open(stages, Arrivals::Uniform, 5), Some(225));
    let after = |time: Duration| schedule.iter().filter(|due| **due < time).count();
    assert_eq!((after(ms(300)), after(ms(500)), after(ms(600)), after(ms(700))), (60, 140, 215, 215));
}

#[test]
fn poisson_arrivals_are_the_same_for_any_number_of_workers() {
    let schedule = assert_same_schedule(&open(vec![ramp(500.0, 500.0, ms(500))], Arrivals::Poisson, 8), None);
    // 250 ± 6 deviations.
    assert!((155..345).contains(&schedule.len()), "{}", schedule.len());
}

/// The index of dispersion of the counts in windows of `window`: variance ÷ mean. 1 for a Poisson process.
fn dispersion(schedule: &[Duration], window: Duration, windows: usize) -> f64 {
    let mut counts = vec![0.0_f64; windows];
    for due in schedule {
        if let Some(count) = counts.get_mut((due.as_nanos() / window.as_nanos()) as usize) {
            *count += 1.0;
        }
    }
    let mean = counts.iter().sum::<f64>() / windows as f64;
    counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (windows - 1) as f64 / mean
}

#[test]
fn arrivals_are_dispersed_as_asked() {
    let schedule = |arrivals| {
        let log = Log::default();
        let load = open(vec![ramp(4_000.0, 4_000.0, ms(1_000))], arrivals, 40);
        perform(spec(2, vec![scenario(load, log.noting(immediate()))]));
        log.schedule()
    };
    // 190 windows of 5 ms with 20 starts each. The index has a deviation of √(2/189) ≈ 0.10.
    let poisson = dispersion(&schedule(Arrivals::Poisson), ms(5), 190);
    assert!((0.6..1.4).contains(&poisson), "{poisson}");
    let uniform = dispersion(&schedule(Arrivals::Uniform), ms(5), 190);
    assert!(uniform < 0.1, "{uniform}");
}

#[test]
fn recorded_starts_are_made_when_the_file_says() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let times = [100.0, 100.0, 100.025, 100.125, 100.126, 100.2, 100.4, 100.4, 100.4, 100.45];
    writeln!(file, "# seconds").expect("written");
    times.iter().for_each(|time| writeln!(file, "{time}").expect("written"));
    let load = Load::Open(OpenLoad { starts: Starts::Replay(file.path().to_owned()), max_users: 5 });
    let schedule = assert_same_schedule(&load, Some(10));
    for (due, time) in schedule.iter().zip(times) {
        assert!((due.as_secs_f64() - (time - 100.0)).abs() < 1e-6, "{due:?} for {time}");
    }
}

#[test]
fn a_slow_rate_lasts_as_long_as_its_plan() {
    // 5/s for 0.5 s: starts at 0, 0.2 and 0.4 s, and the load is over at 0.5 s, not with the last start.
    let result = perform(spec(2, vec![scenario(steady(5.0, ms(500), 2), immediate())]));
    assert_eq!(result.totals.scenarios[0].iterations.completed, 3);
    assert!(result.lasted >= ms(500), "{:?}", result.lasted);
}

#[test]
fn the_last_iteration_has_its_grace_from_the_end_of_the_load() {
    // The last start is due at 0.25 s and takes 0.4 s: the load ends at 0.5 s and the grace at 0.8 s.
    let slow = crate::stage::taking(ms(400));
    let specification = scenario(steady(4.0, ms(500), 4), slow);
    let graceful = prony_engine::ScenarioSpec { graceful_stop: ms(300), ..specification };
    let result = perform(spec(1, vec![graceful]));
    let counts = result.totals.scenarios[0].iterations;
    assert_eq!((counts.completed, counts.cut), (2, 0));
}

#[test]
fn more_workers_than_users_leave_some_idle() {
    let log = Log::default();
    let result = perform(spec(3, vec![scenario(steady(200.0, ms(200), 2), log.noting(immediate()))]));
    assert_eq!(result.totals.scenarios[0].due, 40);
    let begun = log.begun();
    assert!(begun.iter().all(|start| start.user < 2 && start.worker < 2), "{begun:?}");
}

#[test]
fn another_seed_is_another_poisson_process_and_the_same_seed_the_same() {
    let schedule = |seed| {
        let log = Log::default();
        let load = open(vec![ramp(500.0, 500.0, ms(200))], Arrivals::Poisson, 8);
        let mut run = spec(1, vec![scenario(load, log.noting(immediate()))]);
        run.seed = seed;
        perform(run);
        log.schedule()
    };
    assert_eq!(schedule(1), schedule(1));
    assert_ne!(schedule(1), schedule(2));
}

#[test]
fn scenarios_side_by_side_keep_their_own_schedules() {
    let (one, two) = (Log::default(), Log::default());
    let load = |rate| -> Load {
        let stages: Vec<RateStage> = vec![ramp(rate, rate, ms(300))];
        open(stages, Arrivals::Poisson, 10)
    };
    let result = perform(spec(
        2,
        vec![scenario(load(500.0), one.noting(immediate())), scenario(load(500.0), two.noting(immediate()))],
    ));
    assert_adds_up(&result, 0);
    assert_adds_up(&result, 1);
    assert_ne!(one.schedule(), two.schedule(), "each scenario draws its own arrivals");
}
