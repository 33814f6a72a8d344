//! The time of a run in bins of whole seconds: one a second while they are few, and never more than a page can show.

/// The most bins of a run, over all its scenarios, and of one.
const MOST_IN_ALL: u64 = 4_800;
const MOST: u64 = 600;
const FEWEST: u64 = 60;
/// An interval shorter than this, at a run's end, belongs to the bin before: figures a second of it would be noise.
const STUB_US: f64 = 500_000.0;

/// The most bins of each of so many scenarios.
pub(super) fn room(scenarios: usize) -> u64 {
    (MOST_IN_ALL / (scenarios.max(1) as u64)).clamp(FEWEST, MOST)
}

/// How seconds are put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bins {
    seconds: u64,
}

impl Bins {
    /// Bins for a run that lasted so long and has so many scenarios.
    pub(super) fn new(lasted_us: f64, scenarios: usize) -> Self {
        let most = room(scenarios);
        let seconds = (lasted_us / 1e6).ceil().clamp(1.0, 1e12) as u64;
        Self { seconds: seconds.div_ceil(most) }
    }

    /// The seconds in a bin.
    pub(super) fn seconds(self) -> u64 {
        self.seconds
    }

    /// The bin of an interval. Both files of a run have the same intervals, so both fall into the same bins.
    pub(super) fn of(self, from_us: f64, to_us: f64) -> u64 {
        let second = (from_us / 1e6).round().max(0.0) as u64;
        let stub = to_us - from_us < STUB_US && second > 0;
        (if stub { second - 1 } else { second }) / self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_few_and_even() {
        for (seconds, scenarios, expected) in
            [(1, 1, 1), (600, 1, 1), (601, 1, 2), (3_600, 1, 6), (3_600, 50, 38), (2_600_000, 1, 4_334)]
        {
            let bins = Bins::new(f64::from(seconds) * 1e6, scenarios);
            assert_eq!(bins.seconds(), expected, "{seconds} {scenarios}");
        }
        let bins = Bins::new(3_600e6, 1);
        assert_eq!([0.0, 5e6, 6e6, 3_599e6].map(|from| bins.of(from, from + 1e6)), [0, 0, 1, 599]);
        assert_eq!(bins.of(5_999_700.0, 7e6), 1, "clocks are not that even");
    }

    #[test]
    fn a_last_moment_is_no_second() {
        let bins = Bins::new(10.02e6, 1);
        assert_eq!((bins.of(9e6, 10e6), bins.of(10e6, 10.02e6)), (9, 9));
        assert_eq!(bins.of(0.0, 0.02e6), 0, "it may be all there is");
    }
}
