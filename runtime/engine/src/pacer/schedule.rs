//! The starts of an open load, one after the other, as one worker sees them.

use std::time::Duration;

use prony_core::{Random, SetupError};

use crate::load::{Arrivals, OpenLoad, Starts};
use crate::pacer::rate::RateCurve;
use crate::pacer::replay::Recorded;

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
}

#[derive(Debug)]
enum Kind {
    Uniform(RateCurve),
    Poisson { curve: RateCurve, random: Random, reached: f64 },
    Replay(Recorded),
}

impl Schedule {
    /// The lane of [`Random`] streams that arrivals draw from; users' lanes are scenario numbers below it.
    const LANE: u64 = 1 << 32;

    pub(crate) fn new(load: &OpenLoad, seed: u64, scenario: u16, stripe: Stripe) -> Result<Self, SetupError> {
        let kind = match &load.starts {
            Starts::Rate { stages, arrivals: Arrivals::Uniform } => Kind::Uniform(RateCurve::new(stages)),
            Starts::Rate { stages, arrivals: Arrivals::Poisson } => {
                let random = Random::new(seed, Self::LANE, u64::from(scenario));
                Kind::Poisson { curve: RateCurve::new(stages), random, reached: 0.0 }
            }
            Starts::Replay(path) => Kind::Replay(Recorded::open(path)?),
        };
        Ok(Self { kind, stripe, next: 0 })
    }

    /// When this worker's next start is due, from the load's beginning.
    pub(crate) fn next_due(&mut self) -> Option<Duration> {
        if self.stripe.worker >= self.stripe.slots {
            return None;
        }
        loop {
            let index = self.next;
            self.next += 1;
            let owned = self.stripe.owns(index);
            match &mut self.kind {
                Kind::Uniform(curve) if owned => return curve.reaches(index as f64),
                // Some index among the next `slots` is owned.
                Kind::Uniform(_) => {}
                Kind::Poisson { curve, random, reached } => {
                    *reached += random.exponential();
                    if owned {
                        return curve.reaches(*reached);
                    }
                    curve.reaches(*reached)?;
                }
                Kind::Replay(recorded) => {
                    let due = recorded.next()?;
                    if owned {
                        return Some(due);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::RateStage;
    use prony_core::units::PerSecond;

    fn load(arrivals: Arrivals, rate: f64, seconds: u64) -> OpenLoad {
        let rate = PerSecond::new(rate).expect("a rate");
        let stages = vec![RateStage { from: rate, to: rate, over: Duration::from_secs(seconds) }];
        OpenLoad { starts: Starts::Rate { stages, arrivals }, max_users: 10 }
    }

    fn all(load: &OpenLoad, workers: u32, slots: u32) -> Vec<Duration> {
        let mut due: Vec<_> = (0..workers)
            .flat_map(|worker| {
                let mut schedule =
                    Schedule::new(load, 7, 0, Stripe { slots, worker, workers }).expect("a schedule");
                std::iter::from_fn(move || schedule.next_due())
            })
            .collect();
        due.sort();
        due
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
