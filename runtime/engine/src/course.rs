//! How a run's time and a plan's go together when somebody steers: pauses, and more or less load than planned.
//!
//! A course is a pure function of the changes, each of which has its moment. That moment lies a little ahead of when the change
//! is made known ([`LEAD`]), and workers look for changes before each start: so nobody has made a start that a change says
//! otherwise about, and any number of workers makes the same schedule.

use std::time::Duration;

/// A change comes so long after it was asked for.
pub(crate) const LEAD: Duration = Duration::from_millis(200);
/// The most changes of a run: what a course needs memory for is bounded like all else.
const MOST_CHANGES: usize = 1_000;
/// What percentages there are.
pub const PERCENT: std::ops::RangeInclusive<u32> = 1..=1_000;

/// What somebody asks for who steers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// No further iteration begins, and the plan's time stands still; iterations under way go on to their end.
    Pause,
    /// The plan's time goes on from where it stood.
    Resume,
    /// So many percent of the planned rate or users, wherever the load allows it.
    Load(u32),
    /// The load ends, as by an interrupt.
    Stop,
}

/// From where somebody steers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The keys of the terminal's view.
    Terminal,
    /// The buttons of the web page.
    Web,
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// From the run's beginning to when it takes effect.
    pub at: Duration,
    /// Where in the plan's time that is.
    pub plan_at: Duration,
    /// What it is.
    pub action: Action,
    /// From where.
    pub origin: Origin,
}

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// From the run's beginning on; never empty.
    stretches: Vec<Stretch>,
}

/// A time in which nobody changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Its beginning, from the run's.
    pub(crate) from: Duration,
    /// The same moment in the plan's time.
    pub(crate) plan: Duration,
    pub(crate) paused: bool,
    pub(crate) percent: u32,
}

impl Default for Course {
    /// Nobody steers.
    fn default() -> Self {
        let begin = Stretch { from: Duration::ZERO, plan: Duration::ZERO, paused: false, percent: 100 };
        Self { stretches: vec![begin] }
    }
}

impl Action {
    /// The word for it in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Load(_) => "load",
            Self::Stop => "stop",
        }
    }
}

impl Origin {
    /// The word for it in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Web => "web",
        }
    }
}

impl Course {
    /// Takes up that from `at` on, or from the latest change on when that is later, `action` holds. When it begins to hold, in the
    /// run's time and in the plan's.
    ///
    /// # Errors
    /// When there is nothing to change; says why.
    pub fn turn(&mut self, at: Duration, action: Action) -> Result<(Duration, Duration), String> {
        let last = *self.last();
        let at = at.max(last.from);
        let next = Stretch { from: at, plan: self.plan_at(at), ..last };
        let next = match action {
            Action::Pause if last.paused => return Err("the run is paused already".to_owned()),
            Action::Resume if !last.paused => return Err("the run is not paused".to_owned()),
            Action::Load(percent) if percent == last.percent => {
                return Err(format!("the load is at {percent} % already"));
            }
            Action::Load(percent) if !PERCENT.contains(&percent) => {
                let (least, most) = (PERCENT.start(), PERCENT.end());
                return Err(format!("{percent} % of the load: expected {least} to {most}"));
            }
            Action::Pause => Stretch { paused: true, ..next },
            Action::Resume => Stretch { paused: false, ..next },
            Action::Load(percent) => Stretch { percent, ..next },
            Action::Stop => return Ok((at, next.plan)),
        };
        if self.stretches.len() > MOST_CHANGES {
            return Err(format!("the load was changed {MOST_CHANGES} times, and no more is kept of a run"));
        }
        self.stretches.push(next);
        Ok((next.from, next.plan))
    }

    /// Whether nobody has changed anything yet.
    #[must_use]
    pub fn is_straight(&self) -> bool {
        self.stretches.len() == 1
    }

    /// The plan's time at a moment of the run.
    #[must_use]
    pub fn plan_at(&self, run: Duration) -> Duration {
        let at = self.stretches.partition_point(|stretch| stretch.from <= run).max(1) - 1;
        let stretch = &self.stretches[at];
        if stretch.paused { stretch.plan } else { stretch.plan + run.saturating_sub(stretch.from) }
    }

    /// The run's time at a moment of the plan: the latest, where the plan stands still at it; `None` when it stands still there
    /// or before, and nobody knows for how long.
    #[must_use]
    pub fn when(&self, plan: Duration) -> Option<Duration> {
        // The latest stretch that moves and has begun by then.
        let at = self.stretches.partition_point(|stretch| stretch.plan <= plan).max(1) - 1;
        let stretch = &self.stretches[at];
        if !stretch.paused {
            return Some(stretch.from.saturating_add(plan.saturating_sub(stretch.plan)));
        }
        None
    }

    /// How much load, in percent of the plan's, at the end of what is known.
    #[must_use]
    pub fn percent(&self) -> u32 {
        self.last().percent
    }

    /// Whether the plan's time stands still, at the end of what is known.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.last().paused
    }

    /// From when to when the plan's time stood still; `None` is that it still does.
    pub fn pauses(&self) -> impl Iterator<Item = (Duration, Option<Duration>)> {
        let ends = self.stretches.iter().skip(1).map(|next| Some(next.from)).chain([None]);
        self.stretches
            .iter()
            .zip(ends)
            .filter(|(stretch, _)| stretch.paused)
            .map(|(one, end)| (one.from, end))
    }

    /// How much of the time between two moments of the run the plan's time stood still.
    #[must_use]
    pub fn paused_between(&self, from: Duration, to: Duration) -> Duration {
        let inside = self.pauses().map(|(begin, end)| (begin.max(from), end.unwrap_or(to).min(to)));
        inside.map(|(begin, end)| end.saturating_sub(begin)).sum()
    }

    /// All stretches, in their order.
    pub(crate) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    fn last(&self) -> &Stretch {
        &self.stretches[self.stretches.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Paused at 10 s, resumed at 40 s, half the load from 50 s on, paused at 60 s.
    fn steered() -> Course {
        let mut course = Course::default();
        for (at, action) in
            [(10, Action::Pause), (40, Action::Resume), (50, Action::Load(50)), (60, Action::Pause)]
        {
            course.turn(s(at), action).expect("a change");
        }
        course
    }

    #[test]
    fn the_plans_time_stands_still_while_paused() {
        let course = steered();
        for (run, plan) in [(0, 0), (9, 9), (10, 10), (25, 10), (40, 10), (45, 15), (60, 30), (1_000, 30)] {
            assert_eq!(course.plan_at(s(run)), s(plan), "{run}");
        }
        for (plan, run) in [
            (0, Some(0)),
            (9, Some(9)),
            (10, Some(40)),
            (15, Some(45)),
            (29, Some(59)),
            (30, None),
            (31, None),
        ] {
            assert_eq!(course.when(s(plan)), run.map(s), "{plan}");
        }
        assert_eq!(course.pauses().collect::<Vec<_>>(), [(s(10), Some(s(40))), (s(60), None)]);
        assert_eq!(course.paused_between(s(20), s(70)), s(30));
        assert!(course.is_paused() && course.percent() == 50 && !course.is_straight());
    }

    #[test]
    fn an_unsteered_run_has_the_plans_time() {
        let course = Course::default();
        assert!(course.is_straight() && !course.is_paused() && course.percent() == 100);
        assert_eq!((course.plan_at(s(7)), course.when(s(7))), (s(7), Some(s(7))));
        assert_eq!(course.pauses().count(), 0);
    }

    #[test]
    fn what_changes_nothing_is_refused() {
        let mut course = Course::default();
        for (action, expected) in [
            (Action::Resume, "not paused"),
            (Action::Load(100), "at 100 % already"),
            (Action::Load(0), "expected 1 to 1000"),
            (Action::Load(1_001), "expected 1 to 1000"),
        ] {
            let told = course.turn(s(1), action).expect_err("refused");
            assert!(told.contains(expected), "{told}");
        }
        assert!(course.is_straight());
        course.turn(s(1), Action::Pause).expect("a change");
        assert!(course.turn(s(2), Action::Pause).expect_err("refused").contains("paused already"));
        for percent in 101.. {
            if course.turn(s(2), Action::Load(if percent % 2 == 0 { 50 } else { 60 })).is_err() {
                break;
            }
        }
        assert_eq!(course.stretches.len(), MOST_CHANGES + 1);
    }

    #[test]
    fn changes_never_come_before_those_already_made() {
        let mut course = steered();
        assert_eq!(course.turn(s(3), Action::Resume), Ok((s(60), s(30))));
        assert_eq!(course.when(s(31)), Some(s(61)));
    }

    proptest! {
        #[test]
        fn moments_of_the_plan_are_found_again(
            changes in prop::collection::vec((0_u64..50, any::<bool>(), 1_u32..300), 0..20), run in 0_u64..2_000
        ) {
            let mut course = Course::default();
            let mut at = 0;
            for (after, pause, percent) in changes {
                at += after;
                let other = if course.is_paused() { Action::Resume } else { Action::Pause };
                let _ = course.turn(s(at), if pause { other } else { Action::Load(percent) });
            }
            let plan = course.plan_at(s(run));
            prop_assert!(course.plan_at(s(run + 1)) >= plan);
            match course.when(plan) {
                Some(found) => {
                    prop_assert_eq!(course.plan_at(found), plan);
                    // Later only by what is paused between.
                    let paused = course.paused_between(s(run), found.max(s(run)));
                    prop_assert_eq!(found.max(s(run)) - s(run), paused);
                }
                None => prop_assert!(course.is_paused()),
            }
        }
    }
}
