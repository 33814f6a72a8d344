//! Requests enough, but none that succeeded, or too many whose end nobody saw.

use prony_core::catalog::StepKind;
use prony_core::{Catalog, FailureKind};

use super::{Reason, Status};
use crate::stats::{Statistics, StepStats};

/// What speaks against `requests`, all of them.
pub(super) fn judge(totals: &Statistics, catalog: &Catalog, requests: u64) -> Vec<Reason> {
    let count =
        |kind: FailureKind| -> u64 { totals.request_steps().map(|step| step.failures[kind as usize]).sum() };
    let failed: u64 = totals.request_steps().map(StepStats::failed).sum();
    if requests > 0 && failed == requests {
        let text = format!(
            "not one of {requests} requests succeeded, {}: this says nothing about the target under load; make one request work first",
            most(count)
        );
        return vec![Reason { status: Status::Invalid, rule: "nothing", text }];
    }
    let mut reasons = Vec::new();
    let steps = totals.steps.iter().zip(&catalog.steps).filter(|(_, entry)| entry.kind == StepKind::Request);
    for (step, entry) in steps {
        let cut = step.failures[FailureKind::Cut as usize];
        let ended = step.requests.saturating_sub(cut);
        // What was never tried (its connection was lost before) is told where the connection was.
        if ended == 0 || step.failed() < step.requests || step.response.count() == 0 {
            continue;
        }
        let scenario = catalog.scenarios.get(usize::from(entry.scenario.0)).map_or("", String::as_str);
        let text = format!(
            "not one of {ended} requests of `{scenario} / {}` succeeded, {}: what others show says nothing of it",
            entry.name,
            most(|kind| if kind == FailureKind::Cut { 0 } else { step.failures[kind as usize] })
        );
        reasons.push(Reason { status: Status::Degraded, rule: "fruitless", text });
    }
    let cut = count(FailureKind::Cut);
    if cut * 100 > requests {
        let text = format!(
            "{cut} of {requests} requests were cut off when the run ended: how long they would have taken is in no latency, so the \
             slowest are missing; give them more time by `graceful_stop`"
        );
        reasons.push(Reason { status: Status::Degraded, rule: "cut", text });
    }
    reasons
}

/// The kind of failure that is the most frequent, in words.
fn most(count: impl Fn(FailureKind) -> u64) -> String {
    let kind = FailureKind::ALL.into_iter().max_by_key(|kind| count(*kind));
    kind.map_or(String::new(), |kind| format!("{} of them {}", count(kind), kind.name()))
}
