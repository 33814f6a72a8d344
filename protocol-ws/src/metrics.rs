//! What WebSocket measures beside requests: the names in results, and counters that a worker gathers.

use std::cell::Cell;

use prony_core::catalog::{Entries, MetricKind, TooMany};
use prony_core::{Meter, MetricId, Timestamp};

macro_rules! counters {
    ($($field:ident $name:literal $unit:literal),* $(,)?) => {
        /// The numbers of a scenario's metrics.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Metrics {
            $($field: MetricId,)*
            close_codes: [MetricId; CLOSE_CODES.len()],
            pub(crate) open: MetricId,
        }

        impl Metrics {
            /// Adds the names to the scenario's, or finds them.
            ///
            /// # Errors
            /// When there are too many.
            pub(crate) fn enter(entries: &mut Entries<'_>) -> Result<Self, TooMany> {
                let mut close_codes = [MetricId(0); CLOSE_CODES.len()];
                for (id, name) in close_codes.iter_mut().zip(CLOSE_CODES) {
                    *id = entries.metric(&format!("ws.close_{name}"), MetricKind::Counter, "")?;
                }
                let metrics = Self {
                    $($field: entries.metric(concat!("ws.", $name), MetricKind::Counter, $unit)?,)*
                    close_codes,
                    open: entries.level("ws.open")?,
                };
                let findings = [metrics.gaps, metrics.lost, metrics.duplicated, metrics.reordered];
                entries.says_nothing_without(metrics.audited, findings);
                Ok(metrics)
            }
        }

        /// What a worker's connections count for each message, handed to the recorder now and then: a message must not cost a
        /// look-up in it.
        #[derive(Debug, Default)]
        pub(crate) struct Tallies {
            $(pub(crate) $field: Cell<u64>,)*
            close_codes: [Cell<u64>; CLOSE_CODES.len()],
            /// Connections of this worker that are open.
            pub(crate) open: Cell<u64>,
        }

        impl Tallies {
            fn counters<'a>(&'a self, metrics: &Metrics) -> impl Iterator<Item = (MetricId, &'a Cell<u64>)> {
                [$((metrics.$field, &self.$field)),*].into_iter()
            }
        }
    };
}

counters! {
    sent_text "sent_text" "",
    sent_binary "sent_binary" "",
    sent_bytes "sent_bytes" "B",
    received_text "received_text" "",
    received_binary "received_binary" "",
    received_bytes "received_bytes" "B",
    pings_answered "pings_answered" "",
    late "late" "",
    inbox_dropped "inbox_dropped" "",
    audited "audited" "",
    gaps "gaps" "",
    lost "lost" "",
    duplicated "duplicated" "",
    reordered "reordered" "",
    unaudited "unaudited" "",
    untimed "untimed" "",
    ahead "ahead" "",
    refused "refused" "",
    connections_lost "connections_lost" "",
    reconnected "reconnected" "",
}

/// The codes of CLOSE frames that are counted apart: those of the standard and its registry, and the ranges that libraries and
/// applications may use. Whatever a server sends, there are no more.
const CLOSE_CODES: [&str; 16] = [
    "1000", "1001", "1002", "1003", "1005", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014",
    "3xxx", "4xxx", "other",
];

/// Adds to a tally.
pub(crate) fn count(tally: &Cell<u64>, more: u64) {
    tally.set(tally.get() + more);
}

impl Tallies {
    /// A CLOSE with this code came.
    pub(crate) fn closed(&self, code: u16) {
        let place = match code {
            3000..4000 => 13,
            4000..5000 => 14,
            _ => CLOSE_CODES.iter().position(|name| name.parse() == Ok(code)).unwrap_or(15),
        };
        count(&self.close_codes[place], 1);
    }

    /// Hands on what was counted since the last time.
    pub(crate) fn hand_on(&self, metrics: &Metrics, meter: &Meter, now: Timestamp) {
        let codes = metrics.close_codes.into_iter().zip(&self.close_codes);
        for (metric, tally) in self.counters(metrics).chain(codes) {
            let counted = tally.take();
            if counted > 0 {
                meter.metric(metric, now, counted as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_place() {
        let tallies = Tallies::default();
        for code in [1000, 1005, 1014, 3123, 4999, 1004, 65_535] {
            tallies.closed(code);
        }
        let counted: Vec<&str> = CLOSE_CODES
            .into_iter()
            .zip(&tallies.close_codes)
            .filter(|(_, tally)| tally.get() > 0)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(counted, ["1000", "1005", "1014", "3xxx", "4xxx", "other"]);
        assert_eq!(tallies.close_codes[15].get(), 2);
    }
}
