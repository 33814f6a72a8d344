//! The ledger of a run: all streams, who still publishes, which streams a filter asks for, how many pairs there is room for.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::Guarantee;
use super::group::Groups;
use super::index::Index;
use super::outgoing::{Outgoing, Sendings};
use super::stamp::StreamId;
use super::stream::Stream;

/// How a protocol's filters ask for topics.
#[derive(Clone, Copy, Debug)]
pub struct Topics {
    /// Whether `filter` can match other topics than the one it spells (has a wildcard). Others are found by look-up.
    pub is_pattern: fn(filter: &str) -> bool,
    /// Whether the pattern `filter` matches `topic`.
    pub matches: fn(filter: &str, topic: &str) -> bool,
}

impl Topics {
    /// For protocols without wildcards.
    pub const LITERAL: Self = Self { is_pattern: |_| false, matches: |filter, topic| filter == topic };

    pub(super) fn meet(&self, filter: &str, topic: &str) -> bool {
        if (self.is_pattern)(filter) { (self.matches)(filter, topic) } else { filter == topic }
    }
}

/// All deliveries of a run. One a run, shared by all scenarios and threads.
#[derive(Debug)]
pub struct Ledger {
    run: u32,
    pub(super) topics: Topics,
    settle: Duration,
    most_pairs: usize,
    /// Raised by every subscription: how a stream learns that from its next message on somebody more is owed.
    pub(super) epoch: AtomicU32,
    pairs: AtomicUsize,
    publishers: AtomicU32,
    publishers_ever: AtomicU32,
    index: RwLock<Index>,
    /// As many as in `index`; readable without its lock.
    streams: AtomicUsize,
    groups: Mutex<Groups>,
    /// Messages of streams that had no room.
    pub(super) beyond: AtomicU64,
}

impl Ledger {
    /// The ledger of the run `run`, in which a delivery may take `settle`, with room for `most_pairs` pairs of a receiver
    /// and a stream, and for as many streams; the rest is counted as unaudited. A pair takes about 60 bytes, up to 1 KB
    /// where messages are lost, always 1 KB in a shared group; a stream about 500 bytes, up to 10 KB where many subscribe
    /// while it runs or its messages are given up.
    #[must_use]
    pub fn new(run: u32, topics: Topics, settle: Duration, most_pairs: usize) -> Self {
        Self {
            run,
            topics,
            settle,
            most_pairs,
            epoch: AtomicU32::new(0),
            pairs: AtomicUsize::new(0),
            publishers: AtomicU32::new(0),
            publishers_ever: AtomicU32::new(0),
            index: RwLock::default(),
            streams: AtomicUsize::new(0),
            groups: Mutex::default(),
            beyond: AtomicU64::new(0),
        }
    }

    /// The run's number, which its stamps carry.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.run
    }

    /// A new stream of a publisher on `topic`. Takes a lock: once a publisher and topic, not once a message. To be kept
    /// as long as that user publishes there, over lost connections and iterations: streams are never forgotten.
    #[must_use]
    pub fn outgoing(self: &Arc<Self>, topic: &str, guarantee: Guarantee) -> Outgoing {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let number = u32::try_from(index.len()).ok().filter(|_| index.len() < self.most_pairs);
        let id = number.map_or(StreamId::BEYOND, StreamId);
        let stream = Arc::new(Stream::new(id, topic, guarantee, self.settle));
        if id != StreamId::BEYOND {
            index.add(Arc::clone(&stream));
            self.streams.store(index.len(), Ordering::Release);
        }
        drop(index);
        Outgoing::new(Arc::clone(self), stream)
    }

    /// A publisher begins, and may send until the result is dropped.
    #[must_use]
    pub fn publishing(self: &Arc<Self>) -> Publishing {
        self.publishers.fetch_add(1, Ordering::AcqRel);
        self.publishers_ever.fetch_add(1, Ordering::AcqRel);
        Publishing(Arc::clone(self))
    }

    /// Publishers that may still send. At 0, receivers may begin to drain.
    #[must_use]
    pub fn publishers_active(&self) -> u32 {
        self.publishers.load(Ordering::Acquire)
    }

    /// What was sent so far, over all streams.
    #[must_use]
    pub fn sendings(&self) -> Sendings {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let unaudited = self.beyond.load(Ordering::Relaxed);
        let mut sum = Sendings { sent: unaudited, unaudited, ..Sendings::default() };
        for stream in index.streams() {
            let one = stream.sendings();
            sum.sent += one.sent;
            sum.unconfirmed += one.unconfirmed;
            sum.refused += one.refused;
            sum.broken += one.broken;
        }
        sum
    }

    /// How often a publisher has begun: unchanged while none is active, nothing more can be owed.
    pub(super) fn publishers_ever(&self) -> u32 {
        self.publishers_ever.load(Ordering::Acquire)
    }

    /// A new epoch: whatever is numbered from now on sees it.
    pub(super) fn next_epoch(&self) -> u32 {
        self.epoch.fetch_add(1, Ordering::AcqRel).wrapping_add(1)
    }

    /// How many streams there are.
    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    pub(super) fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).stream(id)
    }

    /// Calls `each` with the streams from number `from` on that `filter` asks for. Returns from which number to go on.
    pub(super) fn matching(&self, filter: &str, from: usize, each: impl FnMut(&Arc<Stream>)) -> usize {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        if index.is_prepared(filter, self.topics) {
            return index.matching(filter, from, each);
        }
        drop(index);
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.prepare(filter, self.topics);
        index.matching(filter, from, each)
    }

    /// Takes room for a pair, if there is any.
    pub(super) fn take_pair(&self) -> bool {
        let taken = self.pairs.fetch_add(1, Ordering::Relaxed) < self.most_pairs;
        if !taken {
            self.give_pairs(1);
        }
        taken
    }

    /// Gives back the room of `count` pairs.
    pub(super) fn give_pairs(&self, count: usize) {
        self.pairs.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A publisher that may still send.
#[derive(Debug)]
pub struct Publishing(Arc<Ledger>);

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.publishers.fetch_sub(1, Ordering::AcqRel);
    }
}
