//! Waiting for a moment and not for an answer: the next beat, the end of the load. Who stays hears of a connection that is lost.

use std::task::Poll;
use std::time::Duration;

use prony_core::{Clock, Exchange, FailureKind, Marks, Session, Start, Timestamp};

use super::{PlanJourney, Step};
use crate::program::Beat;

impl PlanJourney {
    /// Waits for the next beat; false when the user is wanted no longer.
    pub(super) async fn beat(&mut self, beat: &Beat, start: &Start) -> bool {
        let due = self.beats[beat.number].0;
        if due >= start.wanted.until() {
            until_unwanted(self.seat.clock, None, start, due).await;
            return false;
        }
        if self.seat.clock.now() >= due {
            // Who lags behind has a stop to hear of as well.
            return !start.wanted.is_stopped();
        }
        tokio::select! {
            () = self.seat.timer.until(due) => true,
            () = start.wanted.stopped() => false,
        }
    }

    /// Waits until the user is wanted no longer, or for so long. A connection that is lost for good meanwhile ends it as a failure:
    /// nobody else would tell.
    pub(super) async fn stay(
        &mut self,
        at_most: Option<Duration>,
        start: &Start,
        now: Timestamp,
    ) -> (Step, Timestamp) {
        let Some(id) = self.program.stay else {
            return (Step::Passed, until_unwanted(self.seat.clock, at_most, start, now).await);
        };
        let waiting = until_unwanted(self.seat.clock, at_most, start, now);
        let lost = tokio::select! {
            biased;
            _ = waiting => None,
            lost = lost(&mut self.sessions) => Some(lost),
        };
        let now = self.seat.clock.now();
        let Some(Exchange { outcome, detail, .. }) = lost else { return (Step::Passed, now) };
        self.seat.meter.request(id, &outcome, Marks::default());
        let kind = outcome.failure.unwrap_or(FailureKind::Closed).name();
        self.seat.meter.notice(self.seat.scenario, &format!("stay:{kind}"), &|| {
            let told = detail.as_deref().unwrap_or("no more is known");
            format!("stay: {kind}: the connection was lost while its user did nothing else: {told}")
        });
        // However soon it was lost, whoever connects again draws a breath before.
        self.failed_at_once = true;
        (Step::Failed, now)
    }
}

/// Waits until the user is wanted no longer, or for so long.
async fn until_unwanted(clock: Clock, at_most: Option<Duration>, start: &Start, now: Timestamp) -> Timestamp {
    // What lies a century ahead is never.
    let left = at_most.map_or(Duration::MAX, |most| now + most - clock.now());
    tokio::select! {
        () = tokio::time::sleep(left.min(Duration::from_secs(100 * 366 * 86_400))) => {}
        () = start.wanted.over(clock, tokio::time::sleep) => {}
    }
    clock.now()
}

/// The first connection of these that is lost for good.
async fn lost(sessions: &mut [Box<dyn Session>]) -> Exchange {
    std::future::poll_fn(|context| {
        let mut lost = sessions.iter_mut().map(|session| session.poll_lost(context));
        lost.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}
