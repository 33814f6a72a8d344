//! The end of an account: what is missing becomes lost, excused or undelivered.

use super::Guarantee;
use super::balance::Balance;
use super::missing::{Cause, Span};
use super::stream::Stream;
use crate::Timestamp;

/// What a receiver's close knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    /// When; unknown when a subscription is given up.
    pub(super) now: Option<Timestamp>,
    /// Whether publishers may still send, so that what is still under way is nobody's debt.
    pub(super) publishing: bool,
}

/// Counts what is missing for good.
pub(super) fn count_missing(stream: &Stream, guarantee: Guarantee, span: Span, balance: &mut Balance) {
    if span.count() == 0 {
        return;
    }
    match span.cause {
        Cause::Unowed => {}
        Cause::Away => balance.missed_away += span.count(),
        Cause::Owed | Cause::Gap => {
            let finding = stream.judge(span.start, span.end);
            let lost = span.count() - finding.excused;
            balance.unconfirmed_missing += finding.excused;
            balance.expected += lost;
            balance.lost += lost;
            balance.lost_in_gap += if span.cause == Cause::Gap { lost } else { finding.in_gap };
            balance.lost_against_rules += if guarantee.forbids_loss() { lost } else { 0 };
        }
    }
}

/// Counts what may still come.
pub(super) fn count_under_way(stream: &Stream, span: Span, balance: &mut Balance) {
    if span.count() == 0 {
        return;
    }
    match span.cause {
        Cause::Unowed => {}
        Cause::Away => balance.missed_away += span.count(),
        Cause::Owed | Cause::Gap => {
            let finding = stream.judge(span.start, span.end);
            balance.unconfirmed_missing += finding.excused;
            balance.expected += span.count() - finding.excused;
            balance.undelivered += span.count() - finding.excused;
        }
    }
}
