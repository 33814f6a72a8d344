//! How users hear that they are wanted no longer, and how they leave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony_core::catalog::{Entries, MetricKind};
use prony_core::{
    BoxFuture, IterationEnd, Journey, JourneyWorker, Journeys, MetricId, ScenarioId, Seat, SetupError, Start,
    Timestamp,
};
use prony_engine::{Control, Ended, Load, OpenLoad, RunResult, RunSpec, ScenarioSpec, Starts, run};

use crate::stage::{
    assert_adds_up, each, for_workers, ms, scenario, shared, spec, steady, user_stages, users,
};

/// What the users of a run did, in the order in which they did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Began an iteration, wanted until this moment.
    Began(Timestamp),
    Left,
    /// Ceased to be.
    Dropped,
}

type Deeds = Arc<Mutex<Vec<(u32, Deed)>>>;

/// What a user does in its iterations.
#[derive(Clone, Copy)]
enum Habit {
    /// Something that takes so long.
    Takes(Duration),
    /// Waits until it is wanted no longer.
    Stays,
    /// The same, but for user 2 there is no data.
    StaysWithData,
}

/// Users with a habit, who take their time to leave and record something as they do, and when they are dropped.
struct Company {
    habit: Habit,
    leaving: Duration,
    deeds: Deeds,
}

struct Guest {
    habit: Habit,
    leaving: Duration,
    deeds: Deeds,
    seat: Seat,
}

/// The metrics of [`company`].
const LEFT: MetricId = MetricId(0);
const DROPPED: MetricId = MetricId(1);

impl Journeys for Company {
    fn worker(&self, _: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        Ok(Box::new(Self { deeds: Arc::clone(&self.deeds), ..*self }))
    }
}

impl JourneyWorker for Company {
    fn user(&mut self, seat: Seat) -> Box<dyn Journey> {
        Box::new(Guest { habit: self.habit, leaving: self.leaving, deeds: Arc::clone(&self.deeds), seat })
    }
}

impl Guest {
    fn note(&self, deed: Deed) {
        self.deeds.lock().expect("the list").push((self.seat.user, deed));
    }
}

impl Journey for Guest {
    fn iterate(&mut self, start: Start) -> BoxFuture<'_, IterationEnd> {
        self.note(Deed::Began(start.wanted.until()));
        Box::pin(async move {
            match self.habit {
                Habit::Takes(time) => tokio::time::sleep(time).await,
                Habit::StaysWithData if self.seat.user == 2 => return IterationEnd::OutOfData,
                Habit::Stays | Habit::StaysWithData => {
                    start.wanted.over(self.seat.clock, tokio::time::sleep).await;
                }
            }
            IterationEnd::Complete
        })
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            tokio::time::sleep(self.leaving).await;
            self.note(Deed::Left);
            self.seat.meter.metric(LEFT, self.seat.clock.now(), 1.0);
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.note(Deed::Dropped);
        self.seat.meter.metric(DROPPED, self.seat.clock.now(), 1.0);
    }
}

fn company(workers: u32, load: Load, habit: Habit, leaving: Duration) -> (RunSpec, Deeds) {
    let deeds = Deeds::default();
    let journeys = Arc::new(Company { habit, leaving, deeds: Arc::clone(&deeds) });
    let template = scenario(load, crate::stage::immediate());
    let mut spec = spec(workers, vec![ScenarioSpec { journeys, ..template }]);
    let mut entries = Entries::new(&mut spec.catalog, ScenarioId(0));
    assert_eq!(entries.metric("test.left", MetricKind::Counter, "").expect("room"), LEFT);
    assert_eq!(entries.metric("test.dropped", MetricKind::Counter, "").expect("room"), DROPPED);
    (spec, deeds)
}

/// Runs it to its end: the result, and by user what it did.
fn told(spec: RunSpec, deeds: &Deeds) -> (RunResult, Vec<Vec<Deed>>) {
    let result = run(spec, &Control::new(), &mut |_| {}).expect("set up");
    assert_adds_up(&result, 0);
    (result, by_user(deeds))
}

fn by_user(deeds: &Deeds) -> Vec<Vec<Deed>> {
    let deeds = deeds.lock().expect("the list");
    let most = deeds.iter().map(|(user, _)| *user).max().map_or(0, |most| most + 1);
    let of = |user| deeds.iter().filter(|(whose, _)| *whose == user).map(|(_, deed)| *deed).collect();
    (0..most).map(of).collect()
}

fn times_left(deeds: &[Deed]) -> usize {
    deeds.iter().filter(|deed| **deed == Deed::Left).count()
}

#[test]
fn everybody_leaves_once_after_its_last_iteration() {
    let loads = [each(5, 3), shared(5, 20), users(5, ms(80)), steady(100.0, ms(80), 5)];
    std::thread::scope(|scope| {
        for load in loads {
            scope.spawn(move || {
                for_workers(|workers| {
                    let (spec, deeds) = company(workers, load.clone(), Habit::Takes(ms(10)), ms(20));
                    let (result, users) = told(spec, &deeds);
                    // An open load has as many as it needs.
                    assert!(users.len() == 5 || matches!(load, Load::Open(_)), "{load:?}");
                    for deeds in &users {
                        assert_eq!(times_left(deeds), 1, "{load:?}: {deeds:?}");
                        assert!(deeds.ends_with(&[Deed::Left, Deed::Dropped]), "{load:?}: {deeds:?}");
                    }
                    let counted = [LEFT, DROPPED].map(|id| result.totals.metrics[usize::from(id.0)].sum);
                    assert_eq!(counted, [users.len() as f64; 2], "what is recorded last is counted");
                    assert!(result.lasted < ms(10_000), "they leave side by side");
                });
            });
        }
    });
}

#[test]
fn who_is_cut_off_does_not_leave_and_what_its_end_records_is_counted() {
    for load in [users(4, ms(50)), steady(100.0, ms(50), 4)] {
        let (mut spec, deeds) = company(2, load, Habit::Takes(ms(60_000)), ms(0));
        spec.scenarios[0].graceful_stop = ms(50);
        let (result, users) = told(spec, &deeds);
        assert!(users.iter().all(|deeds| times_left(deeds) == 0), "{users:?}");
        assert_eq!(result.totals.scenarios[0].iterations.cut, 4);
        assert_eq!(result.totals.metrics[usize::from(DROPPED.0)].sum, 4.0);
    }
}

#[test]
fn leaving_has_the_time_of_the_graceful_stop_and_no_more() {
    let (mut spec, deeds) = company(2, each(4, 1), Habit::Takes(ms(1)), ms(60_000));
    spec.scenarios[0].load = users(4, ms(50));
    spec.scenarios[0].graceful_stop = ms(200);
    let (result, users) = told(spec, &deeds);
    assert!(users.iter().all(|deeds| times_left(deeds) == 0), "{users:?}");
    assert_eq!(result.totals.scenarios[0].iterations.cut, 0, "their iterations had ended");
    assert!(result.lasted < ms(10_000), "{:?}", result.lasted);
}

#[test]
fn a_user_of_a_staged_load_knows_its_time_leaves_and_comes_back() {
    // User n is wanted from 30·n to 330 − 30·n ms, and again from 360 + 30·n ms to the end.
    for_workers(|workers| {
        let load = user_stages(&[(4, 120), (4, 90), (0, 120), (0, 30), (4, 120), (4, 60)]);
        let (spec, deeds) = company(workers, load, Habit::Stays, ms(0));
        let (_, users) = told(spec, &deeds);
        let until = |deeds: &[Deed]| -> Vec<Timestamp> {
            let began = deeds.iter().filter_map(|deed| match deed {
                Deed::Began(until) => Some(*until),
                _ => None,
            });
            began.collect()
        };
        let first = until(&users[0]);
        let begin = Timestamp::from_nanos(first[0].as_nanos() - 330_000_000);
        for (number, deeds) in (0..4).zip(&users) {
            let ends = [330 - 30 * number, 540].map(|at| begin + ms(at));
            assert_eq!(until(deeds), ends, "user {number}: {deeds:?}");
            let courses = [Deed::Began(ends[0]), Deed::Left, Deed::Began(ends[1]), Deed::Left, Deed::Dropped];
            assert_eq!(**deeds, courses);
        }
    });
}

#[test]
fn loads_tell_their_users_when_they_end_if_they_know() {
    let until = |load: Load| {
        let (spec, deeds) = company(1, load, Habit::Takes(ms(1)), ms(0));
        let (result, users) = told(spec, &deeds);
        let Some(Deed::Began(until)) = users[0].first().copied() else { panic!("{users:?}") };
        (until, result.lasted)
    };
    for load in [users(1, ms(100)), steady(20.0, ms(100), 1)] {
        let (until, _) = until(load.clone());
        let now = prony_engine::clock::clock().now();
        assert!(until < now && until + ms(2_000) > now, "{load:?}: {until:?}");
    }
    let decades = Duration::from_secs(50 * 365 * 86_400);
    assert!(until(each(1, 2)).0 > Timestamp::default() + decades, "it ends when its iterations are done");
}

#[test]
fn who_waits_for_the_end_hears_of_an_interruption_at_once() {
    let loads = [users(50, ms(600_000)), steady(500.0, ms(600_000), 50), each(50, 1)];
    std::thread::scope(|scope| {
        for load in loads {
            scope.spawn(move || {
                let (spec, deeds) = company(2, load, Habit::Stays, ms(5));
                let control = Control::new();
                let stop = control.clone();
                let mut seconds = 0;
                let result = run(spec, &control, &mut |_| {
                    seconds += 1;
                    stop.interrupt();
                })
                .expect("set up");
                assert_eq!(result.ended, Ended::Interrupted);
                let counts = result.totals.scenarios[0].iterations;
                assert_eq!((counts.completed, counts.cut), (50, 0), "{counts:?}");
                assert!(by_user(&deeds).iter().all(|deeds| times_left(deeds) == 1));
                assert!(result.lasted < ms(2_900), "not by the cut: {:?}", result.lasted);
            });
        }
    });
}

#[test]
fn who_waits_for_the_end_of_an_open_load_hears_of_it_however_it_ends() {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"0\n0.01\n0.05\n").expect("written");
    let replay = Load::Open(OpenLoad { starts: Starts::Replay(file.path().to_owned()), max_users: 3 });
    let (spec, deeds) = company(1, replay, Habit::Stays, ms(0));
    let (result, users) = told(spec, &deeds);
    assert_eq!(result.totals.scenarios[0].iterations.completed, 3);
    assert!(users.iter().all(|deeds| times_left(deeds) == 1), "{users:?}");
    assert!(result.lasted < ms(5_000), "{:?}", result.lasted);
    // Its data has run out: the load ends, and with it the others' waiting.
    let (spec, _) = company(1, steady(100.0, ms(600_000), 3), Habit::StaysWithData, ms(0));
    let result = run(spec, &Control::new(), &mut |_| {}).expect("set up");
    assert_eq!(result.totals.scenarios[0].iterations.completed, 2);
    assert!(result.lasted < ms(5_000), "{:?}", result.lasted);
}
