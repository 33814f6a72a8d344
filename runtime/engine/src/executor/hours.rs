//! When a scenario's users on one worker are wanted: its load, and the course that the run takes.
//!
//! Loads know the plan's time, counted from their own beginning; workers know moments. This is where one becomes the other.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use prony_core::units::PerSecond;
use prony_core::{Clock, Timestamp};

use crate::course::Course;
use crate::load::{ClosedLoad, Load, OpenLoad, Starts, UserStage};
use crate::pacer::{Ramp, ramps, wanted_between};

/// The longest a load without an end of its own may take: a century.
const FOREVER: Duration = Duration::from_secs(100 * 366 * 86_400);
/// What lies beyond everything that is known.
const NEVER: Timestamp = Timestamp::from_nanos(u64::MAX);

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Hours {
    clock: Clock,
    /// The run's beginning.
    begin: Timestamp,
    /// The load's, in the plan's time.
    after: Duration,
    load: Load,
    course: RefCell<Arc<Course>>,
    turns: Cell<u64>,
}

impl Hours {
    pub(crate) fn new(clock: Clock, begin: Timestamp, after: Duration, load: Load) -> Self {
        Self { clock, begin, after, load, course: RefCell::default(), turns: Cell::new(0) }
    }

    /// Goes by `course` from now on.
    pub(super) fn follow(&self, course: Arc<Course>) {
        self.course.replace(course);
        self.turns.set(self.turns.get() + 1);
    }

    /// How often the course has changed.
    pub(super) fn turns(&self) -> u64 {
        self.turns.get()
    }

    pub(super) fn course(&self) -> Arc<Course> {
        Arc::clone(&self.course.borrow())
    }

    /// The run's beginning.
    pub(super) fn begin(&self) -> Timestamp {
        self.begin
    }

    /// The load's beginning, in the plan's time.
    pub(super) fn after(&self) -> Duration {
        self.after
    }

    /// When it is so long after the load's beginning; `None` when the run is paused before, and nobody knows for how long.
    pub(super) fn moment(&self, plan: Duration) -> Option<Timestamp> {
        self.course.borrow().when(self.after.saturating_add(plan)).map(|run| self.begin + run)
    }

    /// How long after the load's beginning it is now, in the plan's time.
    pub(super) fn now(&self) -> Duration {
        self.course.borrow().plan_at(self.clock.now() - self.begin).saturating_sub(self.after)
    }

    /// How long the load lasts. Recorded starts end with the last of them.
    pub(super) fn length(&self) -> Duration {
        match &self.load {
            Load::Open(OpenLoad { starts: Starts::Replay(_), .. }) => Duration::ZERO,
            load => load.duration().unwrap_or(FOREVER),
        }
    }

    /// The stretches in which user number `user` of a closed load is wanted.
    pub(super) fn stretches(&self, user: u32) -> Vec<(Duration, Duration)> {
        let Load::Closed(load) = &self.load else { return Vec::new() };
        let course = self.course.borrow();
        match load {
            ClosedLoad::Users { users, start_rate, lasting } => {
                let come = comes_after(user, *start_rate);
                if course.is_straight() {
                    return vec![(come, *lasting)];
                }
                let stages = [(*users, Duration::ZERO), (*users, *lasting)]
                    .map(|(users, over)| UserStage { users, over });
                let wanted = wanted_between(&self.ramps(&stages, &course), user);
                wanted
                    .into_iter()
                    .map(|(from, until)| (from.max(come), until))
                    .filter(|(from, until)| from < until)
                    .collect()
            }
            ClosedLoad::Stages(stages) => wanted_between(&self.ramps(stages, &course), user),
            ClosedLoad::IterationsEach { .. } | ClosedLoad::SharedIterations { .. } => {
                vec![(Duration::ZERO, self.length())]
            }
        }
    }

    fn ramps(&self, stages: &[UserStage], course: &Course) -> Vec<Ramp> {
        ramps(stages, course, self.after)
    }

    /// Until when user number `user` is wanted, who was told `planned` before anybody changed the course.
    pub(super) fn until(&self, user: u32, planned: Timestamp) -> Timestamp {
        if self.course.borrow().is_straight() {
            return planned;
        }
        let end = match &self.load {
            Load::Open(OpenLoad { starts: Starts::Replay(_), .. }) => return NEVER,
            Load::Open(_) => Some(self.length()),
            Load::Closed(_) => {
                let now = self.now();
                self.stretches(user)
                    .into_iter()
                    .find(|(from, until)| (*from..*until).contains(&now))
                    .map(|(_, until)| until)
            }
        };
        // Nobody is wanted where there is no stretch.
        end.map_or(Timestamp::default(), |end| self.end(end))
    }

    /// When it is so long after the load's beginning, as far as is known; never, when the run is paused before.
    pub(super) fn end(&self, plan: Duration) -> Timestamp {
        self.moment(plan).unwrap_or(NEVER)
    }

    /// Until when the plan's time goes on as the run's does, as far as `plan`: the next pause, or that moment.
    pub(super) fn free_until(&self, plan: Duration) -> Timestamp {
        let now = self.clock.now() - self.begin;
        // One under way has begun already.
        let pause = self.course.borrow().pauses().find(|(_, end)| end.is_none_or(|end| end > now));
        self.end(plan).min(pause.map_or(NEVER, |(from, _)| self.begin + from))
    }

    /// What a user of an open load is told.
    pub(super) fn planned_end(&self) -> Timestamp {
        match &self.load {
            Load::Open(OpenLoad { starts: Starts::Replay(_), .. }) => NEVER,
            _ => self.end(self.length()),
        }
    }
}

/// When user number `number` comes.
fn comes_after(number: u32, start_rate: Option<PerSecond>) -> Duration {
    let seconds = start_rate.map_or(0.0, |rate| f64::from(number) / rate.get());
    Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Action;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    const fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// 4 users for 100 s, one of whom comes each second, in a run that began at 1,000 s and a load that began 10 s later. It is
    /// 1,030 s, and the course is `changes`.
    fn hours(changes: &[(u64, Action)]) -> Hours {
        let start_rate = PerSecond::new(1.0).ok();
        let load = Load::Closed(ClosedLoad::Users { users: 4, start_rate, lasting: second(100) });
        let hours = Hours::new(Clock::new(|| at(1_030)), at(1_000), second(10), load);
        let mut course = Course::default();
        changes.iter().for_each(|(at, action)| assert!(course.turn(second(*at), *action).is_ok()));
        hours.follow(Arc::new(course));
        hours
    }

    #[test]
    fn users_come_at_their_rate() {
        let rate = |rate| Some(PerSecond::new(rate).expect("a rate"));
        assert_eq!(comes_after(0, rate(100.0)), Duration::ZERO);
        assert_eq!(comes_after(4_999, rate(100.0)), second(50) - Duration::from_millis(10));
        assert_eq!(comes_after(3, rate(0.5)), second(6));
        assert_eq!(comes_after(4_999, None), Duration::ZERO);
        assert_eq!(comes_after(1, rate(0.0)), FOREVER, "never");
    }

    #[test]
    fn the_plans_time_becomes_moments() {
        let plain = hours(&[]);
        assert_eq!((plain.now(), plain.moment(second(100))), (second(20), Some(at(1_110))));
        assert_eq!(plain.until(3, at(1_110)), at(1_110));
        let paused = hours(&[(20, Action::Pause)]);
        assert_eq!((paused.now(), paused.moment(second(9))), (second(10), Some(at(1_019))));
        assert_eq!((paused.moment(second(10)), paused.until(3, at(1_110))), (None, NEVER));
        let resumed = hours(&[(20, Action::Pause), (25, Action::Resume)]);
        assert_eq!(resumed.until(3, at(1_110)), at(1_115));
    }

    #[test]
    fn users_go_straight_on_until_a_pause_or_their_end() {
        for (changes, free) in [
            (&[][..], 1_110),
            (&[(20, Action::Pause), (25, Action::Resume)], 1_115),
            (&[(20, Action::Pause), (40, Action::Resume)], 1_020),
            (&[(40, Action::Pause)], 1_040),
            (&[(20, Action::Load(50)), (40, Action::Pause), (50, Action::Resume)], 1_040),
        ] {
            assert_eq!(hours(changes).free_until(second(100)), at(free), "{changes:?}");
        }
    }

    #[test]
    fn a_percentage_of_the_users_is_wanted() {
        let steered = hours(&[(20, Action::Load(50)), (60, Action::Load(100))]);
        assert_eq!(steered.stretches(1), [(second(1), second(100))]);
        assert_eq!(steered.stretches(3), [(second(3), second(10)), (second(50), second(100))]);
        assert_eq!(
            (steered.until(1, at(1_110)), steered.until(3, at(1_110))),
            (at(1_110), Timestamp::default())
        );
        assert_eq!(
            hours(&[(20, Action::Load(1))]).stretches(0),
            [(Duration::ZERO, second(100))],
            "somebody stays"
        );
        assert_eq!(
            hours(&[(20, Action::Load(300))]).stretches(3),
            [(second(3), second(100))],
            "no more than planned"
        );
    }
}
