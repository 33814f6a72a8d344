//! What receivers need to know of a publisher's stream: how much was sent, when, since when somebody asks for it, and what
//! excuses a missing message.
//!
//! The publisher writes two atomics a message. The rest is under a lock that it takes when somebody has subscribed since
//! its last message, a few times a `settle`, and when something failed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Guarantee;
use super::outgoing::Sendings;
use super::stamp::StreamId;
use crate::Timestamp;

/// The most epochs a stream remembers. Beyond, the ones that tell the least are merged.
const MOST_CHECKPOINTS: usize = 256;
/// The most ranges of messages given up. Beyond, the closest are merged, and what is between is excused as well.
const MOST_EXCUSED: usize = 256;
/// The most lost connections.
const MOST_BREAKS: usize = 64;
/// Marks of time a `settle`.
const MARKS_IN_SETTLE: u32 = 4;
/// Marks of time that are kept: more than cover one `settle`.
const MOST_MARKS: usize = 8;
/// The shortest time between two marks.
const SHORTEST_MARK: Duration = Duration::from_millis(1);

/// A publisher's messages on one topic, as receivers see them.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) topic: Box<str>,
    pub(super) guarantee: Guarantee,
    /// How much time is between two marks.
    pub(super) mark_every: Duration,
    settle: Duration,
    sent: AtomicU32,
    /// When the last one was sent, in nanoseconds.
    last: AtomicU64,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    checkpoints: Vec<Checkpoint>,
    /// Moments, and below which sequence all had been sent by then.
    marks: Vec<(Timestamp, u32)>,
    /// Ranges `start..end` of messages that were given up.
    excused: Vec<(u32, u32)>,
    /// Sequences that were next when the connection was lost.
    breaks: Vec<u32>,
    sendings: Sendings,
    /// Whether more is excused than was given up.
    is_lenient: bool,
}

/// From `sequence` on the publisher knew of `epoch`.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    epoch: u32,
    /// Epochs up to this one may have been known earlier: their checkpoint was merged into this one.
    inexact_to: Option<u32>,
    /// The sequence of the earliest that was merged into this one.
    earliest: u32,
    sequence: u32,
}

impl Stream {
    pub(super) fn new(id: StreamId, topic: &str, guarantee: Guarantee, settle: Duration) -> Self {
        Self {
            id,
            topic: topic.into(),
            guarantee,
            mark_every: (settle / MARKS_IN_SETTLE).max(SHORTEST_MARK),
            settle,
            sent: AtomicU32::new(0),
            last: AtomicU64::new(0),
            record: Mutex::default(),
        }
    }

    /// From `sequence` on the publisher knows of `epoch`.
    pub(super) fn checkpoint(&self, epoch: u32, sequence: u32) {
        let mut record = self.record();
        let checkpoints = &mut record.checkpoints;
        checkpoints.push(Checkpoint { epoch, inexact_to: None, earliest: sequence, sequence });
        if checkpoints.len() > MOST_CHECKPOINTS {
            let cost = |pair: &[Checkpoint]| pair[1].sequence - pair[0].earliest;
            let cheapest = checkpoints.windows(2).enumerate().min_by_key(|(_, pair)| cost(pair));
            if let Some((at, _)) = cheapest {
                let merged = checkpoints.remove(at);
                let into = &mut checkpoints[at];
                into.inexact_to = into.inexact_to.max(Some(merged.epoch));
                into.earliest = merged.earliest;
            }
        }
    }

    /// Notes when the latest message was sent, before `sequence`, which is next. To be called a few times a `settle`.
    pub(super) fn mark(&self, sequence: u32) {
        let last = Timestamp::from_nanos(self.last.load(Ordering::Relaxed));
        let mut record = self.record();
        if record.marks.len() == MOST_MARKS {
            record.marks.remove(0);
        }
        record.marks.push((last, sequence));
    }

    /// `sent` were sent, the last one at `now`.
    pub(super) fn count(&self, sent: u32, now: Timestamp) {
        self.last.store(now.as_nanos(), Ordering::Relaxed);
        self.sent.store(sent, Ordering::Release);
    }

    /// The message is not owed: refused by the broker, or given up.
    pub(super) fn excuse(&self, sequence: u32, outcome: Excuse) {
        let mut record = self.record();
        let excused = &mut record.excused;
        let at = excused.partition_point(|range| range.1 < sequence);
        match excused.get_mut(at) {
            Some(range) if range.0 <= sequence && sequence < range.1 => return,
            Some(range) if range.1 == sequence => range.1 = sequence.saturating_add(1),
            Some(range) if range.0 == sequence.saturating_add(1) => range.0 = sequence,
            _ => excused.insert(at, (sequence, sequence.saturating_add(1))),
        }
        // What grew may touch its neighbour now; and there is a limit.
        let touching = excused.windows(2).position(|pair| pair[0].1 >= pair[1].0);
        let closest = || {
            let gaps = excused.windows(2).enumerate().min_by_key(|(_, pair)| pair[1].0 - pair[0].1);
            gaps.filter(|_| excused.len() > MOST_EXCUSED).map(|(at, _)| at)
        };
        if let Some(at) = touching.or_else(closest) {
            let (_, end) = excused.remove(at + 1);
            excused[at].1 = end;
            record.is_lenient |= touching.is_none();
        }
        match outcome {
            Excuse::Unconfirmed => record.sendings.unconfirmed += 1,
            Excuse::Refused => record.sendings.refused += 1,
        }
    }

    /// The publisher's connection was lost when `sequence` was next.
    pub(super) fn broken(&self, sequence: u32) {
        let mut record = self.record();
        record.sendings.broken += 1;
        if record.breaks.last() == Some(&sequence) {
            return;
        }
        if record.breaks.len() == MOST_BREAKS {
            record.breaks.remove(0);
        }
        record.breaks.push(sequence);
    }

    /// How many were sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent.load(Ordering::Acquire)
    }

    /// All below were sent at least `settle` before `now`. Known to a quarter of `settle`; it errs to less.
    pub(super) fn settled(&self, now: Timestamp) -> u32 {
        let sent = self.sent();
        let settle = u64::try_from(self.settle.as_nanos()).unwrap_or(u64::MAX);
        let Some(cutoff) = now.as_nanos().checked_sub(settle) else { return 0 };
        if self.last.load(Ordering::Relaxed) <= cutoff {
            return sent;
        }
        let record = self.record();
        let mark = record.marks.iter().rev().find(|(at, _)| at.as_nanos() <= cutoff);
        mark.map_or(0, |(_, sequence)| *sequence)
    }

    /// The first sequence whose sender knew of `epoch`, if any was sent since, and how exactly that is known.
    pub(super) fn first_since(&self, epoch: u32) -> Option<(u32, Exactness)> {
        let record = self.record();
        let at = record.checkpoints.partition_point(|checkpoint| checkpoint.epoch < epoch);
        let found = record.checkpoints.get(at)?;
        let inexact = found.inexact_to.is_some_and(|merged| epoch <= merged);
        Some((found.sequence, if inexact { Exactness::Thinned } else { Exactness::Exact }))
    }

    /// What excuses the missing messages `start..end`.
    pub(super) fn judge(&self, start: u32, end: u32) -> Finding {
        let record = self.record();
        let overlap = |from: u32, to: u32| {
            let later = record.excused.partition_point(|range| range.1 <= from);
            let ranges = record.excused[later..].iter().take_while(|range| range.0 < to);
            ranges.map(|range| u64::from(range.1.min(to) - range.0.max(from))).sum::<u64>()
        };
        let before = record.breaks.partition_point(|sequence| *sequence <= end);
        let in_gap = match before.checked_sub(1).and_then(|at| record.breaks.get(at)) {
            Some(broken) if *broken > start => u64::from(broken - start) - overlap(start, *broken),
            _ => 0,
        };
        Finding { excused: overlap(start, end), in_gap }
    }

    /// How exactly it is known what was given up.
    pub(super) fn leniency(&self) -> Exactness {
        if self.record().is_lenient { Exactness::Thinned } else { Exactness::Exact }
    }

    /// What was sent.
    pub(super) fn sendings(&self) -> Sendings {
        Sendings { sent: u64::from(self.sent()), ..self.record().sendings }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a message is not owed although it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excuse {
    /// Given up without an acknowledgement.
    Unconfirmed,
    /// Refused by the broker.
    Refused,
}

/// How exactly a bounded list still tells what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exactness {
    /// To the message.
    Exact,
    /// More may be owed.
    Thinned,
}

/// What a publisher knows of a range that is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// That many were given up or refused.
    pub(super) excused: u64,
    /// Of the others, that many came right before a lost connection.
    pub(super) in_gap: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(StreamId(0), "t", Guarantee::AtLeastOnce, Duration::from_secs(4))
    }

    fn second(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn merged_checkpoints_owe_less_and_say_so() {
        let stream = stream();
        for number in 0..1_000 {
            stream.checkpoint(number + 1, number * 10);
        }
        let mut thinned = 0;
        for epoch in 1..=1_000 {
            let (sequence, exactness) = stream.first_since(epoch).unwrap();
            let truth = (epoch - 1) * 10;
            assert!(sequence >= truth);
            assert_eq!(exactness == Exactness::Exact, sequence == truth, "epoch {epoch}");
            thinned += u32::from(exactness == Exactness::Thinned);
        }
        assert_eq!(thinned, 1_000 - MOST_CHECKPOINTS as u32);
        assert_eq!(stream.first_since(1_001), None);
    }

    #[test]
    fn excuses_and_breaks_are_found_in_a_range() {
        let stream = stream();
        for sequence in [12, 10, 11, 30, 11] {
            stream.excuse(sequence, Excuse::Unconfirmed);
        }
        stream.broken(20);
        stream.broken(20);
        for ((start, end), (excused, in_gap)) in [
            ((0, 10), (0, 0)),
            ((5, 20), (3, 12)),
            ((18, 25), (0, 2)),
            ((20, 25), (0, 0)),
            ((5, 19), (3, 0)),
            ((0, 100), (4, 17)),
        ] {
            assert_eq!(stream.judge(start, end), Finding { excused, in_gap }, "{start}..{end}");
        }
        assert_eq!(stream.sendings().unconfirmed, 4);
    }

    #[test]
    fn too_many_excuses_excuse_more_never_less() {
        let stream = stream();
        for number in 0..10_000 {
            stream.excuse(number * 3, Excuse::Refused);
        }
        assert!((0..10_000).all(|number| stream.judge(number * 3, number * 3 + 1).excused == 1));
        assert!(stream.record().excused.len() <= MOST_EXCUSED);
    }

    #[test]
    fn settled_is_what_is_older_than_settle_to_a_quarter() {
        let stream = stream();
        for tick in 0..20 {
            stream.mark(tick as u32 * 100);
            stream.count(tick as u32 * 100 + 100, second(tick));
        }
        for (now, expected) in [(2, 0), (19, 1_600), (20, 1_700), (22, 1_900), (23, 2_000), (99, 2_000)] {
            assert_eq!(stream.settled(second(now)), expected, "at {now}");
        }
    }
}
