//! A shared group and a stream: what has come to any member, and what is missing.
//!
//! A message that comes sets one bit, without a lock. A lock is taken when messages leave the ring without having come.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Guarantee;
use super::balance::Balance;
use super::closing::{Closing, count_missing, count_under_way};
use super::missing::{Cause, Missing, Span};
use super::ring::{Ring, Seen};
use super::stream::{Exactness, Stream};
use crate::Timestamp;

/// The most ranges a track remembers of what left its ring without having come.
const MOST_MISSING: usize = 256;
/// The most absences of all members a track. What is sent between later ones counts as missed away, too.
const MOST_ABSENCES: usize = 64;
/// What stands for a first sequence that is not known yet.
const UNKNOWN: u32 = u32::MAX;

/// A group and a stream.
#[derive(Debug)]
pub(super) struct Track {
    stream: Arc<Stream>,
    ring: Ring,
    /// Since when the group is owed something.
    epoch: u32,
    /// Where owing begins, or [`UNKNOWN`].
    first: AtomicU32,
    /// Above the highest that came.
    next: AtomicU32,
    record: Mutex<TrackRecord>,
}

#[derive(Debug, Default)]
struct TrackRecord {
    /// What left the ring.
    missing: Missing,
    /// Since which sequence no member has been present.
    absent_since: Option<u32>,
    /// Sent while no member was present, or just before.
    absences: Vec<(u32, u32)>,
    /// Of what was given up.
    balance: Balance,
    exactness: Option<Exactness>,
}

/// What a message is to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Here for the first time, and owed.
    Owed,
    /// Here for the first time, and sent before there was a member.
    Unowed,
    Repeated,
    Forgotten,
    Forged,
}

impl Track {
    pub(super) fn new(stream: Arc<Stream>, epoch: u32) -> Self {
        Self {
            stream,
            ring: Ring::new(),
            epoch,
            first: AtomicU32::new(UNKNOWN),
            next: AtomicU32::new(0),
            record: Mutex::default(),
        }
    }

    /// Message `sequence` came to a member. `local` is above the highest that came to this member before.
    pub(super) fn arrive(&self, sequence: u32, local: u32) -> Claim {
        // Only what is ahead of its member can be a forgery that harms: it would make everything before it lost.
        if sequence >= local {
            if sequence > local && sequence >= self.stream.sent() {
                return Claim::Forged;
            }
            if sequence >= self.next.load(Ordering::Relaxed) {
                self.next.fetch_max(sequence.saturating_add(1), Ordering::AcqRel);
            }
        }
        let is_owed = self.first().is_some_and(|first| sequence >= first);
        let new = if is_owed { Claim::Owed } else { Claim::Unowed };
        match self.ring.set(sequence) {
            Seen::New => new,
            Seen::Again => Claim::Repeated,
            Seen::Displacing(ranges) => {
                self.displace(&ranges);
                new
            }
            Seen::Old => {
                let mut record = self.record();
                match record.missing.take(sequence) {
                    Some(_) => new,
                    None if record.missing.is_forgotten(sequence) || !is_owed => Claim::Forgotten,
                    None => Claim::Repeated,
                }
            }
        }
    }

    /// Where owing begins, if that can be known by now.
    fn first(&self) -> Option<u32> {
        let first = self.first.load(Ordering::Relaxed);
        if first != UNKNOWN {
            return Some(first);
        }
        let (first, exactness) = self.stream.first_since(self.epoch)?;
        self.first.store(first, Ordering::Relaxed);
        self.record().exactness = Some(exactness);
        Some(first)
    }

    /// Notes what has left the ring without having come.
    #[cold]
    fn displace(&self, ranges: &[(u32, u32)]) {
        let first = self.first().unwrap_or(UNKNOWN);
        let mut record = self.record();
        for (start, end) in ranges {
            record.missing.insert((*start).max(first), *end, Cause::Owed);
        }
        let given_up = record.missing.overflow(MOST_MISSING);
        let TrackRecord { absences, balance, .. } = &mut *record;
        for span in given_up {
            apart(absences, span, |span| count_missing(&self.stream, Guarantee::AtMostOnce, span, balance));
        }
    }

    /// No member is present from now on. What is under way above the highest that came goes with the last one.
    pub(super) fn deserted(&self) {
        let sent = self.stream.sent();
        let first = self.first().unwrap_or(sent);
        self.record().absent_since = Some(self.next.load(Ordering::Acquire).max(first).min(sent));
    }

    /// A member is present again.
    pub(super) fn attended(&self) {
        let end = self.stream.sent();
        let mut record = self.record();
        let Some(since) = record.absent_since.take().filter(|since| *since < end) else { return };
        let is_full = record.absences.len() >= MOST_ABSENCES;
        match record.absences.last_mut() {
            Some(last) if is_full || last.1 >= since => last.1 = end,
            _ => record.absences.push((since, end)),
        }
    }

    pub(super) fn outstanding(&self, now: Timestamp) -> u64 {
        let Some(first) = self.first() else { return 0 };
        let mut count = 0;
        let start = first.max(self.stream.settled(now));
        self.ring.missing(start, self.stream.sent(), |from, to| {
            count += u64::from(to - from) - self.stream.judge(from, to).excused;
        });
        count
    }

    pub(super) fn reckon(&self, guarantee: Guarantee, closing: Closing, balance: &mut Balance) {
        let Some(first) = self.first() else { return };
        let guarantee = guarantee.min(self.stream.guarantee);
        let mut record = self.record();
        let next = self.next.load(Ordering::Acquire);
        let end = record.absent_since.unwrap_or(UNKNOWN).min(self.stream.sent()).max(next);
        let certain = closing.now.map_or(0, |now| self.stream.settled(now)).max(next);
        let TrackRecord { missing, absences, balance: given_up, exactness, .. } = &mut *record;
        self.ring.missing(first, end, |from, to| missing.insert(from, to, Cause::Owed));
        given_up.lost_against_rules = if guarantee.forbids_loss() { given_up.lost } else { 0 };
        balance.add(given_up);
        balance.approximated +=
            u64::from((*exactness).max(Some(self.stream.leniency())) == Some(Exactness::Thinned));
        for span in missing.spans() {
            apart(absences, *span, |span| {
                let split = certain.clamp(span.start, span.end);
                count_missing(&self.stream, guarantee, Span { end: split, ..span }, balance);
                if !closing.publishing {
                    count_under_way(&self.stream, Span { start: split, ..span }, balance);
                }
            });
        }
    }

    fn record(&self) -> MutexGuard<'_, TrackRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes `span` apart into what was sent while somebody was present and what was not.
fn apart(absences: &[(u32, u32)], span: Span, mut each: impl FnMut(Span)) {
    let mut start = span.start;
    for (from, to) in absences {
        let (from, to) = ((*from).clamp(start, span.end), (*to).clamp(start, span.end));
        if from < to {
            each(Span { start, end: from, ..span });
            each(Span { start: from, end: to, cause: Cause::Away });
            start = to;
        }
    }
    each(Span { start, ..span });
}
