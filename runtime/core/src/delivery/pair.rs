//! One receiver and one stream: what has come of it, what is missing, and from where on it is owed.
//!
//! A pair in which nothing was ever missing or doubled is 48 bytes, and a message costs it three comparisons. The rest is
//! in a box, made when it is needed first.

use std::sync::Arc;

use super::Guarantee;
use super::balance::Balance;
use super::closing::{Closing, count_missing, count_under_way};
use super::missing::{Cause, Missing, Span};
use super::stream::{Exactness, Stream};
use crate::Timestamp;

/// The most missing ranges a pair: late arrivals are told from repeats while their range is among them.
pub(super) const MOST_MISSING: usize = 64;

/// One receiver and one stream.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) stream: Arc<Stream>,
    history: Option<Box<History>>,
    /// Of sequences below nothing was noted: they came before anything was owed.
    base: u32,
    /// Above the highest that came.
    next: u32,
    /// Every sequence from `base` to here has come or is noted as missing.
    known: u32,
    /// Where owing begins; while that is not known yet, the epoch from which on.
    first: u32,
    /// Owed ones that came.
    delivered: u32,
    owing: Owing,
    /// What those are that come while nothing is owed, or before it is.
    otherwise: Cause,
    guarantee: Guarantee,
    /// How many filters ask for the stream.
    copies: u8,
    /// Whether `first` may be too high.
    exactness: Exactness,
}

/// Whether new messages are owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owing {
    /// They are not.
    Nothing,
    /// From the epoch in `first` on; none was sent since, as far as is known.
    Since,
    /// From the sequence in `first` on.
    From,
}

/// What only pairs need in which something was missing or came again.
#[derive(Debug, Default)]
struct History {
    missing: Missing,
    repeats: u32,
    repeats_against_rules: u32,
    /// Repeats that further overlapping filters are good for.
    repeats_allowed: u32,
}

/// What a message is to a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    First,
    Late,
    Repeated,
    /// Too old to tell.
    Forgotten,
    /// Was never sent.
    Forged,
}

impl Pair {
    /// A pair of which nothing is owed.
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            history: None,
            base: 0,
            next: 0,
            known: 0,
            first: 0,
            delivered: 0,
            owing: Owing::Nothing,
            otherwise: Cause::Unowed,
            guarantee: Guarantee::AtMostOnce,
            copies: 0,
            exactness: Exactness::Exact,
        }
    }

    pub(super) fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    pub(super) fn copies(&self) -> u8 {
        self.copies
    }

    /// One more filter asks for the stream, since `epoch`.
    pub(super) fn asked(&mut self, epoch: u32, guarantee: Guarantee) {
        let guarantee = guarantee.min(self.stream.guarantee);
        self.guarantee = if self.copies == 0 { guarantee } else { guarantee.max(self.guarantee) };
        self.copies = self.copies.saturating_add(1);
        if self.owing == Owing::Nothing {
            self.owing = Owing::Since;
            self.first = epoch;
        }
    }

    /// One filter less asks for it; the others ask with `guarantee`, which is none when there are none.
    pub(super) fn left(&mut self, guarantee: Option<Guarantee>) {
        self.copies = self.copies.saturating_sub(1);
        match guarantee {
            Some(guarantee) => self.guarantee = guarantee.min(self.stream.guarantee),
            None => {
                self.stop(Cause::Unowed);
                self.forgive(Cause::Unowed);
            }
        }
    }

    /// Another guarantee is asked for.
    pub(super) fn promised(&mut self, guarantee: Guarantee) {
        self.guarantee = guarantee.min(self.stream.guarantee);
    }

    /// What was sent up to now and has not come is missing for `cause`; what comes after is owed as before.
    pub(super) fn cut(&mut self, cause: Cause) {
        self.resolve();
        self.note_missing(self.stream.sent(), cause);
    }

    /// Nothing more is owed; what is missing from now on is so for `otherwise`.
    pub(super) fn stop(&mut self, otherwise: Cause) {
        self.resolve();
        // What was sent before owing had begun is not what the receiver will have missed.
        match self.owing {
            Owing::Nothing => {}
            Owing::Since => self.note_missing(self.stream.sent(), Cause::Owed),
            Owing::From => self.note_missing(self.first.min(self.stream.sent()), Cause::Owed),
        }
        self.owing = Owing::Nothing;
        self.otherwise = otherwise;
        self.copies = 0;
    }

    /// What has not come yet, but for gaps, is not owed any more: it is missing for `cause`.
    pub(super) fn forgive(&mut self, cause: Cause) {
        if let Some(history) = &mut self.history {
            history.missing.forgive_from(self.next, cause);
        }
    }

    /// Message `sequence` came. Whether it was owed is in `balance`.
    pub(super) fn arrive(&mut self, sequence: u32, balance: &mut Balance) -> Arrival {
        let is_usual = sequence == self.next
            && sequence == self.known
            && sequence >= self.first
            && self.owing == Owing::From
            && self.copies <= 1;
        if is_usual {
            self.next = sequence.saturating_add(1);
            self.known = self.next;
            self.delivered = self.delivered.saturating_add(1);
            return Arrival::First;
        }
        self.arrive_unusually(sequence, balance)
    }

    #[cold]
    fn arrive_unusually(&mut self, sequence: u32, balance: &mut Balance) -> Arrival {
        if sequence >= self.stream.sent() {
            return Arrival::Forged;
        }
        self.resolve();
        let is_owed = if sequence >= self.known {
            self.note_missing(sequence, Cause::Owed);
            self.give_up_oldest(balance);
            self.known = sequence.saturating_add(1);
            self.owing == Owing::From && sequence >= self.first
        } else if sequence < self.base {
            let base = self.base;
            self.base = sequence;
            self.history().missing.insert(sequence.saturating_add(1), base, Cause::Unowed);
            self.give_up_oldest(balance);
            false
        } else {
            let history = self.history();
            match history.missing.take(sequence) {
                Some(cause) => {
                    self.give_up_oldest(balance);
                    cause.is_owed()
                }
                None if history.missing.is_forgotten(sequence) => return Arrival::Forgotten,
                None => return Arrival::Repeated,
            }
        };
        if is_owed {
            self.delivered = self.delivered.saturating_add(1);
        } else {
            balance.unowed += 1;
            balance.delivered += 1;
        }
        if self.copies > 1 {
            let allowed = u32::from(self.copies - 1);
            let history = self.history();
            history.repeats_allowed = history.repeats_allowed.saturating_add(allowed);
        }
        if sequence < self.next {
            return Arrival::Late;
        }
        self.next = sequence.saturating_add(1);
        Arrival::First
    }

    /// A message came again, under `guarantee`.
    pub(super) fn repeated(&mut self, guarantee: Guarantee) {
        let forbidden = self.guarantee.forbids_repeats() && guarantee.forbids_repeats();
        let history = self.history();
        history.repeats = history.repeats.saturating_add(1);
        history.repeats_against_rules = history.repeats_against_rules.saturating_add(u32::from(forbidden));
    }

    /// How many are owed, have not come, and were sent less than `settle` before `now`.
    pub(super) fn outstanding(&mut self, now: Timestamp) -> u64 {
        let sent = self.stream.sent();
        let has_spans = self.history.as_ref().is_some_and(|history| !history.missing.spans().is_empty());
        if self.known >= sent && !has_spans {
            return 0;
        }
        self.resolve();
        let settled = self.stream.settled(now);
        let spans = self.history.as_ref().map_or(&[][..], |history| history.missing.spans());
        spans
            .iter()
            .copied()
            .chain(self.tail(sent))
            .filter(|span| span.cause.is_owed())
            .map(|span| Span { start: span.start.max(settled), ..span })
            .filter(|span| span.start < span.end)
            .map(|span| span.count() - self.stream.judge(span.start, span.end).excused)
            .sum()
    }

    /// The final reckoning.
    pub(super) fn reckon(mut self, closing: Closing, balance: &mut Balance) {
        self.resolve();
        let sent = self.stream.sent();
        let certain = closing.now.map_or(0, |now| self.stream.settled(now)).max(self.next);
        let tail = self.tail(sent);
        balance.delivered += u64::from(self.delivered);
        balance.expected += u64::from(self.delivered);
        let history = self.history.take().map_or_else(History::default, |history| *history);
        for span in history.missing.spans().iter().copied().chain(tail) {
            let split = certain.clamp(span.start, span.end);
            count_missing(&self.stream, self.guarantee, Span { end: split, ..span }, balance);
            if !closing.publishing {
                count_under_way(&self.stream, Span { start: split, ..span }, balance);
            }
        }
        let duplicated = history.repeats.saturating_sub(history.repeats_allowed);
        balance.duplicated += u64::from(duplicated);
        balance.duplicated_against_rules += u64::from(duplicated.min(history.repeats_against_rules));
        balance.approximated += u64::from(self.exactness.max(self.stream.leniency()) == Exactness::Thinned);
    }

    /// What is owed of the `sent` and not noted yet.
    fn tail(&self, sent: u32) -> Option<Span> {
        let start = self.known.max(self.first);
        (self.owing == Owing::From && start < sent).then_some(Span { start, end: sent, cause: Cause::Owed })
    }

    /// Whether nothing was ever noted.
    fn is_fresh(&self) -> bool {
        self.known == 0 && self.next == 0
    }

    /// Finds out where owing begins, if that can be known by now.
    fn resolve(&mut self) {
        if self.owing != Owing::Since {
            return;
        }
        let Some((first, exactness)) = self.stream.first_since(self.first) else { return };
        if exactness == Exactness::Thinned {
            self.exactness = exactness;
        }
        self.owing = Owing::From;
        self.first = first;
    }

    /// Everything from what is known up to `end` is missing: for `cause` where it is owed.
    fn note_missing(&mut self, end: u32, cause: Cause) {
        let start = self.known;
        let first = match self.owing {
            Owing::From => self.first.clamp(start, end.max(start)),
            Owing::Since | Owing::Nothing => end,
        };
        if start < end {
            let otherwise = self.otherwise;
            if self.is_fresh() && otherwise == Cause::Unowed {
                self.base = first;
            } else {
                self.history().missing.insert(start, first, otherwise);
            }
            if first < end {
                self.history().missing.insert(first, end, cause);
            }
            self.known = end;
        }
    }

    fn give_up_oldest(&mut self, balance: &mut Balance) {
        let Some(history) = &mut self.history else { return };
        for span in history.missing.overflow(MOST_MISSING) {
            count_missing(&self.stream, self.guarantee, span, balance);
        }
    }

    fn history(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }
}
