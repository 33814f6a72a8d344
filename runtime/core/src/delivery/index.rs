//! Which streams a filter asks for: found once a filter and stream, however many receivers have that filter.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::ledger::Topics;
use super::stamp::StreamId;
use super::stream::Stream;

/// A map by the number of a stream.
pub(super) type ByStream<T> = HashMap<u32, T, BuildHasherDefault<Multiplying>>;

/// A hasher for small numbers: one multiplication. Numbers of streams are the run's own, so nobody can choose bad ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Multiplying(u64);

impl Hasher for Multiplying {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let product = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }
}

/// All streams, by number, by topic, and by the patterns that were asked for.
#[derive(Debug, Default)]
pub(super) struct Index {
    streams: Vec<Arc<Stream>>,
    by_topic: HashMap<Box<str>, Vec<u32>>,
    by_pattern: HashMap<Box<str>, Matched>,
}

/// The streams of a pattern among the first `examined`.
#[derive(Debug, Default)]
struct Matched {
    examined: usize,
    streams: Vec<u32>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn add(&mut self, stream: Arc<Stream>) {
        self.by_topic.entry(stream.topic.clone()).or_default().push(stream.id.0);
        self.streams.push(stream);
    }

    pub(super) fn streams(&self) -> &[Arc<Stream>] {
        &self.streams
    }

    pub(super) fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        self.streams.get(id.0 as usize).cloned()
    }

    /// Whether [`Self::matching`] knows all streams for `filter`.
    pub(super) fn is_prepared(&self, filter: &str, topics: Topics) -> bool {
        !(topics.is_pattern)(filter)
            || self.by_pattern.get(filter).is_some_and(|matched| matched.examined == self.streams.len())
    }

    /// Holds the streams that are new against the pattern `filter`.
    pub(super) fn prepare(&mut self, filter: &str, topics: Topics) {
        let matched = self.by_pattern.entry(filter.into()).or_default();
        for stream in self.streams.iter().skip(matched.examined) {
            if (topics.matches)(filter, &stream.topic) {
                matched.streams.push(stream.id.0);
            }
        }
        matched.examined = self.streams.len();
    }

    /// Calls `each` with the streams from number `from` on that the prepared `filter` asks for. Returns up to which
    /// number that is known.
    pub(super) fn matching(&self, filter: &str, from: usize, mut each: impl FnMut(&Arc<Stream>)) -> usize {
        let (examined, numbers) = match self.by_pattern.get(filter) {
            Some(matched) => (matched.examined, matched.streams.as_slice()),
            None => (self.streams.len(), self.by_topic.get(filter).map_or(&[][..], Vec::as_slice)),
        };
        let known = numbers.partition_point(|number| (*number as usize) < from);
        for number in &numbers[known..] {
            if let Some(stream) = self.streams.get(*number as usize) {
                each(stream);
            }
        }
        examined
    }
}
