//! A publisher's side: numbering its messages and telling what became of the connection they went over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ledger::Ledger;
use super::stamp::{Stamp, StreamId};
use super::stream::{Excuse, Stream};
use crate::Timestamp;

/// A publisher's stream: its messages on one topic. Not shared between publishers; moves between threads.
#[derive(Debug)]
pub struct Outgoing {
    ledger: Arc<Ledger>,
    stream: Arc<Stream>,
    /// Of the next message.
    sequence: u32,
    /// The ledger's epoch at the last message.
    epoch: Option<u32>,
    /// When the next mark of time is due.
    mark_due: Timestamp,
}

impl Outgoing {
    pub(super) fn new(ledger: Arc<Ledger>, stream: Arc<Stream>) -> Self {
        Self { ledger, stream, sequence: 0, epoch: None, mark_due: Timestamp::default() }
    }

    /// The number of its stream.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.stream.id
    }

    /// The sequence of the message that is about to be sent at `now`; it counts as sent. To be called right before the
    /// message is handed to the connection, by the thread that sends it.
    pub fn next(&mut self, now: Timestamp) -> u32 {
        let sequence = self.sequence;
        let epoch = self.ledger.epoch.load(Ordering::Acquire);
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.stream.checkpoint(epoch, sequence);
        }
        if now >= self.mark_due {
            self.mark_due = now + self.stream.mark_every;
            self.stream.mark(sequence);
        }
        if self.stream.id == StreamId::BEYOND {
            self.ledger.beyond.fetch_add(1, Ordering::Relaxed);
        }
        self.sequence = sequence.saturating_add(1);
        self.stream.count(self.sequence, now);
        sequence
    }

    /// As [`Self::next`]: the whole stamp of the message that is about to be sent.
    pub fn stamp(&mut self, intended: Timestamp, now: Timestamp) -> Stamp {
        let sequence = self.next(now);
        Stamp { run: self.ledger.run(), stream: self.stream.id, sequence, intended, sent: now }
    }

    /// The message was given up without an acknowledgement: it may come or not, and is not owed. To be called for what
    /// is unacknowledged when its publisher stops, too.
    pub fn unconfirmed(&mut self, sequence: u32) {
        self.stream.excuse(sequence, Excuse::Unconfirmed);
    }

    /// The broker refused the message: it is not owed.
    pub fn refused(&mut self, sequence: u32) {
        self.stream.excuse(sequence, Excuse::Refused);
    }

    /// The publisher's connection was lost: the messages just before may have gone with it.
    pub fn broken(&mut self) {
        self.stream.broken(self.sequence);
    }
}

/// What was sent, over all streams of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sendings {
    /// Messages numbered.
    pub sent: u64,
    /// Of those, given up without an acknowledgement.
    pub unconfirmed: u64,
    /// Of those, refused by the broker.
    pub refused: u64,
    /// Of those sent, the ones of streams that the ledger had no room for.
    pub unaudited: u64,
    /// Connections lost, counted once for each stream on them.
    pub broken: u64,
}
