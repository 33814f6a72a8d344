//! Which of a stream's latest messages have come to a shared group: a ring of bits that its members set without a lock.
//!
//! Members are on different threads and get a message each in any order, so what one of them sees says nothing about gaps.
//! A slot is one atomic word: the number of its chunk (32 sequences) and a bit for each. When a later chunk needs the slot,
//! what is missing in the old one is handed out; a message that comes after that is [`Seen::Old`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Slots: 4,096 sequences, 1 KB.
const SLOTS: u32 = 128;
/// Sequences a chunk.
const CHUNK: u32 = 32;

/// What a message was to the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Here for the first time.
    New,
    /// Here for the first time, and earlier sequences left the ring: these `start..end` have not come.
    Displacing(Vec<(u32, u32)>),
    /// Here before.
    Again,
    /// Its chunk has left the ring.
    Old,
}

/// The bits.
#[derive(Debug)]
pub(super) struct Ring(Box<[AtomicU64]>);

impl Ring {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Message `sequence` came.
    pub(super) fn set(&self, sequence: u32) -> Seen {
        let (chunk, bit) = (sequence / CHUNK, 1_u64 << (sequence % CHUNK));
        let Some(slot) = self.0.get((chunk % SLOTS) as usize) else { return Seen::Old };
        let mut word = slot.load(Ordering::Relaxed);
        loop {
            let tagged = tag(word);
            let changed = match tagged {
                Some(old) if old > chunk => return Seen::Old,
                Some(old) if old == chunk && word & bit != 0 => return Seen::Again,
                Some(old) if old == chunk => word | bit,
                _ => tagged_word(chunk) | bit,
            };
            match slot.compare_exchange_weak(word, changed, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if tagged == Some(chunk) => return Seen::New,
                Ok(_) => return displaced(tagged, word, chunk),
                Err(now) => word = now,
            }
        }
    }

    /// Calls `each` with the ranges of `start..end` that have not come, ascending; without those that left the ring.
    pub(super) fn missing(&self, start: u32, end: u32, mut each: impl FnMut(u32, u32)) {
        if start >= end {
            return;
        }
        for chunk in start / CHUNK..=(end - 1) / CHUNK {
            let word = self.0.get((chunk % SLOTS) as usize).map_or(0, |slot| slot.load(Ordering::Acquire));
            let bits = match tag(word) {
                Some(later) if later > chunk => continue,
                Some(here) if here == chunk => word as u32,
                _ => 0,
            };
            holes(chunk, bits, |from, to| {
                let (from, to) = (from.max(start), to.min(end));
                if from < to {
                    each(from, to);
                }
            });
        }
    }
}

/// What has not come of the slot's chunks before `chunk`.
fn displaced(old: Option<u32>, word: u64, chunk: u32) -> Seen {
    let mut ranges = Vec::new();
    let mut note = |from, to| ranges.push((from, to));
    let untouched = match old {
        Some(old) => {
            holes(old, word as u32, &mut note);
            old + SLOTS
        }
        None => chunk % SLOTS,
    };
    for missing in (untouched..chunk).step_by(SLOTS as usize) {
        holes(missing, 0, &mut note);
    }
    if ranges.is_empty() { Seen::New } else { Seen::Displacing(ranges) }
}

/// Calls `each` with the ranges of a chunk whose bits are not set.
fn holes(chunk: u32, bits: u32, mut each: impl FnMut(u32, u32)) {
    let base = chunk * CHUNK;
    let mut at = 0;
    while at < CHUNK {
        let rest = bits >> at;
        let clear = rest.trailing_zeros().min(CHUNK - at);
        if clear > 0 {
            each(base + at, (base + at).saturating_add(clear));
        }
        at += clear;
        if at < CHUNK {
            at += (!(bits >> at)).trailing_zeros().min(CHUNK - at);
        }
    }
}

fn tag(word: u64) -> Option<u32> {
    ((word >> 32) as u32).checked_sub(1)
}

fn tagged_word(chunk: u32) -> u64 {
    (u64::from(chunk) + 1) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(ring: &Ring, start: u32, end: u32) -> Vec<(u32, u32)> {
        let mut ranges = Vec::new();
        ring.missing(start, end, |from, to| ranges.push((from, to)));
        ranges
    }

    #[test]
    fn bits_tell_new_from_again() {
        let ring = Ring::new();
        for sequence in [0, 1, 5, 31, 32, 70] {
            assert_eq!(ring.set(sequence), Seen::New);
            assert_eq!(ring.set(sequence), Seen::Again);
        }
        assert_eq!(missing(&ring, 0, 40), [(2, 5), (6, 31), (33, 40)]);
        assert_eq!(missing(&ring, 68, 72), [(68, 70), (71, 72)]);
    }

    #[test]
    fn what_leaves_the_ring_says_what_it_missed() {
        let ring = Ring::new();
        (1..32).for_each(|sequence| assert_eq!(ring.set(sequence), Seen::New));
        let lap = SLOTS * CHUNK;
        assert_eq!(ring.set(2 * lap), Seen::Displacing(vec![(0, 1), (lap, lap + 32)]));
        assert_eq!(ring.set(7), Seen::Old);
        assert_eq!(ring.set(2 * lap + 32), Seen::Displacing(vec![(32, 64), (lap + 32, lap + 64)]));
    }
}
