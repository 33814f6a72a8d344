//! The audit held against worlds whose losses are known.

mod broker;
mod groups;
mod honest;
mod limits;
mod owing;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use super::{Balance, Guarantee, Incoming, Ledger, Mark, Outgoing, Publishing, Receipt, Stamp, Topics};
use crate::Timestamp;

pub(super) const SETTLE: Duration = Duration::from_secs(4);

/// Filters of the trials: those that end in `#` match by what is before it.
pub(super) const TOPICS: Topics = Topics {
    is_pattern: |filter| filter.ends_with('#'),
    matches: |filter, topic| topic.starts_with(filter.trim_end_matches('#')),
};

/// A run of one publisher, in which a message is sent every 10 ms.
pub(super) struct World {
    pub(super) ledger: Arc<Ledger>,
    pub(super) out: Outgoing,
    publishing: Option<Publishing>,
    now: u64,
}

impl World {
    pub(super) fn new(guarantee: Guarantee) -> Self {
        let ledger = Arc::new(Ledger::new(7, TOPICS, SETTLE, 1_000_000));
        Self { out: ledger.outgoing("a/b", guarantee), publishing: Some(ledger.publishing()), ledger, now: 0 }
    }

    pub(super) fn receiver(&self, filter: &str, guarantee: Guarantee) -> Incoming {
        let mut incoming = Incoming::new(Arc::clone(&self.ledger));
        incoming.subscribed(filter, guarantee);
        incoming
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = (self.now() + time).as_nanos();
    }

    pub(super) fn send(&mut self) -> Stamp {
        self.pass(Duration::from_millis(10));
        let now = self.now();
        self.out.stamp(now, now)
    }

    pub(super) fn send_many(&mut self, count: usize) -> Vec<Stamp> {
        (0..count).map(|_| self.send()).collect()
    }

    /// Everybody has sent all.
    pub(super) fn end(&mut self) {
        self.publishing = None;
    }

    /// All have sent, and more than a `settle` ago.
    pub(super) fn end_settled(&mut self) -> Timestamp {
        self.end();
        self.pass(SETTLE * 2);
        self.now()
    }
}

/// Delivers under at least once.
pub(super) fn deliver(incoming: &mut Incoming, stamps: &[Stamp]) -> Vec<Receipt> {
    stamps.iter().map(|stamp| incoming.receive(stamp, Guarantee::ExactlyOnce, Mark::Plain)).collect()
}

/// Whether the figures add up.
pub(super) fn adds_up(balance: &Balance) -> bool {
    balance.expected == balance.delivered - balance.unowed + balance.lost + balance.undelivered
        && balance.lost >= balance.lost_in_gap.max(balance.lost_against_rules)
}
