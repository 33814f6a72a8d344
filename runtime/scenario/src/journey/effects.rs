//! Causes and effects: a step's time may count from an earlier step, to when the message came that it caused.

use prony_core::{Exchange, FailureKind, Marks, Outcome, Reply, Settled, Timestamp};

use super::{PlanJourney, Step};
use crate::program::Request;

/// When a step was due and sent, from which later ones count their time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    due: Timestamp,
    sent: Option<Timestamp>,
}

impl Cause {
    pub(super) const fn of(outcome: &Outcome) -> Self {
        Self { due: outcome.intended, sent: outcome.sent }
    }
}

/// Why the request's time can count from nothing, if it cannot.
pub(super) fn missing_cause(request: &Request, causes: &[Option<Cause>]) -> Option<String> {
    let since = request.since.as_ref().filter(|since| causes[since.cause].is_none())?;
    Some(format!("`since`: the step `{}` was not taken in this iteration", since.name))
}

/// Counts a request's time from its cause to when its message came. The message may have been here before the step began.
pub(super) fn count_from_cause(
    request: &Request,
    causes: &[Option<Cause>],
    reply: &dyn Reply,
    outcome: &mut Outcome,
) {
    let Some(cause) = request.since.as_ref().and_then(|since| causes[since.cause]) else { return };
    outcome.intended = cause.due;
    outcome.sent = cause.sent;
    if let (None, Some(arrived)) = (outcome.failure, reply.arrived()) {
        outcome.finished = arrived;
    }
}

impl PlanJourney {
    /// A request that was not begun: why, and when that was known.
    pub(super) fn not_begun(
        &mut self,
        request: &Request,
        number: usize,
        (kind, story): (FailureKind, String),
        due: Timestamp,
        now: Timestamp,
    ) -> Step {
        let due = Outcome::due(due).traced(self.spans.next_request());
        let outcome = Outcome { finished: now, failure: Some(kind), ..due };
        self.seat.meter.request(request.id, &outcome, Marks::default());
        let exchange = Exchange { outcome, detail: Some(story.into()), settled: Settled::Now };
        self.tell(request, number, kind, &exchange);
        Step::Failed
    }
}
