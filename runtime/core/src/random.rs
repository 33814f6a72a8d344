//! Seeded random numbers whose meaning never changes: same seed, same requests, release after release.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A generator of one user's (or one schedule's) random numbers.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The generator of the stream `stream` (say a user) of the lane `lane` (say a scenario) under a run's `seed`.
    #[must_use]
    pub fn new(seed: u64, lane: u64, stream: u64) -> Self {
        let mixed = mix(mix(mix(seed) ^ lane) ^ stream);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number below `bound` (0 when `bound` is 0). The bias is below `bound / 2⁶⁴`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A whole number in `low..=high`; `low` when `high` is smaller.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1).max(1);
        match u64::try_from(span) {
            Ok(span) => low.wrapping_add_unsigned(self.below(span)),
            Err(_) => self.bits() as i64,
        }
    }

    /// An exponential variate with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// A normal variate with mean 0 and deviation 1 (Box–Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }
}

/// SplitMix64's finaliser: spreads neighbouring numbers over all 64 bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What seed 42 has meant since 0.1.0.
    const GOLDEN: [i64; 4] = [488, 244, 661, 494];

    #[test]
    fn a_seed_keeps_its_meaning() {
        let mut random = Random::new(42, 1, 7);
        let first: Vec<i64> = (0..4).map(|_| random.between(1, 1000)).collect();
        assert_eq!(first, GOLDEN);
    }

    #[test]
    fn neighbouring_streams_differ() {
        assert_ne!(Random::new(1, 0, 0).bits(), Random::new(1, 0, 1).bits());
        assert_ne!(Random::new(1, 0, 1).bits(), Random::new(1, 1, 0).bits());
    }

    #[test]
    fn variates_have_their_means() {
        let mut random = Random::new(3, 0, 0);
        let n = 100_000;
        let exponential: f64 = (0..n).map(|_| random.exponential()).sum::<f64>() / f64::from(n);
        let normal: f64 = (0..n).map(|_| random.normal()).sum::<f64>() / f64::from(n);
        assert!((exponential - 1.0).abs() < 0.02, "{exponential}");
        assert!(normal.abs() < 0.02, "{normal}");
    }
}
