//! A latency distribution in an HDR histogram.

use hdrhistogram::Histogram;

use super::values::Values;

/// The longest latency told apart: one hour. Longer ones count as one hour.
const HIGHEST_NANOS: u64 = 3_600_000_000_000;

/// A distribution of durations in nanoseconds: 3 significant digits from 1 ns to one hour. Empty ones take no memory
/// to speak of; full ones at most about 270 KB.
#[derive(Clone, Debug, Default)]
pub struct Latency(Values);

impl Latency {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.record(nanoseconds.min(HIGHEST_NANOS));
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// Adds all of a histogram of nanoseconds, as one that was stored.
    pub fn add(&mut self, histogram: &Histogram<u64>) {
        self.0.add(histogram);
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.filled().map_or(0, Histogram::len)
    }

    /// The duration in nanoseconds below or at which a share of `quantile` (0 to 1) of all lie; `None` without any.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        self.0.quantile(quantile)
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
        self.0.filled()
    }
}
