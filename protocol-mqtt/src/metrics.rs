//! What MQTT measures beside requests: the names in results, and counters that a worker gathers.

use std::cell::Cell;

use prony_core::catalog::{Entries, MetricKind, TooMany};
use prony_core::delivery::Balance;
use prony_core::{Meter, MetricId, Timestamp};

use crate::commons::MARKS;

macro_rules! metrics {
    ($($field:ident $kind:ident $name:literal $unit:literal),* $(,)?) => {
        /// The numbers of a scenario's metrics.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Metrics { $(pub(crate) $field: MetricId),* }

        impl Metrics {
            /// Adds the names to the scenario's, or finds them.
            ///
            /// # Errors
            /// When there are too many.
            pub(crate) fn enter(entries: &mut Entries<'_>) -> Result<Self, TooMany> {
                let metrics =
                    Self { $($field: entries.metric(concat!("mqtt.", $name), MetricKind::$kind, $unit)?),* };
                entries.says_nothing_without(metrics.expected, metrics.findings());
                Ok(metrics)
            }
        }
    };
}

metrics! {
    received Counter "received" "",
    received_bytes Counter "received_bytes" "B",
    expected Counter "expected" "",
    delivered Counter "delivered" "",
    unowed Counter "unowed" "",
    lost Counter "lost" "",
    lost_against_rules Counter "lost_against_rules" "",
    lost_in_gap Counter "lost_in_gap" "",
    undelivered Counter "undelivered" "",
    duplicated Counter "duplicated" "",
    duplicated_against_rules Counter "duplicated_against_rules" "",
    reordered Counter "reordered" "",
    missed_away Counter "missed_away" "",
    unconfirmed Counter "unconfirmed" "",
    unaudited Counter "unaudited" "",
    foreign Counter "foreign" "",
    retained Counter "retained" "",
    wills Counter "wills" "",
    unstamped Counter "unstamped" "",
    redelivered Counter "redelivered" "",
    stray_acks Counter "stray_acks" "",
    window_full Counter "window_full" "",
    connections_lost Counter "connections_lost" "",
    reconnected Counter "reconnected" "",
    disconnects_received Counter "disconnects_received" "",
    back_95 Gauge "back_95" "s",
    back_99 Gauge "back_99" "s",
    back_100 Gauge "back_100" "s",
    fairness Gauge "fairness" "",
}

impl Metrics {
    /// What the audit finds wrong with the messages that are expected.
    const fn findings(&self) -> [MetricId; 7] {
        [
            self.lost,
            self.lost_against_rules,
            self.lost_in_gap,
            self.undelivered,
            self.duplicated,
            self.duplicated_against_rules,
            self.reordered,
        ]
    }

    /// The number of a share that is back, by its place in [`MARKS`].
    pub(crate) const fn back(&self, place: usize) -> MetricId {
        [self.back_95, self.back_99, self.back_100][place % MARKS.len()]
    }

    /// Records a receiver's reckoning.
    pub(crate) fn reckon(&self, meter: &Meter, now: Timestamp, balance: &Balance) {
        for (metric, count) in [
            (self.expected, balance.expected),
            (self.delivered, balance.delivered),
            (self.unowed, balance.unowed),
            (self.lost, balance.lost),
            (self.lost_against_rules, balance.lost_against_rules),
            (self.lost_in_gap, balance.lost_in_gap),
            (self.undelivered, balance.undelivered),
            (self.duplicated, balance.duplicated),
            (self.duplicated_against_rules, balance.duplicated_against_rules),
            (self.reordered, balance.reordered),
            (self.missed_away, balance.missed_away),
            (self.unconfirmed, balance.unconfirmed_missing),
            (self.unaudited, balance.unaudited + balance.unaudited_pairs),
        ] {
            if count > 0 {
                meter.metric(metric, now, count as f64);
            }
        }
    }
}

/// What a worker's devices count for each message, handed to the recorder now and then: a message must not cost a look-up in
/// it.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) received: Cell<u64>,
    pub(crate) received_bytes: Cell<u64>,
    pub(crate) retained: Cell<u64>,
    pub(crate) wills: Cell<u64>,
    pub(crate) unstamped: Cell<u64>,
    pub(crate) foreign: Cell<u64>,
    pub(crate) redelivered: Cell<u64>,
    pub(crate) stray_acks: Cell<u64>,
    pub(crate) window_full: Cell<u64>,
}

/// Adds to a tally.
pub(crate) fn count(tally: &Cell<u64>, more: u64) {
    tally.set(tally.get() + more);
}

impl Tallies {
    /// Hands all on.
    pub(crate) fn hand_on(&self, metrics: &Metrics, meter: &Meter, now: Timestamp) {
        for (metric, tally) in [
            (metrics.received, &self.received),
            (metrics.received_bytes, &self.received_bytes),
            (metrics.retained, &self.retained),
            (metrics.wills, &self.wills),
            (metrics.unstamped, &self.unstamped),
            (metrics.foreign, &self.foreign),
            (metrics.redelivered, &self.redelivered),
            (metrics.stray_acks, &self.stray_acks),
            (metrics.window_full, &self.window_full),
        ] {
            let counted = tally.take();
            if counted > 0 {
                meter.metric(metric, now, counted as f64);
            }
        }
    }
}
