//! Closed load: who does how many iterations, and who is wanted when.

use std::collections::HashMap;

use prony_core::IterationEnd;
use prony_engine::{ClosedLoad, Load};

use crate::stage::{
    Log, alone, assert_adds_up, each, for_workers, immediate, ms, perform, scenario, script, shared, spec,
    taking, user_stages, users,
};

fn by_user(log: &Log) -> HashMap<u32, Vec<u64>> {
    let mut users: HashMap<u32, Vec<u64>> = HashMap::new();
    for start in log.begun() {
        users.entry(start.user).or_default().push(start.iteration);
    }
    users.values_mut().for_each(|iterations| iterations.sort_unstable());
    users
}

#[test]
fn each_user_does_its_iterations() {
    for_workers(|workers| {
        let log = Log::default();
        let result = alone(workers, each(7, 30), log.noting(immediate()));
        assert_adds_up(&result, 0);
        assert_eq!(result.totals.scenarios[0].iterations.completed, 210);
        let users = by_user(&log);
        assert_eq!(users.len(), 7, "{workers} workers");
        for (user, iterations) in users {
            assert_eq!(iterations, (0..30).collect::<Vec<_>>(), "user {user}, {workers} workers");
        }
    });
}

#[test]
fn shared_iterations_add_up_whatever_the_users_and_workers() {
    for (users, iterations) in [(10, 100), (7, 100), (10, 7), (1, 5), (2, 1), (5, 0)] {
        for_workers(|workers| {
            let log = Log::default();
            let result = alone(workers, shared(users, iterations), log.noting(immediate()));
            assert_adds_up(&result, 0);
            let done = result.totals.scenarios[0].iterations.completed;
            assert_eq!(done, iterations, "{users} users, {workers} workers");
            assert_eq!(log.begun().len() as u64, iterations);
        });
    }
}

#[test]
fn users_for_a_time_begin_nothing_after_it() {
    for_workers(|workers| {
        let log = Log::default();
        let result = alone(workers, users(5, ms(300)), log.noting(taking(ms(20))));
        assert_adds_up(&result, 0);
        let counts = &result.totals.scenarios[0];
        let begun = log.begun();
        let first = begun[0].intended;
        assert!(begun.iter().all(|start| start.intended - first < ms(300)));
        assert!(by_user(&log).len() == 5, "everybody works");
        // 15 rounds of 20 ms at most; on a busy machine fewer.
        assert!((5..=75).contains(&counts.iterations.completed), "{:?}", counts.iterations);
        assert_eq!(counts.users_most, 5);
        assert_eq!(counts.iterations.cut, 0);
    });
}

#[test]
fn users_who_never_wait_leave_the_others_and_the_clock_their_turn() {
    let result = alone(1, users(3, ms(300)), immediate());
    assert_adds_up(&result, 0);
    assert!(result.lasted >= ms(300) && result.lasted < ms(5_000), "{:?}", result.lasted);
}

#[test]
fn staged_users_come_and_go() {
    // Up to 6 users in 300 ms, 200 ms there, down to none in 300 ms: user n comes at 50·n ms and goes at 800 − 50·n ms.
    for_workers(|workers| {
        let log = Log::default();
        let load = user_stages(&[(6, 300), (6, 200), (0, 300)]);
        let result = alone(workers, load, log.noting(taking(ms(5))));
        assert_adds_up(&result, 0);
        let begun = log.begun();
        let zero = begun[0].intended;
        for start in &begun {
            let (at, user) = (start.intended - zero, u64::from(start.user));
            assert!(at >= ms(50 * user), "user {user} at {at:?}");
            assert!(at < ms(800 - 50 * user), "user {user} at {at:?}");
        }
        for user in 0..6_u64 {
            let first = begun.iter().find(|start| u64::from(start.user) == user).expect("everybody comes");
            assert_eq!(
                first.intended - zero,
                ms(50 * user),
                "a user's first iteration is due when it is wanted"
            );
        }
    });
}

#[test]
fn a_user_wanted_twice_goes_on_counting() {
    let log = Log::default();
    let load = user_stages(&[(1, 0), (1, 60), (0, 0), (0, 100), (1, 0), (1, 60)]);
    let result = alone(1, load, log.noting(taking(ms(10))));
    assert_adds_up(&result, 0);
    let begun = log.begun();
    let zero = begun[0].intended;
    assert!(begun.iter().any(|start| start.intended - zero == ms(160)), "it comes back on time");
    assert!(begun.iter().all(|start| {
        let at = start.intended - zero;
        at < ms(60) || (ms(160)..ms(220)).contains(&at)
    }));
    assert_eq!(by_user(&log)[&0], (0..begun.len() as u64).collect::<Vec<_>>());
}

#[test]
fn iterations_have_a_limit_in_time() {
    for load in [
        ClosedLoad::IterationsEach { users: 2, iterations: 1_000_000, at_most: Some(ms(200)) },
        ClosedLoad::SharedIterations { users: 2, iterations: 1_000_000, at_most: Some(ms(200)) },
    ] {
        let result = alone(2, Load::Closed(load), taking(ms(10)));
        assert_adds_up(&result, 0);
        let counts = result.totals.scenarios[0].iterations;
        assert!((2..=40).contains(&counts.completed), "{counts:?}");
        assert_eq!(counts.cut, 0);
    }
}

#[test]
fn failed_iterations_are_counted_apart() {
    let load = each(4, 10);
    let every_second = script(|visit| async move {
        visit.answered(visit.start.intended);
        if visit.start.iteration % 2 == 0 { IterationEnd::Complete } else { IterationEnd::Failed }
    });
    let result = perform(spec(2, vec![scenario(load, every_second)]));
    assert_adds_up(&result, 0);
    let counts = result.totals.scenarios[0].iterations;
    assert_eq!((counts.completed, counts.failed), (20, 20));
}

#[test]
fn users_come_one_by_one_at_a_rate() {
    // 100 users at 500/s: user n is due at 2·n ms, whatever worker it lives on.
    for_workers(|workers| {
        let log = Log::default();
        let rate = prony_core::units::PerSecond::new(500.0).ok();
        let load = Load::Closed(ClosedLoad::Users { users: 100, start_rate: rate, lasting: ms(300) });
        let result = alone(workers, load, log.noting(taking(ms(50))));
        assert_adds_up(&result, 0);
        let begun = log.begun();
        let zero = begun[0].intended;
        for user in 0..100 {
            let own: Vec<_> = begun.iter().filter(|start| start.user == user).collect();
            assert_eq!(own[0].intended - zero, ms(2 * u64::from(user)), "user {user}");
            assert!(own.iter().all(|start| start.intended - zero < ms(300)), "the load's length is its own");
        }
        // These runs share the machine; alone they are some tens of microseconds late.
        let lag = result.totals.scenarios[0].lag.quantile(0.5).expect("starts");
        assert!(lag < 2_000_000, "{lag}");
    });
}
