//! A latency distribution in an HDR histogram.

use hdrhistogram::Histogram;

/// The longest latency told apart: one hour. Longer ones count as one hour.
const HIGHEST_NANOS: u64 = 3_600_000_000_000;

/// A distribution of durations in nanoseconds: 3 significant digits from 1 ns to one hour. Empty ones take no memory
/// to speak of; full ones at most about 270 KB.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    histogram: Option<Box<Histogram<u64>>>,
}

impl Latency {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        // Grows as far as needed: below the highest value it cannot fail.
        let _ = self.ensure().record(nanoseconds.min(HIGHEST_NANOS));
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        if let Some(histogram) = other.histogram.as_deref().filter(|histogram| !histogram.is_empty()) {
            // Both have the same highest value, and resizing is allowed: it cannot fail.
            let _ = self.ensure().add(histogram);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(histogram) = self.histogram.as_deref_mut().filter(|histogram| !histogram.is_empty()) {
            histogram.reset();
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.as_deref().map_or(0, Histogram::len)
    }

    /// The duration in nanoseconds below or at which a share of `quantile` (0 to 1) of all lie; `None` without any.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        self.filled().map(|histogram| histogram.value_at_quantile(quantile).min(histogram.max()))
    }

    /// The smallest, in nanoseconds.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.filled().map(Histogram::min)
    }

    /// The largest, in nanoseconds.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.filled().map(Histogram::max)
    }

    /// The mean, in nanoseconds.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.filled().map(Histogram::mean)
    }

    /// The histogram itself, for those who write it to a file; `None` when nothing was counted.
    #[must_use]
    pub fn filled(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_deref().filter(|histogram| !histogram.is_empty())
    }

    fn ensure(&mut self) -> &mut Histogram<u64> {
        self.histogram.get_or_insert_with(|| {
            // Small to begin with; the histogram grows by itself.
            let mut histogram =
                Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are within 0 to 5"));
            histogram.auto(true);
            Box::new(histogram)
        })
    }
}
