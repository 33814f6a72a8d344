//! What a receiver has asked for.

use super::Guarantee;
use super::ledger::Ledger;

/// A subscription that one receiver has alone.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) filter: Box<str>,
    pub(super) guarantee: Guarantee,
    pub(super) epoch: u32,
    /// Streams below this number that match have a pair.
    pub(super) examined: usize,
    pub(super) standing: Standing,
}

/// Whether the broker still knows a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The broker knows it.
    Active,
    /// Went with the session; is waiting for being made again.
    Gone,
}

/// The best that the active subscriptions to `topic` were promised; none when there are none.
pub(super) fn best_guarantee(
    subscriptions: &[Subscription],
    ledger: &Ledger,
    topic: &str,
) -> Option<Guarantee> {
    subscriptions
        .iter()
        .filter(|subscription| subscription.standing == Standing::Active)
        .filter(|subscription| ledger.topics.meet(&subscription.filter, topic))
        .map(|subscription| subscription.guarantee)
        .max()
}
