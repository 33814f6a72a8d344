//! Messages that came on an open stream and were not taken yet: how many are kept, and what happens to more of them.

use std::collections::VecDeque;

use bytes::Bytes;
use prony_core::Timestamp;

/// A message that came.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) bytes: Bytes,
    /// Its length as it came: compressed, without its frame's head.
    pub(crate) length: usize,
    pub(crate) at: Timestamp,
    /// Its place in the stream, from 1.
    number: u64,
}

/// What happens when as many messages wait as are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Nothing more is taken, and flow control holds the server back.
    Holds,
    /// The oldest make room: what comes is seen when it comes.
    Drops,
    /// None is kept.
    Nothing,
}

impl Keeping {
    /// The most that wait, in messages and in bytes.
    const fn most(self) -> (usize, usize) {
        match self {
            Self::Holds => (16, 16 * 1024),
            Self::Drops => (MOST_KEPT, MOST_KEPT_BYTES),
            Self::Nothing => (0, 0),
        }
    }
}

/// The most messages of a stream that are kept for a plan's `receive`, and bytes of them.
pub(crate) const MOST_KEPT: usize = 1_000;
const MOST_KEPT_BYTES: usize = 1 << 20;

/// What waits.
#[derive(Debug)]
pub(crate) struct Inbox {
    keeping: Keeping,
    waiting: VecDeque<Arrived>,
    bytes: usize,
    /// How many came.
    came: u64,
}

impl Inbox {
    pub(crate) const fn new(keeping: Keeping) -> Self {
        Self { keeping, waiting: VecDeque::new(), bytes: 0, came: 0 }
    }

    /// Whether a message that comes is to be taken from the connection.
    pub(crate) fn has_room(&self) -> bool {
        let (messages, bytes) = self.keeping.most();
        self.keeping != Keeping::Holds || self.waiting.len() < messages && self.bytes < bytes
    }

    /// Puts a message in. How many were dropped for it.
    pub(crate) fn put(&mut self, bytes: Bytes, length: usize, at: Timestamp) -> u64 {
        self.came += 1;
        if self.keeping == Keeping::Nothing {
            return 0;
        }
        self.bytes += bytes.len();
        self.waiting.push_back(Arrived { bytes, length, at, number: self.came });
        let mut dropped = 0;
        let (messages, most) = self.keeping.most();
        // A message that is longer than all that is kept stays until the next one comes.
        while self.keeping == Keeping::Drops
            && (self.waiting.len() > messages || self.bytes > most && self.waiting.len() > 1)
        {
            self.remove(0);
            dropped += 1;
        }
        dropped
    }

    /// Takes the oldest that `wanted` likes; those up to number `looked_at` were asked about before.
    pub(crate) fn take(
        &mut self,
        looked_at: &mut u64,
        wanted: &mut impl FnMut(&Arrived) -> bool,
    ) -> Option<Arrived> {
        let from = self.waiting.partition_point(|message| message.number <= *looked_at);
        let found = self.waiting.iter().skip(from).position(wanted).map(|found| from + found);
        if let Some(last) = self.waiting.get(found.unwrap_or(self.waiting.len().wrapping_sub(1))) {
            *looked_at = last.number;
        }
        found.and_then(|found| self.remove(found))
    }

    /// Takes the newest, and lets go of the others.
    pub(crate) fn take_last(&mut self) -> Option<Arrived> {
        let last = self.waiting.pop_back();
        self.clear();
        last
    }

    fn remove(&mut self, place: usize) -> Option<Arrived> {
        let message = self.waiting.remove(place)?;
        self.bytes -= message.bytes.len();
        Some(message)
    }

    /// Lets go of what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
    }

    /// Nobody asks for messages any more.
    pub(crate) fn drain(&mut self) {
        self.clear();
        self.keeping = Keeping::Nothing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(inbox: &mut Inbox, byte: u8, length: usize) -> u64 {
        inbox.put(vec![byte; length].into(), length, Timestamp::default())
    }

    #[test]
    fn messages_that_are_not_wanted_stay_and_are_asked_about_once() {
        let mut inbox = Inbox::new(Keeping::Drops);
        let (mut looked_at, mut asked) = (0, 0);
        (1..=3).for_each(|byte| assert_eq!(put(&mut inbox, byte, 1), 0));
        let mut take = |inbox: &mut Inbox, byte: u8| {
            let mut wanted = |message: &Arrived| {
                asked += 1;
                message.bytes[0] == byte
            };
            inbox.take(&mut looked_at, &mut wanted).map(|message| message.bytes[0])
        };
        assert_eq!(take(&mut inbox, 4), None);
        assert_eq!(take(&mut inbox, 4), None);
        put(&mut inbox, 4, 1);
        assert_eq!(take(&mut inbox, 4), Some(4));
        assert_eq!(asked, 4);
        let all: Vec<u8> = std::iter::from_fn(|| inbox.take(&mut 0, &mut |_| true))
            .map(|message| message.bytes[0])
            .collect();
        assert_eq!((all, inbox.bytes), (vec![1, 2, 3], 0));
    }

    #[test]
    fn a_full_inbox_holds_back_or_drops_the_oldest() {
        let mut inbox = Inbox::new(Keeping::Holds);
        (0..16).for_each(|byte| assert!(inbox.has_room() && put(&mut inbox, byte, 1) == 0));
        assert!(!inbox.has_room());
        let mut inbox = Inbox::new(Keeping::Drops);
        let dropped: u64 = (0..MOST_KEPT + 5).map(|_| put(&mut inbox, 0, 1)).sum();
        assert_eq!((dropped, inbox.waiting.len(), inbox.has_room()), (5, MOST_KEPT, true));
        assert_eq!(put(&mut inbox, 1, MOST_KEPT_BYTES + 1), MOST_KEPT as u64);
        assert_eq!(put(&mut inbox, 2, 1), 1, "the long one goes when the next comes");
        inbox.drain();
        assert_eq!((put(&mut inbox, 0, 1), inbox.waiting.len()), (0, 0));
    }
}
