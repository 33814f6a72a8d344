//! What guests measured themselves: counters, gauges and trends.

use hdrhistogram::Histogram;
use prony_core::Timestamp;
use prony_core::catalog::MetricKind;

use super::level::Level;
use super::values::Values;

/// Trends are told apart to a thousandth of their unit.
const SCALE: f64 = 1_000.0;
/// The largest value of a trend told apart; larger ones count as this in percentiles.
const HIGHEST: f64 = 9e12;

/// The values of one metric. Its kind is in the catalog and says which of the figures mean something.
#[derive(Clone, Debug, Default)]
pub struct MetricStats {
    /// How many values came.
    pub count: u64,
    /// What they add up to.
    pub sum: f64,
    /// The smallest, exactly; `None` without values. Not kept for counters.
    pub min: Option<f64>,
    /// The largest, exactly; `None` without values. Not kept for counters.
    pub max: Option<f64>,
    /// A gauge's latest value and when it came: over workers and seconds, the one that came last.
    pub last: Option<(Timestamp, f64)>,
    /// A trend's values in thousandths of its unit.
    values: Values,
}

impl MetricStats {
    /// Counts a value that came `at` this moment (only gauges ask). False, and nothing is counted, when it is no finite number.
    pub fn record(&mut self, kind: MetricKind, value: f64, at: impl FnOnce() -> Timestamp) -> bool {
        if !value.is_finite() {
            return false;
        }
        self.count += 1;
        self.sum += value;
        if kind == MetricKind::Counter {
            return true;
        }
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        if kind == MetricKind::Gauge {
            self.last = Some((at(), value));
        } else {
            // A histogram has no room below 0: such values are 0 in percentiles, and exact in sum, mean and minimum.
            self.values.record((value.clamp(0.0, HIGHEST) * SCALE).round() as u64);
        }
        true
    }

    /// A second of a level, all workers together.
    pub(crate) fn of_level(level: Level, at: Timestamp) -> Self {
        let (now, most) = (level.now as f64, level.most as f64);
        Self { count: 1, sum: now, min: Some(now), max: Some(most), last: Some((at, now)), ..Self::default() }
    }

    /// Adds all of `other`. Sums of floating-point numbers may differ in their last digit by the order of merging; everything
    /// else is the same in any order.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = pick(self.min, other.min, f64::min);
        self.max = pick(self.max, other.max, f64::max);
        self.last = match (self.last, other.last) {
            (Some(mine), Some(theirs)) if theirs.0 < mine.0 => Some(mine),
            (mine, theirs) => theirs.or(mine),
        };
        self.values.merge(&other.values);
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        *self = Self { values, ..Self::default() };
    }

    /// A trend's values for those who hand them on, and how many of the histogram's are one of the trend's unit; `None` without
    /// values.
    #[must_use]
    pub fn histogram(&self) -> Option<(&Histogram<u64>, f64)> {
        self.values.filled().map(|histogram| (histogram, SCALE))
    }

    /// The mean of a trend; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The value of a trend below or at which a share of `quantile` (0 to 1) of all lie, to 3 significant digits; `None` without any.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let value = self.values.quantile(quantile)? as f64 / SCALE;
        // A bucket's upper end may lie beyond the largest value in it.
        Some(value.max(self.min?).min(self.max?))
    }
}

fn pick(mine: Option<f64>, theirs: Option<f64>, better: fn(f64, f64) -> f64) -> Option<f64> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => Some(better(mine, theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: u64) -> impl FnOnce() -> Timestamp {
        move || Timestamp::from_nanos(nanoseconds)
    }

    fn of(kind: MetricKind, values: &[(u64, f64)]) -> MetricStats {
        let mut stats = MetricStats::default();
        values.iter().for_each(|(moment, value)| assert!(stats.record(kind, *value, at(*moment))));
        stats
    }

    #[test]
    fn merging_is_as_if_all_had_come_to_one_worker() {
        let (one, other) =
            ([(1, 5.0), (4, 0.25), (6, 1e9)].as_slice(), [(3, 80.5), (5, 3.0), (2, 7.75)].as_slice());
        for kind in [MetricKind::Counter, MetricKind::Gauge, MetricKind::Trend] {
            let whole = of(kind, &[one, other].concat());
            for (first, second) in [(one, other), (other, one)] {
                let mut merged = of(kind, first);
                merged.merge(&of(kind, second));
                merged.merge(&MetricStats::default());
                assert_eq!((merged.count, merged.sum), (whole.count, whole.sum));
                assert_eq!((merged.min, merged.max), (whole.min, whole.max));
                for quantile in [0.0, 0.3, 0.5, 0.9, 1.0] {
                    assert_eq!(merged.quantile(quantile), whole.quantile(quantile));
                }
            }
        }
    }

    #[test]
    fn the_level_that_came_last_counts() {
        let mut early = of(MetricKind::Gauge, &[(10, 1.0), (20, 2.0)]);
        let late = of(MetricKind::Gauge, &[(15, 9.0), (30, 3.0)]);
        let mut other_way = late.clone();
        other_way.merge(&early);
        early.merge(&late);
        assert_eq!(
            (early.last.map(|last| last.1), other_way.last.map(|last| last.1)),
            (Some(3.0), Some(3.0))
        );
        assert_eq!((early.min, early.max), (Some(1.0), Some(9.0)));
    }

    #[test]
    fn no_value_that_a_guest_gives_breaks_anything() {
        let mut stats = MetricStats::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!stats.record(MetricKind::Trend, value, at(0)));
        }
        assert_eq!(stats.count, 0);
        for value in [-5.0, 0.0, 0.001, 12.5, 9e12, 1e300] {
            assert!(stats.record(MetricKind::Trend, value, at(0)));
        }
        assert_eq!((stats.min, stats.max), (Some(-5.0), Some(1e300)));
        assert_eq!(stats.quantile(0.01), Some(0.0));
        assert_eq!(of(MetricKind::Trend, &[(0, 70.0), (0, 70.0)]).quantile(0.99), Some(70.0));
        assert_eq!(of(MetricKind::Trend, &[(0, -7.0)]).quantile(0.5), Some(-7.0));
        let highest = stats.quantile(1.0).expect("values");
        assert!((highest - 9e12).abs() < 9e9, "{highest}");
        assert!(stats.quantile(0.6).is_some_and(|value| (value - 12.5).abs() < 0.02), "{stats:?}");
        stats.clear();
        assert_eq!((stats.count, stats.quantile(0.5), stats.min), (0, None, None));
    }
}
