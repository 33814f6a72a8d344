//! The random numbers that Prony gives to a user: xoshiro256++ under a seed mixed of the run's, the scenario's number and the
//! user's.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

#[derive(Clone, Debug)]
pub(super) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(super) fn new(seed: u64, scenario: u64, user: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(mix(mix(mix(seed) ^ scenario) ^ user)))
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1).max(1);
        match u64::try_from(span) {
            Ok(span) => {
                let below = (u128::from(self.bits()) * u128::from(span)) >> 64;
                low.wrapping_add_unsigned(below as u64)
            }
            Err(_) => self.bits() as i64,
        }
    }

    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }
}

/// SplitMix64's finaliser: spreads neighbouring numbers over all 64 bits.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What seed 42 means in Prony itself.
    #[test]
    fn numbers_are_those_of_the_real_host() {
        let mut random = Random::new(42, 1, 7);
        let first: Vec<i64> = (0..4).map(|_| random.between(1, 1000)).collect();
        assert_eq!(first, [488, 244, 661, 494]);
    }

    #[test]
    fn ranges_hold_their_ends() {
        let mut random = Random::new(1, 0, 0);
        assert_eq!(random.between(5, 4), 5);
        assert!((0..1000).map(|_| random.between(1, 3)).all(|number| (1..=3).contains(&number)));
        let _whole = random.between(i64::MIN, i64::MAX);
    }
}
