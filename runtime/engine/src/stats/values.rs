//! A lazily made HDR histogram of whole numbers, on which latencies and trends stand.

use hdrhistogram::Histogram;

/// Whole numbers with 3 significant digits. Empty ones take no memory to speak of; full ones at most about 360 KB.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    histogram: Option<Box<Histogram<u64>>>,
}

impl Values {
    /// Counts one number.
    #[inline]
    pub(super) fn record(&mut self, value: u64) {
        // It grows as far as needed, and those who use it cap their values far below what it can hold: it cannot fail.
        let _ = self.ensure().record(value);
    }

    /// Adds all of `other`, bucket by bucket.
    pub(super) fn merge(&mut self, other: &Self) {
        if let Some(histogram) = other.filled() {
            self.add(histogram);
        }
    }

    /// Adds all of a histogram.
    pub(super) fn add(&mut self, histogram: &Histogram<u64>) {
        // Resizing is allowed: it cannot fail.
        let _ = self.ensure().add(histogram);
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        if let Some(histogram) = self.histogram.as_deref_mut().filter(|histogram| !histogram.is_empty()) {
            histogram.reset();
        }
    }

    /// The histogram itself; `None` when nothing was counted.
    pub(super) fn filled(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_deref().filter(|histogram| !histogram.is_empty())
    }

    /// The number below or at which a share of `quantile` (0 to 1) of all lie.
    pub(super) fn quantile(&self, quantile: f64) -> Option<u64> {
        self.filled().map(|histogram| histogram.value_at_quantile(quantile).min(histogram.max()))
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
