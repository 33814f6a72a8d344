//! The user's own random numbers: the same seed gives the same ones, in every language and in a test.
//!
//! Crates such as `rand` know nothing of a run's seed. Whatever is here is made of the first five functions, each of
//! which takes one number from the user's stream ([`normal`] takes two).

use crate::host;

/// 64 random bits.
#[must_use]
pub fn bits() -> u64 {
    host::random_bits()
}

/// A number in `[0, 1)`.
#[must_use]
pub fn unit() -> f64 {
    host::random_unit()
}

/// A whole number from `low` to `high`, both included; `low` when `high` is smaller.
#[must_use]
pub fn between(low: i64, high: i64) -> i64 {
    host::random_between(low, high)
}

/// An exponential variate with mean 1.
#[must_use]
pub fn exponential() -> f64 {
    host::random_exponential()
}

/// A normal variate with mean 0 and deviation 1.
#[must_use]
pub fn normal() -> f64 {
    host::random_normal()
}

/// True with this probability, from 0 to 1.
#[must_use]
pub fn chance(probability: f64) -> bool {
    unit() < probability
}

/// A number from 0 to `length - 1`; 0 when `length` is 0.
#[must_use]
pub fn index(length: usize) -> usize {
    let last = i64::try_from(length).unwrap_or(i64::MAX) - 1;
    usize::try_from(between(0, last)).unwrap_or(0)
}

/// One of the items, each as likely; none of an empty slice.
#[must_use]
pub fn choose<T>(items: &[T]) -> Option<&T> {
    items.get(index(items.len()))
}

/// One of the items, by their weights. Weights below zero count as zero; none when all are.
#[must_use]
pub fn weighted<T>(items: &[(T, f64)]) -> Option<&T> {
    let total: f64 = items.iter().map(|(_, weight)| weight.max(0.0)).sum();
    let mut left = unit() * total;
    let mut last = None;
    for (item, weight) in items.iter().filter(|(_, weight)| *weight > 0.0) {
        if left < *weight {
            return Some(item);
        }
        left -= weight;
        last = Some(item);
    }
    last
}

/// Puts the items into a random order (Fisher and Yates, from the last item on).
pub fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, index(last + 1));
    }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn weights_are_kept() {
        let mut host = Host::new();
        let often = host.within(|| {
            let items = [("never", 0.0), ("often", 3.0), ("seldom", 1.0), ("not", -1.0)];
            let drawn: Vec<_> = (0..4000).filter_map(|_| weighted(&items)).collect();
            assert_eq!(drawn.len(), 4000);
            assert!(drawn.iter().all(|name| ["often", "seldom"].contains(name)));
            drawn.iter().filter(|&&&name| name == "often").count()
        });
        assert!((2850..3150).contains(&often), "{often}");
    }

    #[test]
    fn nothing_is_chosen_of_nothing() {
        Host::new().within(|| {
            assert_eq!(choose::<u8>(&[]), None);
            assert_eq!(weighted(&[("a", 0.0)]), None);
        });
    }

    #[test]
    fn shuffling_keeps_all_items() {
        Host::new().within(|| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items);
            assert_ne!(items, (0..50).collect::<Vec<_>>());
            items.sort_unstable();
            assert_eq!(items, (0..50).collect::<Vec<_>>());
        });
    }
}
