//! Distributions in the forms that monitoring systems know: counts below bounds, and counts in exponential buckets.
//!
//! Every sample is counted once in either, so counts are exact. The value of a sample is the lower end of its bucket in the HDR
//! histogram, which is at most a thousandth below it.

use std::collections::BTreeMap;

use super::point::Samples;

/// Bounds of times in seconds when nobody gives others: seven a decade from 100 µs to 70 s.
pub(super) fn usual_bounds() -> Vec<f64> {
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0];
    let decade = |power: i32| steps.map(|step| format!("{step}e{power}").parse().unwrap_or(0.0));
    (-4..=1).flat_map(decade).collect()
}

/// Count and sum of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CountAndSum {
    pub(super) count: u64,
    /// In the metric's unit.
    pub(super) sum: f64,
}

impl Samples<'_> {
    /// How many, and what they add up to.
    pub(super) fn count_and_sum(&self) -> CountAndSum {
        let sum = self.each().map(|(_, middle, count)| middle * count as f64).sum();
        CountAndSum { count: self.histogram.len(), sum }
    }

    /// The value below or at which a share of `quantile` lie.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        self.histogram.value_at_quantile(quantile).min(self.histogram.max()) as f64 / self.scale
    }

    pub(super) fn min(&self) -> f64 {
        self.histogram.min() as f64 / self.scale
    }

    pub(super) fn max(&self) -> f64 {
        self.histogram.max() as f64 / self.scale
    }

    /// How many are below or at each of `bounds`, which ascend. Those above the last are in no figure.
    pub(super) fn cumulated(&self, bounds: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len()];
        for (value, _, count) in self.each() {
            let at = bounds.partition_point(|bound| *bound < value);
            if let Some(slot) = counts.get_mut(at) {
                *slot += count;
            }
        }
        let mut sum = 0;
        for count in &mut counts {
            sum += *count;
            *count = sum;
        }
        counts
    }

    /// The value of each bucket that has samples, the middle of it, and how many.
    fn each(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.histogram.iter_recorded().map(|bucket| {
            let value = bucket.value_iterated_to();
            let (low, middle) =
                (self.histogram.lowest_equivalent(value), self.histogram.median_equivalent(value));
            (low as f64 / self.scale, middle as f64 / self.scale, bucket.count_since_last_iteration())
        })
    }
}

/// Counts in buckets whose bounds are powers of `2^(2^-scale)`: bucket `index` holds values above `base^index` up to
/// `base^(index + 1)`, as OpenTelemetry numbers them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exponential {
    pub(super) scale: i32,
    pub(super) zeros: u64,
    pub(super) buckets: BTreeMap<i32, u64>,
}

/// Buckets are 2.2 % wide: what is read from their middle is at most 1.1 % off.
pub(super) const SCALE: i32 = 5;

impl Exponential {
    /// The samples in buckets of [`SCALE`].
    pub(super) fn of(samples: &Samples<'_>) -> Self {
        let mut exponential = Self { scale: SCALE, zeros: 0, buckets: BTreeMap::new() };
        for (value, _, count) in samples.each() {
            if value <= 0.0 {
                exponential.zeros += count;
            } else {
                let index = (value.log2() * f64::from(1 << SCALE)).ceil() as i32 - 1;
                *exponential.buckets.entry(index).or_default() += count;
            }
        }
        exponential
    }

    /// The same in wider buckets, so that from the first to the last there are no more than `most`.
    pub(super) fn within(mut self, most: i32) -> Self {
        while self.span() > most {
            let narrow = std::mem::take(&mut self.buckets);
            for (index, count) in narrow {
                *self.buckets.entry(index >> 1).or_default() += count;
            }
            self.scale -= 1;
        }
        self
    }

    /// How many buckets there are from the first to the last, empty ones included.
    fn span(&self) -> i32 {
        match (self.buckets.first_key_value(), self.buckets.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first + 1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn filled(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("3 digits");
        values.iter().for_each(|value| histogram.record(*value).expect("room"));
        histogram
    }

    #[test]
    fn every_sample_is_below_its_bound_and_counted_once() {
        let histogram = filled(&[0, 100_000, 100_001_000, 1_000_000_000, 90_000_000_000]);
        let samples = Samples { histogram: &histogram, scale: 1e9 };
        let bounds = usual_bounds();
        assert_eq!((bounds.len(), bounds[0], bounds[41]), (42, 0.0001, 70.0));
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{bounds:?}");
        let counts = samples.cumulated(&bounds);
        let at = |bound: f64| counts[bounds.iter().position(|one| *one == bound).expect("a bound")];
        assert_eq!([at(0.0001), at(0.05), at(0.7), at(1.0), at(70.0)], [2, 2, 3, 4, 4]);
        let CountAndSum { count, sum } = samples.count_and_sum();
        assert!(count == 5 && (sum - 91.1001).abs() < 0.1, "{sum}");
    }

    #[test]
    fn exponential_buckets_hold_their_values_and_lose_none_when_they_widen() {
        let values: Vec<u64> = (0..5_000).map(|number| number * number * 11_003).collect();
        let histogram = filled(&values);
        let samples = Samples { histogram: &histogram, scale: 1e9 };
        let narrow = Exponential::of(&samples);
        let wide = narrow.clone().within(160);
        for exponential in [&narrow, &wide] {
            assert_eq!(exponential.zeros + exponential.buckets.values().sum::<u64>(), 5_000);
            let base = 2_f64.powf(2_f64.powi(-exponential.scale));
            for quantile in [0.5, 0.9, 0.99, 0.999] {
                let rank = (quantile * 5_000.0_f64).ceil() as u64;
                let mut seen = exponential.zeros;
                let index = exponential.buckets.iter().find(|(_, count)| {
                    seen += **count;
                    seen >= rank
                });
                let index = *index.expect("a bucket").0;
                let value = samples.quantile(quantile);
                assert!(
                    base.powi(index) * 0.999 <= value && value <= base.powi(index + 1) * 1.001,
                    "{value} {index}"
                );
            }
        }
        assert!(wide.scale < narrow.scale && wide.span() <= 160);
        assert_eq!(Exponential::of(&Samples { histogram: &filled(&[]), scale: 1.0 }).span(), 0);
    }
}
