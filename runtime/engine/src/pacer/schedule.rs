//! The starts of an open load, one after the other, as one worker sees them.

use std::time::Duration;

use prony_core::{Random, SetupError};

use crate::course::Course;
use crate::load::{Arrivals, OpenLoad, Starts};
use crate::pacer::rate::RateCurve;
use crate::pacer::replay::Recorded;
use crate::pacer::steered::Steered;

/// Which starts are a worker's: start *i* goes to slot *i* mod `slots` (the most users), slot *s* to worker *s* mod
/// `workers`. So each worker gets starts in proportion to its users, and any number of workers makes the same schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stripe {
    pub(crate) slots: u32,
    pub(crate) worker: u32,
    pub(crate) workers: u32,
}

impl Stripe {
    fn owns(self, index: u64) -> bool {
        (index % u64::from(self.slots.max(1))) % u64::from(self.workers.max(1)) == u64::from(self.worker)
    }
}

/// A worker's starts in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    kind: Kind,
    stripe: Stripe,
    next: u64,
    /// The start that was looked at last and is still to be made.
    pending: Option<Mark>,
    steered: Steered,
}

#[derive(Debug)]
enum Kind {
    Uniform,
    Poisson { random: Random, reached: f64 },
    Replay(Recorded),
}

/// A start, before anybody asks when it is due.
#[derive(Clone, Copy, Debug)]
struct Mark {
    place: Place,
    owned: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// When the load's integral reaches so much.
    Amount(f64),
    /// So long after the load's beginning, in the plan's time.
    Moment(Duration),
}

impl Schedule {
    /// The lane of [`Random`] streams that arrivals draw from; users' lanes are scenario numbers below it.
    const LANE: u64 = 1 << 32;

    /// The starts of a load that begins `after` the run.
    pub(crate) fn new(
        load: &OpenLoad,
        (seed, scenario): (u64, u16),
        stripe: Stripe,
        after: Duration,
    ) -> Result<Self, SetupError> {
        let (kind, stages) = match &load.starts {
            Starts::Rate { stages, arrivals: Arrivals::Uniform } => (Kind::Uniform, stages.as_slice()),
            Starts::Rate { stages, arrivals: Arrivals::Poisson } => {
                let random = Random::new(seed, Self::LANE, u64::from(scenario));
                (Kind::Poisson { random, reached: 0.0 }, stages.as_slice())
            }
            Starts::Replay(path) => (Kind::Replay(Recorded::open(path)?), &[][..]),
        };
        let steered = Steered::new(RateCurve::new(stages), after);
        Ok(Self { kind, stripe, next: 0, pending: None, steered })
    }

    /// Goes by `course` from now on.
    pub(crate) fn follow(&mut self, course: &Course) {
        self.steered.follow(course);
    }

    /// When this worker's next start is due, from the run's beginning: the same one until it is taken. `None` is never, as far
    /// as is known.
    pub(crate) fn due(&mut self) -> Option<Duration> {
        if self.stripe.worker >= self.stripe.slots {
            return None;
        }
        loop {
            let mark = match self.pending {
                Some(mark) => mark,
                None => self.draw()?,
            };
            self.pending = Some(mark);
            let due = match mark.place {
                Place::Amount(amount) => self.steered.reaches(amount)?,
                Place::Moment(moment) => self.steered.when(moment)?,
            };
            if mark.owned {
                return Some(due);
            }
            self.pending = None;
        }
    }

    /// The start that is due next has been made, or dropped.
    pub(crate) fn take(&mut self) {
        self.pending = None;
    }

    /// Whether a start is known that is still to be made, should the run go on.
    pub(crate) fn holds_a_start(&self) -> bool {
        self.pending.is_some()
    }

    /// The next start of all workers, or the next of this one's where those between need not be looked at.
    fn draw(&mut self) -> Option<Mark> {
        loop {
            let index = self.next;
            self.next += 1;
            let owned = self.stripe.owns(index);
            let place = match &mut self.kind {
                // Some index among the next `slots` is owned.
                Kind::Uniform if !owned => continue,
                Kind::Uniform => Place::Amount(index as f64),
                Kind::Poisson { random, reached } => {
                    *reached += random.exponential();
                    Place::Amount(*reached)
                }
                Kind::Replay(recorded) => Place::Moment(recorded.next()?),
            };
            return Some(Mark { place, owned });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Action;
    use crate::load::RateStage;
    use prony_core::units::PerSecond;

    fn load(arrivals: Arrivals, rate: f64, seconds: u64) -> OpenLoad {
        let rate = PerSecond::new(rate).expect("a rate");
        let stages = vec![RateStage { from: rate, to: rate, over: Duration::from_secs(seconds) }];
        OpenLoad { starts: Starts::Rate { stages, arrivals }, max_users: 10 }
    }

    fn all(load: &OpenLoad, workers: u32, slots: u32) -> Vec<Duration> {
        steered(load, (workers, slots), Duration::ZERO, &[])
    }

    /// All starts of all workers, while somebody steers: a worker hears of a change when it has made all that is due before.
    fn steered(
        load: &OpenLoad,
        (workers, slots): (u32, u32),
        after: Duration,
        changes: &[(u64, Action)],
    ) -> Vec<Duration> {
        let mut all = Vec::new();
        for worker in 0..workers {
            let stripe = Stripe { slots, worker, workers };
            let mut schedule = Schedule::new(load, (7, 0), stripe, after).expect("a schedule");
            let mut course = Course::default();
            let mut changes = changes.iter().peekable();
            loop {
                let start = schedule.due();
                assert_eq!(schedule.due(), start, "the same until it is taken");
                let next = |at: u64| start.is_none_or(|due| due >= Duration::from_millis(at));
                if let Some((at, action)) = changes.next_if(|(at, _)| next(*at)) {
                    course.turn(Duration::from_millis(*at), *action).expect("a change");
                    schedule.follow(&course);
                } else if let Some(start) = start {
                    all.push(start);
                    schedule.take();
                } else {
                    break;
                }
            }
        }
        all.sort();
        all
    }

    fn between(due: &[Duration], from: u64, to: u64) -> usize {
        let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
        due.iter().filter(|due| (from..to).contains(due)).count()
    }

    const PAUSED: [(u64, Action); 2] = [(5_005, Action::Pause), (65_005, Action::Resume)];
    const STEERED: [(u64, Action); 6] = [
        (3_000, Action::Load(200)),
        (5_000, Action::Pause),
        (6_000, Action::Load(50)),
        (9_000, Action::Resume),
        (11_000, Action::Load(100)),
        (90_000, Action::Pause),
    ];

    #[test]
    fn a_pause_moves_what_comes_after_it_and_nothing_else() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let load = load(arrivals, 100.0, 10);
            let after = Duration::from_secs(2);
            let plain = steered(&load, (1, 10), after, &[]);
            let paused = steered(&load, (1, 10), after, &PAUSED);
            let minute = Duration::from_secs(60);
            let expected = plain.iter().map(|due| if due.as_millis() < 5_005 { *due } else { *due + minute });
            for (due, expected) in paused.iter().zip(expected) {
                assert!(due.abs_diff(expected) <= Duration::from_nanos(2), "{due:?} {expected:?}");
            }
            assert_eq!(paused.len(), plain.len(), "nothing is lost");
        }
    }

    #[test]
    fn a_pause_before_the_load_begins_puts_it_off() {
        let due = steered(
            &load(Arrivals::Uniform, 100.0, 1),
            (2, 10),
            Duration::from_secs(2),
            &[(500, Action::Pause), (10_500, Action::Resume)],
        );
        assert_eq!((due.len(), due[0]), (100, Duration::from_secs(12)));
    }

    #[test]
    fn a_factor_multiplies_the_rate_from_its_moment_on() {
        let due = steered(&load(Arrivals::Uniform, 100.0, 10), (3, 10), Duration::ZERO, &STEERED);
        let counts = [(0, 3_000), (3_000, 5_000), (5_000, 9_000), (9_000, 11_000), (11_000, 14_000)]
            .map(|(from, to)| between(&due, from, to));
        assert_eq!(counts, [300, 400, 0, 100, 300]);
        assert_eq!(due.len(), 1_100, "10 s of load, 4 s of pause");
    }

    #[test]
    fn any_number_of_workers_makes_the_same_schedule_while_somebody_steers() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let load = load(arrivals, 97.0, 10);
            let alone = steered(&load, (1, 10), Duration::ZERO, &STEERED);
            assert!(alone.is_sorted() && alone.len() > 900);
            for (workers, slots) in [(2, 10), (3, 10), (4, 3), (7, 100)] {
                assert_eq!(
                    steered(&load, (workers, slots), Duration::ZERO, &STEERED),
                    alone,
                    "{workers} {slots}"
                );
            }
        }
    }

    #[test]
    fn a_load_that_was_over_goes_on_for_nobody() {
        // Paused when all starts were made: there are no more when it is resumed.
        let changes = [(20_000, Action::Pause), (30_000, Action::Load(300)), (40_000, Action::Resume)];
        let due = steered(&load(Arrivals::Uniform, 100.0, 10), (2, 10), Duration::ZERO, &changes);
        assert_eq!(due.len(), 1_000);
    }

    #[test]
    fn recorded_starts_are_moved_by_a_pause_and_not_by_a_factor() {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"0\n1\n2\n3\n").expect("written");
        let load = OpenLoad { starts: Starts::Replay(file.path().to_owned()), max_users: 2 };
        let changes = [(500, Action::Load(300)), (1_500, Action::Pause), (11_500, Action::Resume)];
        let due = steered(&load, (2, 2), Duration::ZERO, &changes);
        assert_eq!(due.iter().map(Duration::as_millis).collect::<Vec<_>>(), [0, 1_000, 12_000, 13_000]);
    }

    #[test]
    fn any_number_of_workers_makes_the_same_schedule() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let load = load(arrivals, 100.0, 10);
            let alone = all(&load, 1, 10);
            for (workers, slots) in [(2, 10), (3, 10), (4, 3), (7, 100)] {
                assert_eq!(
                    all(&load, workers, slots),
                    alone,
                    "{workers} workers, {slots} slots, {arrivals:?}"
                );
            }
        }
    }

    #[test]
    fn poisson_arrivals_are_as_dispersed_as_they_should_be() {
        let due = all(&load(Arrivals::Poisson, 1_000.0, 100), 1, 10);
        assert!((due.len() as f64 - 100_000.0).abs() < 4.0 * 100_000_f64.sqrt(), "{}", due.len());
        // The index of dispersion of counts in bins of 10 ms is 1 for a Poisson process; its deviation is √(2/bins).
        let mut bins = vec![0.0_f64; 10_000];
        for at in &due {
            bins[(at.as_secs_f64() * 100.0) as usize] += 1.0;
        }
        let mean = bins.iter().sum::<f64>() / bins.len() as f64;
        let variance = bins.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (bins.len() - 1) as f64;
        let dispersion = variance / mean;
        assert!((dispersion - 1.0).abs() < 5.0 * (2.0_f64 / 10_000.0).sqrt(), "{dispersion}");
    }
}
