//! What did not come (yet): ranges of sequences, and why they are missing. At most so many; the oldest are given up.

/// Why a range is missing, as far as its receiver knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was owed, and no excuse is known.
    Owed,
    /// It was owed, and the receiver's connection was lost around it.
    Gap,
    /// The receiver was away and not entitled to it.
    Away,
    /// Nobody had asked for it.
    Unowed,
}

impl Cause {
    /// Whether a message that is missing for it is owed.
    pub(super) fn is_owed(self) -> bool {
        matches!(self, Self::Owed | Self::Gap)
    }
}

/// The missing sequences `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) cause: Cause,
}

impl Span {
    /// How many there are.
    pub(super) fn count(self) -> u64 {
        u64::from(self.end.saturating_sub(self.start))
    }
}

/// Missing ranges in order, without overlaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    spans: Vec<Span>,
    /// Ranges below were given up: whether one of them came is no longer known.
    floor: u32,
}

impl Missing {
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether nothing is remembered of `sequence`.
    pub(super) fn is_forgotten(&self, sequence: u32) -> bool {
        sequence < self.floor
    }

    /// Notes that `start..end` is missing, which must not have been noted before. Usually the newest.
    pub(super) fn insert(&mut self, start: u32, end: u32, cause: Cause) {
        if start >= end {
            return;
        }
        let at = self.spans.partition_point(|span| span.end <= start);
        let joins_next = self.spans.get(at).is_some_and(|next| next.start == end && next.cause == cause);
        let joins_previous = at > 0 && self.spans[at - 1].end == start && self.spans[at - 1].cause == cause;
        match (joins_previous, joins_next) {
            (true, true) => self.spans[at - 1].end = self.spans.remove(at).end,
            (true, false) => self.spans[at - 1].end = end,
            (false, true) => self.spans[at].start = start,
            (false, false) => self.spans.insert(at, Span { start, end, cause }),
        }
    }

    /// The oldest quarter of the ranges, which are given up, when there are more than `most`.
    pub(super) fn overflow(&mut self, most: usize) -> Vec<Span> {
        if self.spans.len() <= most {
            return Vec::new();
        }
        let oldest: Vec<Span> = self.spans.drain(..most.div_ceil(4)).collect();
        self.floor = oldest.last().map_or(self.floor, |last| last.end);
        oldest
    }

    /// Takes `sequence` out, because it came. Why it was missing, if it was.
    pub(super) fn take(&mut self, sequence: u32) -> Option<Cause> {
        let at = self.spans.partition_point(|span| span.end <= sequence);
        let span = self.spans.get_mut(at).filter(|span| span.start <= sequence)?;
        let Span { end, cause, .. } = *span;
        if span.start == sequence {
            span.start += 1;
        } else {
            span.end = sequence;
            if sequence + 1 < end {
                self.spans.insert(at + 1, Span { start: sequence + 1, end, cause });
            }
        }
        if self.spans[at].start >= self.spans[at].end {
            self.spans.remove(at);
        }
        Some(cause)
    }

    /// Nothing from `sequence` on is owed any more: it is missing for `cause`.
    pub(super) fn forgive_from(&mut self, sequence: u32, cause: Cause) {
        let Some(tail) = self.spans.iter().position(|span| span.end > sequence) else { return };
        if self.spans[tail].start < sequence {
            let after = Span { start: sequence, ..self.spans[tail] };
            self.spans[tail].end = sequence;
            self.spans.insert(tail + 1, after);
        }
        let tail = self.spans.iter_mut().filter(|span| span.start >= sequence && span.cause.is_owed());
        tail.for_each(|span| span.cause = cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn missing_ranges_agree_with_a_plain_set() {
        let mut random = Random::new(5, 0, 0);
        let mut missing = Missing::default();
        let mut model = [None; 400];
        for _ in 0..20_000 {
            let sequence = random.below(400) as u32;
            let slot = &mut model[sequence as usize];
            if slot.is_none() && random.below(3) > 0 {
                let cause = if random.below(4) == 0 { Cause::Gap } else { Cause::Owed };
                missing.insert(sequence, sequence + 1, cause);
                *slot = Some(cause);
            } else {
                assert_eq!(missing.take(sequence), slot.take());
            }
            let total: u64 = missing.spans().iter().map(|span| span.count()).sum();
            assert_eq!(total, model.iter().flatten().count() as u64);
        }
        for pair in missing.spans().windows(2) {
            assert!(pair[0].end < pair[1].start || pair[0].cause != pair[1].cause, "{pair:?}");
        }
    }

    #[test]
    fn too_many_ranges_give_up_the_oldest() {
        let mut missing = Missing::default();
        for number in 0..9 {
            missing.insert(number * 2, number * 2 + 1, Cause::Owed);
        }
        assert_eq!(missing.overflow(9), []);
        let given_up = missing.overflow(8);
        assert_eq!(given_up.iter().map(|span| span.start).collect::<Vec<_>>(), [0, 2]);
        assert!(missing.is_forgotten(2) && !missing.is_forgotten(3));
    }

    #[test]
    fn forgiving_splits_the_range_it_begins_in() {
        let mut missing = Missing::default();
        missing.insert(2, 6, Cause::Owed);
        missing.insert(8, 9, Cause::Gap);
        missing.forgive_from(4, Cause::Unowed);
        let span = |start, end, cause| Span { start, end, cause };
        assert_eq!(
            missing.spans(),
            [span(2, 4, Cause::Owed), span(4, 6, Cause::Unowed), span(8, 9, Cause::Unowed)]
        );
    }
}
