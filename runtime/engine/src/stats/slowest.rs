//! The slowest requests of a step, by their response time.

use prony_core::{FailureKind, Outcome, Timestamp, Traced};

/// How many of a step are kept.
const MOST: usize = 10;

/// A request among the slowest.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// When it was due.
    pub intended: Timestamp,
    /// From then to its end, in nanoseconds.
    pub response: u64,
    /// From when it was sent to its end, in nanoseconds, if it was.
    pub service: Option<u64>,
    /// The protocol's status, if an answer came.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub failure: Option<FailureKind>,
    /// Its place in a trace, if it has one.
    pub trace: Option<Traced>,
}

/// See the module's head. Takes no memory until there is a request.
#[derive(Clone, Debug, Default)]
pub struct Slowest {
    /// The slowest first.
    kept: Vec<Slow>,
    /// What a request has to be slower than, in nanoseconds.
    floor: u64,
}

impl Slowest {
    /// What a request has to be slower than to be kept, in nanoseconds: the one comparison that the others cost.
    #[inline]
    pub(super) const fn floor(&self) -> u64 {
        self.floor
    }

    /// Keeps a request that is slow enough.
    #[cold]
    pub(super) fn keep(&mut self, outcome: &Outcome) {
        self.insert(Slow {
            intended: outcome.intended,
            response: outcome.response_nanos(),
            service: outcome.service_nanos(),
            status: outcome.status,
            failure: outcome.failure,
            trace: outcome.trace,
        });
    }

    fn insert(&mut self, slow: Slow) {
        if slow.response <= self.floor {
            return;
        }
        if self.kept.capacity() == 0 {
            self.kept.reserve_exact(MOST);
        }
        self.kept.truncate(MOST - 1);
        let place = self.kept.partition_point(|kept| kept.response >= slow.response);
        self.kept.insert(place, slow);
        if let (MOST, Some(last)) = (self.kept.len(), self.kept.last()) {
            self.floor = last.response;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.kept.iter().for_each(|slow| self.insert(*slow));
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.floor = 0;
    }

    /// Those that are kept, the slowest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Slow> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Slowest {
        let mut slowest = Slowest::default();
        for time in times {
            let outcome =
                Outcome { finished: Timestamp::from_nanos(time), ..Outcome::due(Timestamp::default()) };
            if time > slowest.floor() {
                slowest.keep(&outcome);
            }
        }
        slowest
    }

    fn times(slowest: &Slowest) -> Vec<u64> {
        slowest.iter().map(|slow| slow.response).collect()
    }

    #[test]
    fn the_slowest_are_kept_whatever_their_order_and_whoever_saw_them() {
        let shuffled: Vec<u64> = (1..=1_000).map(|number| number * 389 % 1_009).collect();
        let mut expected = shuffled.clone();
        expected.sort_unstable_by(|one, other| other.cmp(one));
        expected.truncate(MOST);
        assert_eq!(times(&of(shuffled.iter().copied())), expected);
        let mut merged = Slowest::default();
        for part in shuffled.chunks(70) {
            merged.merge(&of(part.iter().copied()));
        }
        assert_eq!(times(&merged), expected);
        merged.clear();
        assert_eq!((times(&merged), merged.floor()), (vec![], 0));
    }

    #[test]
    fn few_are_all_kept_and_of_equal_ones_as_many_as_there_is_room_for() {
        assert_eq!(times(&of([5, 7, 6])), [7, 6, 5]);
        assert_eq!(times(&of(std::iter::repeat_n(9, 50))), [9; MOST]);
    }
}
