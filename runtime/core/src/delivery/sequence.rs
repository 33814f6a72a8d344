//! Numbers that somebody else counts, as one receiver sees them: what is missing, came twice, or late. For messages that carry a
//! number of their sender's and no stamp of Prony's, so that nothing is known but what came.

use super::missing::{Cause, Missing};

/// The most missing ranges that are remembered; the oldest are given up as lost.
const MOST_MISSING: usize = 256;

/// A sequence. What was sent before the first number that came is nobody's loss.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    first: Option<u64>,
    /// Above the highest that came, counted from the first.
    next: u32,
    missing: Missing,
    given_up: u64,
}

/// What a number is to its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The next, or the very first.
    Next,
    /// So many before it have not come.
    After(u64),
    /// Missing until now.
    Late,
    /// Here before.
    Repeated,
    /// Not to be judged: before the first that came, older than what is remembered, or 2³² above the first.
    Beyond,
}

impl Sequence {
    /// `number` came.
    pub fn arrive(&mut self, number: u64) -> Place {
        let first = *self.first.get_or_insert(number);
        let at = number.checked_sub(first).and_then(|at| u32::try_from(at).ok());
        let Some(at) = at.filter(|at| *at < u32::MAX) else { return Place::Beyond };
        if at >= self.next {
            let skipped = u64::from(at - self.next);
            self.missing.insert(self.next, at, Cause::Owed);
            self.given_up += self.missing.overflow(MOST_MISSING).iter().map(|span| span.count()).sum::<u64>();
            self.next = at + 1;
            return if skipped == 0 { Place::Next } else { Place::After(skipped) };
        }
        match self.missing.take(at) {
            Some(_) => Place::Late,
            None if self.missing.is_forgotten(at) => Place::Beyond,
            None => Place::Repeated,
        }
    }

    /// How many have not come that should have.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.given_up + self.missing.spans().iter().map(|span| span.count()).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart() {
        let mut sequence = Sequence::default();
        for (number, place) in [
            (100, Place::Next),
            (101, Place::Next),
            (105, Place::After(3)),
            (103, Place::Late),
            (103, Place::Repeated),
            (106, Place::Next),
            (100, Place::Repeated),
            (99, Place::Beyond),
            (100 + (1 << 32), Place::Beyond),
        ] {
            assert_eq!(sequence.arrive(number), place, "{number}");
        }
        assert_eq!(sequence.lost(), 2);
    }

    #[test]
    fn more_gaps_than_are_remembered_are_losses_all_the_same() {
        let mut sequence = Sequence::default();
        for number in 0..1_000 {
            sequence.arrive(number * 2);
        }
        assert_eq!(sequence.lost(), 999);
        assert_eq!(sequence.arrive(1), Place::Beyond);
        assert_eq!(sequence.arrive(1_997), Place::Late);
        assert_eq!(sequence.lost(), 998);
    }
}
