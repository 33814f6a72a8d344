//! Whether the figures may be believed: the generator accuses itself.
//!
//! The rules, each with its name in results:
//!
//! | rule | DEGRADED | INVALID |
//! | --- | --- | --- |
//! | `lag`: p99 of actual − intended start, open load | above 1 % of the median response time or 1 ms, whichever is larger | above 10 % or 10 ms |
//! | `wakeup`: p99 of how late workers wake up, any load | the same | the same |
//! | `cpu`: a worker's share of a core, runs of 1 s and more | above 90 % | – |
//! | `starved`: a worker's share of time waiting for a core | above 5 % | above 20 % |
//! | `dropped`: starts that found every user busy | any | – |
//! | `ports`, `descriptors`: requests failed for want of them | any | above 1 % |
//! | `interrupted`: ended before its time | always | – |
//! | `nothing`: not one request ended | – | always |
//!
//! Dropped starts are the plan's own limit (`max_users`) met by a slow target: the figures stand, but the load asked for
//! was not applied, so the run is never VALID.

use std::time::Duration;

use prony_core::FailureKind;
use prony_core::units::show_duration;

use crate::event::{Ended, GeneratorStats};
use crate::stats::{Latency, Statistics};

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The worst of its reasons.
    pub status: Status,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<Reason>,
}

/// How far the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing speaks against them.
    Valid,
    /// The generator has left its marks on them; the reasons say which.
    Degraded,
    /// They say more about the generator than about the target.
    Invalid,
}

/// One thing that speaks against the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// How bad.
    pub status: Status,
    /// The rule's name, stable for machines: `lag`, `cpu`, `starved`, `dropped`, `ports`, `descriptors`, `interrupted`, …
    pub rule: &'static str,
    /// What was found, what the rule allows, and what to do.
    pub text: String,
}

impl Status {
    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Degraded => "DEGRADED",
            Self::Invalid => "INVALID",
        }
    }
}

/// Judges a run. `open` tells by scenario whether its load is open.
pub(crate) fn judge(
    totals: &Statistics,
    generator: &GeneratorStats,
    open: &[bool],
    ended: &Ended,
) -> Verdict {
    let mut reasons = Vec::new();
    let mut responses = Latency::default();
    totals.steps.iter().for_each(|step| responses.merge(&step.response));
    let requests: u64 = totals.steps.iter().map(|step| step.requests).sum();
    if requests == 0 {
        reasons.push(Reason {
            status: Status::Invalid,
            rule: "nothing",
            text: "not one request ended; make the run longer than the answers take, or look at the notices above".to_owned(),
        });
    }
    let mut lag = Latency::default();
    let open_scenarios = totals.scenarios.iter().zip(open).filter(|(_, open)| **open);
    open_scenarios.for_each(|(scenario, _)| lag.merge(&scenario.lag));
    let median = responses.quantile(0.5).unwrap_or(0);
    reasons.extend(late("lag", "starts came late", &lag, median));
    reasons.extend(late("wakeup", "workers woke up late", &generator.wakeup_lag, median));
    reasons.extend(busy(generator));
    reasons.extend(starved(generator));
    let dropped: u64 = totals.scenarios.iter().map(|scenario| scenario.dropped.total()).sum();
    let due: u64 = totals.scenarios.iter().map(|scenario| scenario.due).sum();
    if dropped > 0 {
        reasons.push(Reason {
            status: Status::Degraded,
            rule: "dropped",
            text: format!(
                "{dropped} of {due} starts found every user busy and were dropped: the load asked for was not applied; \
                 raise `max_users`, or take it that the target does not keep up"
            ),
        });
    }
    for (kind, rule, advice) in [
        (
            FailureKind::PortsExhausted,
            "ports",
            "name more addresses under `network: {source: …}`, or keep connections",
        ),
        (
            FailureKind::DescriptorsExhausted,
            "descriptors",
            "raise the limit of open files (`ulimit -n`), or ask for fewer users",
        ),
    ] {
        let failed: u64 = totals.steps.iter().map(|step| step.failures[kind as usize]).sum();
        if failed > 0 {
            let status = if failed * 100 > requests { Status::Invalid } else { Status::Degraded };
            let text = format!(
                "{failed} of {requests} requests failed because this machine has no {rule} left; {advice}"
            );
            reasons.push(Reason { status, rule, text });
        }
    }
    if *ended == Ended::Interrupted {
        let text = "interrupted before its time; figures cover what had happened by then".to_owned();
        reasons.push(Reason { status: Status::Degraded, rule: "interrupted", text });
    }
    let status = reasons.iter().map(|reason| reason.status).max().unwrap_or(Status::Valid);
    Verdict { status, reasons }
}

fn late(rule: &'static str, what: &str, lag: &Latency, median: u64) -> Option<Reason> {
    let p99 = lag.quantile(0.99)?;
    let limit = (median / 100).max(1_000_000);
    let hopeless = (median / 10).max(10_000_000);
    let status = match p99 {
        p99 if p99 > hopeless => Status::Invalid,
        p99 if p99 > limit => Status::Degraded,
        _ => return None,
    };
    let show = |nanoseconds| show_duration(Duration::from_nanos(nanoseconds));
    Some(Reason {
        status,
        rule,
        text: format!(
            "{what}: p99 {}, at most {} is fine; give Prony a machine or cores of its own, more `--threads`, or less load",
            show(p99),
            show(limit)
        ),
    })
}

/// The largest share of the wall time among workers.
fn largest_share(times: &[Duration], wall: Duration) -> f64 {
    let largest = times.iter().max().copied().unwrap_or_default();
    if wall.is_zero() { 0.0 } else { largest.as_secs_f64() / wall.as_secs_f64() }
}

fn busy(generator: &GeneratorStats) -> Option<Reason> {
    let share = largest_share(&generator.worker_cpu, generator.wall);
    let text = format!(
        "a worker used {:.0} % of a core, at most 90 % leaves room to be on time; use more `--threads` or less load",
        share * 100.0
    );
    let long_enough = generator.wall >= Duration::from_secs(1);
    (long_enough && share > 0.9).then_some(Reason { status: Status::Degraded, rule: "cpu", text })
}

fn starved(generator: &GeneratorStats) -> Option<Reason> {
    let share = largest_share(&generator.worker_waiting, generator.wall);
    let status = match share {
        share if share > 0.2 => Status::Invalid,
        share if share > 0.05 => Status::Degraded,
        _ => return None,
    };
    let text = format!(
        "a worker was ready and had no core for {:.0} % of the time, at most 5 % is fine; stop what else runs here, or use \
         fewer `--threads`",
        share * 100.0
    );
    Some(Reason { status, rule: "starved", text })
}
