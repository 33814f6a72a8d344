//! What came of the messages that were owed: counts that add up.

/// The final reckoning of one receiver, or the sum of many. Messages, unless a field says otherwise.
///
/// `expected = delivered − unowed + lost + undelivered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Owed: a message counts once for each receiver (or shared group) it was owed to.
    pub expected: u64,
    /// Came, each message once, however often it came.
    pub delivered: u64,
    /// Of those delivered, the ones nobody owed: sent before the subscription was acknowledged, kept for a receiver that
    /// was not entitled to them, or without any subscription that matches.
    pub unowed: u64,
    /// Owed and will not come: a later one came instead, or more time has passed than a delivery may take.
    pub lost: u64,
    /// Of those lost, the ones whose effective guarantee forbids it.
    pub lost_against_rules: u64,
    /// Of those lost, the ones that a lost connection of their publisher or receiver explains.
    pub lost_in_gap: u64,
    /// Owed and not here yet when the receiver closed, sent less than `settle` before.
    pub undelivered: u64,
    /// Copies beyond the first, and beyond one for each further overlapping filter.
    pub duplicated: u64,
    /// Of the copies, the ones that were forbidden: under at most once and exactly once.
    pub duplicated_against_rules: u64,
    /// Copies that said themselves that they repeat (MQTT's DUP), the overlapping ones among them.
    pub marked_repeated: u64,
    /// Came because of a subscription and not because they were just sent; never counted as doubled or out of order.
    pub retained: u64,
    /// Came for the first time after a later one of their stream had come to the same receiver.
    pub reordered: u64,
    /// Delivered under less than their effective guarantee.
    pub downgraded: u64,
    /// Did not come, because the receiver was away without a session that keeps them. Not owed.
    pub missed_away: u64,
    /// Did not come, and their publisher had given them up, or the broker refused them. Not owed.
    pub unconfirmed_missing: u64,
    /// Stamps of another run, or of messages never sent in this one.
    pub foreign: u64,
    /// Came and could not be judged: no room for another pair, or older than what is remembered of their stream.
    pub unaudited: u64,
    /// Pairs of a receiver and a stream for which there was no room: what was owed there is in no other figure.
    pub unaudited_pairs: u64,
    /// Pairs in which a bounded list was full, so that some messages may wrongly count as not owed.
    pub approximated: u64,
}

impl Balance {
    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.unowed += other.unowed;
        self.lost += other.lost;
        self.lost_against_rules += other.lost_against_rules;
        self.lost_in_gap += other.lost_in_gap;
        self.undelivered += other.undelivered;
        self.duplicated += other.duplicated;
        self.duplicated_against_rules += other.duplicated_against_rules;
        self.marked_repeated += other.marked_repeated;
        self.retained += other.retained;
        self.reordered += other.reordered;
        self.downgraded += other.downgraded;
        self.missed_away += other.missed_away;
        self.unconfirmed_missing += other.unconfirmed_missing;
        self.foreign += other.foreign;
        self.unaudited += other.unaudited;
        self.unaudited_pairs += other.unaudited_pairs;
        self.approximated += other.approximated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_add_up() {
        let one = Balance { expected: 3, delivered: 2, lost: 1, ..Balance::default() };
        let mut sum = Balance { expected: 1, undelivered: 1, ..Balance::default() };
        sum.add(&one);
        assert_eq!(sum, Balance { expected: 4, delivered: 2, lost: 1, undelivered: 1, ..Balance::default() });
    }
}
