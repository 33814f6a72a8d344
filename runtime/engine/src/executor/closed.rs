//! Closed load: each user begins an iteration when it has ended the one before, as long as it is wanted.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prony_core::{Journey, Timestamp};
use send_wrapper::SendWrapper;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::executor::{Crew, Next};
use crate::load::ClosedLoad;

/// What a worker's users have in common.
#[derive(Default)]
struct Company {
    /// What is left of the iterations that they share. `None` is no limit.
    shared: Cell<Option<u64>>,
    /// Iterations of each. `None` is no limit.
    each: Option<u64>,
    /// How many have something to do, now or later.
    expected: Cell<usize>,
    nobody_expected: Notify,
    over: Cell<bool>,
}

type SharedCompany = SendWrapper<Rc<Company>>;

pub(super) async fn run(crew: &Arc<Crew>, load: &ClosedLoad) {
    let mut users = JoinSet::new();
    let (total, each, share) = match load {
        ClosedLoad::Users { users, .. } => (*users, None, None),
        ClosedLoad::IterationsEach { users, iterations, .. } => (*users, Some(*iterations), None),
        ClosedLoad::SharedIterations { users, iterations, .. } => {
            (*users, None, Some(share(*iterations, *users, crew.seat.worker, crew.seat.workers)))
        }
        ClosedLoad::Stages(stages) => (stages.iter().map(|stage| stage.users).max().unwrap_or(0), None, None),
    };
    let company = Company { shared: Cell::new(share), each, ..Company::default() };
    company.expected.set(crew.users(total).count());
    let company: SharedCompany = SendWrapper::new(Rc::new(company));
    for number in crew.users(total) {
        crew.spawn(&mut users, live(Arc::clone(crew), number, company.clone()));
    }
    let length = crew.bell.hours.length();
    let mut end = std::pin::pin!(crew.until_plan(length));
    // Users end by themselves; what is waited for here is the moment from which the graceful stop counts.
    loop {
        tokio::select! {
            ended = users.join_next() => match ended {
                None => return,
                Some(ended) => crew.report_defect(ended),
            },
            () = company.nobody_expected.notified() => break,
            () = &mut end => break,
            () = crew.bell.news() => if crew.stopped() { break },
        }
    }
    company.over.set(true);
    crew.bell.nudge();
    crew.wind_down(users).await;
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

/// A user and where it is in its life.
struct User {
    number: u32,
    journey: Option<Box<dyn Journey>>,
    iteration: u64,
    /// Whether it has done an iteration since it left last.
    present: bool,
    /// When its next iteration is due, in the plan's time from the load's beginning; `None` with its next stretch.
    due: Option<Duration>,
}

/// Why a user does not go on in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// The stretch is over.
    Ended,
    /// The run's course is another.
    Turned,
    /// It has nothing left to do, or the scenario is over on this worker.
    Done,
}

/// A user's life over the stretches in which it is wanted.
async fn live(crew: Arc<Crew>, number: u32, company: SharedCompany) {
    let mut user = User { number, journey: None, iteration: 0, present: false, due: None };
    while !crew.stopped() {
        let now = crew.bell.hours.now();
        let turns = crew.bell.hours.turns();
        let stretch = crew.bell.hours.stretches(number).into_iter().find(|(_, until)| *until > now);
        let Some((from, until)) = stretch else {
            user.leave().await;
            if rest(&crew, &company, turns).await {
                continue;
            }
            break;
        };
        if from > now {
            user.leave().await;
        }
        let due = user.due.map_or(from, |due| due.max(from));
        user.due = Some(due);
        match go(&crew, &mut user, until, &company).await {
            Pause::Turned => {}
            Pause::Ended => user.leave().await,
            Pause::Done => break,
        }
    }
    user.leave().await;
    company.leaves();
}

impl User {
    /// Leaves, for a while or for good. Who has not come back since it left need not leave again.
    async fn leave(&mut self) {
        self.due = None;
        if std::mem::take(&mut self.present)
            && let Some(journey) = &mut self.journey
        {
            journey.leave().await;
        }
    }
}

impl Company {
    /// One fewer has something to do.
    fn leaves(&self) {
        self.expected.set(self.expected.get().saturating_sub(1));
        if self.expected.get() == 0 {
            self.nobody_expected.notify_one();
        }
    }

    /// Whether `user` has done all it was asked for.
    fn is_done(&self, user: &User) -> bool {
        self.each.is_some_and(|most| user.iteration >= most) || self.shared.get() == Some(0)
    }

    fn is_bounded(&self) -> bool {
        self.each.is_some() || self.shared.get().is_some()
    }
}

/// Waits until the course is another than after `turns` of it, for somebody who has nothing to do by this one; false when the
/// load is over.
async fn rest(crew: &Crew, company: &SharedCompany, turns: u64) -> bool {
    company.leaves();
    loop {
        let news = crew.bell.news();
        let over = crew.stopped() || company.over.get();
        if over || crew.bell.hours.turns() != turns {
            // It has something to do again, or is counted out once more as it ends.
            company.expected.set(company.expected.get() + 1);
            return !over;
        }
        news.await;
    }
}

/// A user's life over one stretch.
async fn go(crew: &Crew, user: &mut User, until: Duration, company: &SharedCompany) -> Pause {
    let hours = &crew.bell.hours;
    let turns = hours.turns();
    while let Some(due) = user.due {
        let news = crew.bell.news();
        if crew.stopped() || company.is_done(user) {
            return Pause::Done;
        }
        if hours.turns() != turns {
            return Pause::Turned;
        }
        if hours.now() >= until {
            return Pause::Ended;
        }
        // Who has nothing left to do need not wait for the next beat; who has, stays to the end of its stretch.
        if due >= until && company.is_bounded() {
            return Pause::Done;
        }
        // Without a moment the run is paused.
        let Some(moment) = hours.moment(due.min(until)) else {
            news.await;
            continue;
        };
        if crew.seat.clock.now() < moment {
            tokio::select! {
                () = crew.seat.timer.until(moment) => {}
                () = news => {}
            }
            continue;
        }
        if due >= until {
            return Pause::Ended;
        }
        if iterate(crew, user, (moment, until), turns, company).await == Next::Over {
            return Pause::Done;
        }
        let now = hours.now();
        user.due = Some(crew.iteration_every.map_or(now, |every| next_beat(due, every, now)));
    }
    Pause::Ended
}

/// Iterations of which each begins when the one before has ended, the first one at `moment`; one alone, where they keep a beat. Until
/// something must be looked at in the plan's time, they cost one look at the clock.
async fn iterate(
    crew: &Crew,
    user: &mut User,
    (mut moment, until): (Timestamp, Duration),
    turns: u64,
    company: &SharedCompany,
) -> Next {
    let hours = &crew.bell.hours;
    let (end, free) = (hours.end(until), hours.free_until(until));
    user.present = true;
    loop {
        take(&company.shared);
        let number = user.number;
        let journey = user.journey.get_or_insert_with(|| crew.user(number));
        let wanted = crew.wanted(number, end);
        let next = crew.iterate(&mut **journey, moment, (number, user.iteration), wanted).await;
        user.iteration += 1;
        if next == Next::Over || crew.iteration_every.is_some() {
            return next;
        }
        moment = crew.seat.clock.now();
        if crew.stopped() || hours.turns() != turns || company.is_done(user) || moment >= free {
            return Next::GoOn;
        }
    }
}

/// Takes one of the shared iterations, if there is a limit.
fn take(shared: &Cell<Option<u64>>) {
    shared.set(shared.get().map(|left| left.saturating_sub(1)));
}

/// The beat after `last`. A user that is late by whole beats leaves those out, so no backlog builds up.
fn next_beat(last: Duration, every: Duration, now: Duration) -> Duration {
    let beat = every.as_nanos().max(1);
    let behind = (now.saturating_sub(last).as_nanos() / beat).max(1);
    last + Duration::from_nanos(u64::try_from(beat * behind).unwrap_or(u64::MAX))
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
    fn beats_keep_their_time_and_build_no_backlog() {
        let at = Duration::from_nanos;
        let every = at(100);
        assert_eq!(next_beat(at(1_000), every, at(1_010)), at(1_100));
        assert_eq!(next_beat(at(1_000), every, at(1_150)), at(1_100));
        assert_eq!(next_beat(at(1_000), every, at(1_350)), at(1_300));
    }
}
