//! Closed load: each user begins an iteration when it has ended the one before, as long as it is wanted.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prony_core::units::PerSecond;
use prony_core::{Journey, Stopping, Timestamp};
use send_wrapper::SendWrapper;
use tokio::task::JoinSet;

use crate::executor::{Crew, Next};
use crate::load::ClosedLoad;
use crate::pacer::wanted_between;

/// What is left of the iterations that a worker's users share. `None` is no limit.
type Shared = SendWrapper<Rc<Cell<Option<u64>>>>;

/// The longest a load without an end of its own may take: a century.
const FOREVER: Duration = Duration::from_secs(100 * 366 * 86_400);

pub(super) async fn run(crew: &Arc<Crew>, load: &ClosedLoad) {
    let mut users = JoinSet::new();
    let (total, share) = match load {
        ClosedLoad::Users { users, .. } | ClosedLoad::IterationsEach { users, .. } => (*users, None),
        ClosedLoad::SharedIterations { users, iterations, .. } => {
            (*users, Some(share(*iterations, *users, crew.seat.worker, crew.seat.workers)))
        }
        ClosedLoad::Stages(stages) => (stages.iter().map(|stage| stage.users).max().unwrap_or(0), None),
    };
    let shared: Shared = SendWrapper::new(Rc::new(Cell::new(share)));
    for number in crew.users(total) {
        let (stretches, each) = match load {
            ClosedLoad::Users { lasting, start_rate, .. } => {
                (vec![(comes_after(number, *start_rate), *lasting)], None)
            }
            ClosedLoad::IterationsEach { iterations, at_most, .. } => {
                (vec![(Duration::ZERO, at_most.unwrap_or(FOREVER))], Some(*iterations))
            }
            ClosedLoad::SharedIterations { at_most, .. } => {
                (vec![(Duration::ZERO, at_most.unwrap_or(FOREVER))], None)
            }
            ClosedLoad::Stages(stages) => (wanted_between(stages, number), None),
        };
        crew.spawn(&mut users, live(Arc::clone(crew), number, stretches, each, shared.clone()));
    }
    let mut stop = crew.stop.clone();
    let end = crew.begin + load_length(load);
    let left = end - crew.seat.clock.now();
    // Users end by themselves; what is waited for here is the moment from which the graceful stop counts.
    tokio::select! {
        () = all_ended(&mut users, crew) => return,
        () = tokio::time::sleep(left) => {}
        _ = stop.wait_for(Option::is_some) => {}
    }
    crew.wind_down(users).await;
}

/// When user number `number` comes.
fn comes_after(number: u32, start_rate: Option<PerSecond>) -> Duration {
    let seconds = start_rate.map_or(0.0, |rate| f64::from(number) / rate.get());
    Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER)
}

fn load_length(load: &ClosedLoad) -> Duration {
    match load {
        ClosedLoad::Users { lasting, .. } => *lasting,
        ClosedLoad::Stages(stages) => stages.iter().map(|stage| stage.over).sum(),
        ClosedLoad::IterationsEach { at_most, .. } | ClosedLoad::SharedIterations { at_most, .. } => {
            at_most.unwrap_or(FOREVER)
        }
    }
}

async fn all_ended(users: &mut JoinSet<()>, crew: &Crew) {
    while let Some(ended) = users.join_next().await {
        crew.report_defect(ended);
    }
}

/// A worker's share of `iterations`, in proportion to its users: what the users up to it have, rounded, less what those
/// before it have. So the shares add up to the unit.
fn share(iterations: u64, users: u32, worker: u32, workers: u32) -> u64 {
    let users_of = |worker: u32| u64::from(users.saturating_sub(worker).div_ceil(workers.max(1)));
    let up_to = |worker: u32| -> u64 {
        let counted: u64 = (0..worker).map(users_of).sum();
        (u128::from(iterations) * u128::from(counted) / u128::from(users.max(1))) as u64
    };
    up_to(worker + 1) - up_to(worker)
}

/// A user's life over the stretches in which it is wanted.
async fn live(
    crew: Arc<Crew>,
    number: u32,
    stretches: Vec<(Duration, Duration)>,
    each: Option<u64>,
    shared: Shared,
) {
    let mut journey: Option<Box<dyn Journey>> = None;
    let mut iteration = 0;
    for stretch in stretches {
        let stretch = (crew.begin + stretch.0, crew.begin + stretch.1);
        let before = iteration;
        let next = go(&crew, number, stretch, (each, &shared), &mut journey, &mut iteration).await;
        // Who has not come back since it left need not leave again.
        if let Some(journey) = journey.as_mut().filter(|_| iteration > before) {
            journey.leave().await;
        }
        if next == Next::Over {
            return;
        }
    }
}

/// A user's life over one stretch.
async fn go(
    crew: &Crew,
    number: u32,
    (from, until): (Timestamp, Timestamp),
    (each, shared): (Option<u64>, &Shared),
    journey: &mut Option<Box<dyn Journey>>,
    iteration: &mut u64,
) -> Next {
    if !wait(crew, from).await {
        return Next::Over;
    }
    let (mut due, mut now) = (from, crew.seat.clock.now());
    while due < until
        && now < until
        && !crew.stopped()
        && each.is_none_or(|most| *iteration < most)
        && take(shared)
    {
        let journey = journey.get_or_insert_with(|| crew.user(number));
        let next = crew.iterate(&mut **journey, due, (number, *iteration), crew.wanted(until)).await;
        *iteration += 1;
        if next == Next::Over {
            return Next::Over;
        }
        now = crew.seat.clock.now();
        due = match crew.iteration_every {
            None => now,
            Some(every) => next_beat(due, every, now),
        };
        // Who has nothing left to do need not wait for the next beat; who has, stays to the end of its stretch.
        let finished = each.is_some_and(|most| *iteration >= most) || shared.get() == Some(0);
        let bounded = each.is_some() || shared.get().is_some();
        if finished || (bounded && due >= until) {
            break;
        }
        if due > now {
            if !wait(crew, due.min(until)).await {
                break;
            }
            now = crew.seat.clock.now();
        }
    }
    Next::GoOn
}

/// Takes one of the shared iterations, if there is a limit.
fn take(shared: &Shared) -> bool {
    match shared.get() {
        None => true,
        Some(0) => false,
        Some(left) => {
            shared.set(Some(left - 1));
            true
        }
    }
}

/// The beat after `last`. A user that is late by whole beats leaves those out, so no backlog builds up.
fn next_beat(last: Timestamp, every: Duration, now: Timestamp) -> Timestamp {
    let beat = (every.as_nanos() as u64).max(1);
    let behind = now.nanos_since(last) / beat;
    Timestamp::from_nanos(last.as_nanos() + beat * behind.max(1))
}

/// Waits until `due`; false when the run is stopped meanwhile.
async fn wait(crew: &Crew, due: Timestamp) -> bool {
    if crew.seat.clock.now() >= due {
        return true;
    }
    tokio::select! {
        () = crew.seat.timer.until(due) => true,
        () = crew.bell.stopped() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_unit() {
        for (iterations, users, workers) in
            [(1_000, 10, 2), (7, 10, 3), (1_000, 3, 4), (1, 1, 8), (999, 7, 5)]
        {
            let shares: Vec<u64> =
                (0..workers).map(|worker| share(iterations, users, worker, workers)).collect();
            assert_eq!(shares.iter().sum::<u64>(), iterations, "{shares:?}");
            let idle = shares.iter().zip(0..).any(|(share, worker)| *share > 0 && worker >= users);
            assert!(!idle, "a worker without users has a share: {shares:?}");
        }
    }

    #[test]
    fn users_come_at_their_rate() {
        let rate = |rate| Some(PerSecond::new(rate).expect("a rate"));
        let second = Duration::from_secs;
        assert_eq!(comes_after(0, rate(100.0)), Duration::ZERO);
        assert_eq!(comes_after(4_999, rate(100.0)), second(50) - Duration::from_millis(10));
        assert_eq!(comes_after(3, rate(0.5)), second(6));
        assert_eq!(comes_after(4_999, None), Duration::ZERO);
        assert_eq!(comes_after(1, rate(0.0)), FOREVER, "never");
    }

    #[test]
    fn beats_keep_their_time_and_build_no_backlog() {
        let at = Timestamp::from_nanos;
        let every = Duration::from_nanos(100);
        assert_eq!(next_beat(at(1_000), every, at(1_010)), at(1_100));
        assert_eq!(next_beat(at(1_000), every, at(1_150)), at(1_100));
        assert_eq!(next_beat(at(1_000), every, at(1_350)), at(1_300));
    }
}
