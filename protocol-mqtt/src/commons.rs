//! What all scenarios of a run share of MQTT: the ledger of deliveries, and how connections come back after an outage.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prony_core::Timestamp;
use prony_core::delivery::{Ledger, Topics};

use crate::packet::topic;

/// The most pairs of a receiver and a stream that are audited.
const MOST_PAIRS: usize = 4_000_000;

/// See the module's head.
pub(crate) struct Commons {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) outage: Outage,
    begin: OnceLock<Timestamp>,
    /// Somebody subscribes, so deliveries matter.
    receivers: AtomicBool,
}

impl Commons {
    /// For a run whose messages may take `settle`.
    pub(crate) fn new(settle: Duration) -> Self {
        // Only to be told from other runs': no secret, and not of the plan's seed, for two runs of a plan may meet.
        let run = RandomState::new().build_hasher().finish() as u32;
        let topics = Topics { is_pattern: |filter| filter.contains(['+', '#']), matches: topic::matches };
        Self {
            ledger: Arc::new(Ledger::new(run, topics, settle, MOST_PAIRS)),
            outage: Outage::default(),
            begin: OnceLock::new(),
            receivers: AtomicBool::new(false),
        }
    }

    /// Notes that a scenario subscribes.
    pub(crate) fn expect_receivers(&self) {
        self.receivers.store(true, Ordering::Relaxed);
    }

    /// Whether any scenario subscribes.
    pub(crate) fn has_receivers(&self) -> bool {
        self.receivers.load(Ordering::Relaxed)
    }

    /// When the first request of the run was due, `due` if this is it.
    pub(crate) fn begin(&self, due: Timestamp) -> Timestamp {
        *self.begin.get_or_init(|| due)
    }
}

/// Connections that were lost and are to come back: how long it takes until 95, 99 and 100 % of them have.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// When the first was lost, in nanoseconds; meaningless while none is away.
    began: AtomicU64,
    away: AtomicU32,
    /// The most that were away at a time since it began.
    most: AtomicU32,
    /// Which of the marks have been reached, as bits.
    reached: AtomicU32,
}

/// The shares of connections whose return is timed, in percent.
pub(crate) const MARKS: [u32; 3] = [95, 99, 100];

impl Outage {
    /// A connection is lost.
    pub(crate) fn lost(&self, now: Timestamp) {
        if self.away.fetch_add(1, Ordering::AcqRel) == 0 {
            self.began.store(now.as_nanos(), Ordering::Release);
            self.most.store(0, Ordering::Release);
            self.reached.store(0, Ordering::Release);
        }
        self.most.fetch_max(self.away.load(Ordering::Acquire), Ordering::AcqRel);
    }

    /// One is back: by its place in [`MARKS`], each share that is back by it, and how long that took.
    pub(crate) fn back(&self, now: Timestamp) -> impl Iterator<Item = (usize, Duration)> {
        let away = self.away.fetch_sub(1, Ordering::AcqRel).saturating_sub(1);
        let most = self.most.load(Ordering::Acquire);
        let took = now - Timestamp::from_nanos(self.began.load(Ordering::Acquire));
        let reached = |mark: u32| (most - away.min(most)) * 100 >= most * mark;
        let bits = MARKS
            .iter()
            .zip(0..)
            .filter(|(mark, _)| reached(**mark))
            .fold(0, |bits, (_, place)| bits | 1 << place);
        let before = self.reached.fetch_or(bits, Ordering::AcqRel);
        (0..MARKS.len())
            .filter(move |place| bits & !before & (1 << place) != 0)
            .map(move |place| (place, took))
    }

    /// One will not come back: nobody waits for it any more.
    pub(crate) fn given_up(&self) {
        self.away.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_over_when_all_are_back() {
        let outage = Outage::default();
        let at = Timestamp::from_nanos;
        for _ in 0..200 {
            outage.lost(at(1_000));
        }
        let mut marks = Vec::new();
        for number in 1..=200 {
            marks
                .extend(outage.back(at(1_000 + number)).map(|(place, took)| (MARKS[place], took.as_nanos())));
        }
        assert_eq!(marks, [(95, 190), (99, 198), (100, 200)]);
        outage.lost(at(5_000));
        let again: Vec<_> =
            outage.back(at(5_007)).map(|(place, took)| (MARKS[place], took.as_nanos())).collect();
        assert_eq!(again, [(95, 7), (99, 7), (100, 7)]);
    }
}
