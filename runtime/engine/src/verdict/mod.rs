//! Whether the figures may be believed: the generator accuses itself.
//!
//! The rules, each with its name in results:
//!
//! | rule | DEGRADED | INVALID |
//! | --- | --- | --- |
//! | `lag` †: p99 (below 500 starts p90) of actual − intended start, open load | above 1 % of the median response time or 1 ms, whichever is larger | above 10 % or 10 ms |
//! | `wakeup` †: p99 (below 500 probes, 5 s, p90) of how late workers wake up, any load | the same | the same |
//! | `cpu` †: a worker's share of a core less polling, runs of 1 s and more | above 90 % | – |
//! | `starved` †: a worker's share of time waiting for a core, runs of 1 s and more | above 5 % | above 20 % |
//! | `dropped`: starts that found every user busy | any | – |
//! | `ports`, `descriptors`: requests failed for want of them | any | above 1 % |
//! | `interrupted`: ended before its time | always | – |
//! | `failed`: something made the run pointless | – | always |
//! | `cut`: requests cut off when the run ended | above 1 % | – |
//! | `iterations`: a plugin's scenario of which not one iteration was completed | always | – |
//! | `nothing`: not one request ended, or not one succeeded | – | always |
//! | `fruitless`: a step of which not one request succeeded, cut ones apart | always | – |
//! | `guest`: guests that were ended, by a trap or over a limit | any | – |
//! | `guest_time`: the share of its workers' CPU that a scenario's guests took, runs of 1 s and more | above 50 %, where one of these workers used more than 50 % of a core | – |
//!
//! † judged apart for each scenario that has workers of its own, and together for all that share theirs: a guest that holds its
//! thread accuses its own scenario, and disappears in nobody else's figures.
//!
//! Guest time is in no latency, so `guest_time` says nothing against those: it says that a closed load may be as slow as it is, and an open
//! one as late, because of what the plugin computes. A worker that is idle for most of the time limits nothing, however large
//! the guests' share of the little it does.
//!
//! Dropped starts are the plan's own limit (`max_users`) met by a slow target: the figures stand, but the load asked for
//! was not applied, so the run is never VALID.

mod fruitless;
mod guest;
mod worker;

use prony_core::{Catalog, FailureKind};

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
    /// The rule's name, stable for machines: `lag`, `cpu`, `starved`, `dropped`, `ports`, `descriptors`, `interrupted`,
    /// `failed`, `guest`, `guest_time`, …
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
    catalog: &Catalog,
    open: &[bool],
    ended: &Ended,
) -> Verdict {
    let scenarios = &catalog.scenarios;
    let mut reasons = Vec::new();
    let mut responses = Latency::default();
    totals.request_steps().for_each(|step| responses.merge(&step.response));
    let requests: u64 = totals.request_steps().map(|step| step.requests).sum();
    if requests == 0 {
        reasons.push(Reason {
            status: Status::Invalid,
            rule: "nothing",
            text: "not one request ended; make the run longer than the answers take, or look at the notices above".to_owned(),
        });
    }
    reasons.extend(fruitless::judge(totals, catalog, requests));
    reasons.extend(unfinished(totals, scenarios));
    let median = responses.quantile(0.5).unwrap_or(0);
    worker::judge(totals, generator, scenarios, open, median, &mut reasons);
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
        let failed: u64 = totals.request_steps().map(|step| step.failures[kind as usize]).sum();
        if failed > 0 {
            let status = if failed * 100 > requests { Status::Invalid } else { Status::Degraded };
            let text = format!(
                "{failed} of {requests} requests failed because this machine has no {rule} left; {advice}"
            );
            reasons.push(Reason { status, rule, text });
        }
    }
    guest::judge(totals, generator, scenarios, &mut reasons);
    if *ended == Ended::Interrupted {
        let text = "interrupted before its time; figures cover what had happened by then".to_owned();
        reasons.push(Reason { status: Status::Degraded, rule: "interrupted", text });
    }
    if let Ended::Failed(what) = ended {
        let text = format!("the run could not be carried out: {what}");
        reasons.push(Reason { status: Status::Invalid, rule: "failed", text });
    }
    let status = reasons.iter().map(|reason| reason.status).max().unwrap_or(Status::Valid);
    Verdict { status, reasons }
}

/// Journeys of which not one came to its end: requests may have been fine until then, and that says little.
fn unfinished<'a>(totals: &'a Statistics, names: &'a [String]) -> impl Iterator<Item = Reason> + 'a {
    let scenarios = totals.scenarios.iter().zip(names);
    let hopeless = scenarios.filter(|(scenario, _)| {
        scenario.guests.any() && scenario.iterations.completed == 0 && scenario.iterations.failed > 0
    });
    hopeless.map(|(scenario, name)| Reason {
        status: Status::Degraded,
        rule: "iterations",
        text: format!(
            "not one iteration of `{name}` came to its end, {} failed: what its plugin said is among the scenario's notices",
            scenario.iterations.failed
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prony_core::{GuestEnd, ScenarioId};

    use super::*;
    use crate::event::WorkerStats;
    use crate::stats::{GuestStats, ScenarioStats, StepStats};

    /// A run of 10 s with 1,000 requests of 100 ms in which nothing is wrong.
    fn sound() -> (Statistics, GeneratorStats) {
        let mut step = StepStats::new(0);
        let mut scenario = ScenarioStats::default();
        for _ in 0..1_000 {
            step.requests += 1;
            step.response.record(100_000_000);
            scenario.due += 1;
            scenario.lag.record(20_000);
        }
        let seconds = Duration::from_secs;
        let worker = |cpu, waiting| {
            let mut worker = WorkerStats { cpu, waiting, ..WorkerStats::default() };
            (0..500).for_each(|_| worker.wakeup_lag.record(100_000));
            worker
        };
        let workers =
            vec![worker(seconds(5), Duration::ZERO), worker(seconds(3), Duration::from_millis(100))];
        let generator = GeneratorStats { workers, wall: seconds(10), ..GeneratorStats::default() };
        let mut totals = Statistics::new(&prony_core::Catalog::default());
        (totals.scenarios, totals.steps) = (vec![scenario], vec![step]);
        (totals, generator)
    }

    /// Two scenarios, and the first one's steps.
    fn names() -> Catalog {
        let mut catalog = Catalog::default();
        let main = catalog.add_scenario("main").expect("room");
        catalog.add_scenario("sensors").expect("room");
        for step in ["connect", "request"] {
            catalog.add_step(main, step, "ws", Vec::new()).expect("room");
        }
        catalog
    }

    /// The verdict after `change`, as its status and its rules.
    fn judged(change: impl FnOnce(&mut Statistics, &mut GeneratorStats)) -> (Status, Vec<&'static str>) {
        let (mut totals, mut generator) = sound();
        change(&mut totals, &mut generator);
        shown(&judge(&totals, &generator, &names(), &[true], &Ended::Finished))
    }

    fn shown(verdict: &Verdict) -> (Status, Vec<&'static str>) {
        (verdict.status, verdict.reasons.iter().map(|reason| reason.rule).collect())
    }

    /// 20 of 1,000 are `nanoseconds`: p99 is among them.
    fn slow(latency: &mut Latency, nanoseconds: u64) {
        *latency = Latency::default();
        (0..980).for_each(|_| latency.record(1_000));
        (0..20).for_each(|_| latency.record(nanoseconds));
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn a_sound_run_is_valid() {
        assert_eq!(judged(|_, _| {}), (Status::Valid, vec![]));
    }

    #[test]
    fn lag_is_held_against_the_median_response_time() {
        use Status::{Degraded, Invalid, Valid};
        // The median is 100 ms: 1 % is 1 ms, 10 % are 10 ms, just as the least limits.
        for (lag, status) in
            [(MS * 9 / 10, Valid), (MS * 11 / 10, Degraded), (9 * MS, Degraded), (11 * MS, Invalid)]
        {
            let (seen, rules) = judged(|totals, _| slow(&mut totals.scenarios[0].lag, lag));
            assert_eq!(seen, status, "{lag}");
            assert_eq!(rules, if status == Valid { vec![] } else { vec!["lag"] });
            let (seen, rules) = judged(|_, generator| {
                generator.workers[0].wakeup_lag = Latency::default();
                slow(&mut generator.workers[1].wakeup_lag, lag);
            });
            assert_eq!(seen, status, "{lag}");
            assert_eq!(rules, if status == Valid { vec![] } else { vec!["wakeup"] });
        }
        // A median of 1 s moves the limits to 10 and 100 ms, one of 1 ms leaves them where they are.
        for (median, lag, status) in [
            (1_000 * MS, 9 * MS, Valid),
            (1_000 * MS, 11 * MS, Degraded),
            (1_000 * MS, 99 * MS, Degraded),
            (1_000 * MS, 102 * MS, Invalid),
            (MS, MS * 9 / 10, Valid),
            (MS, 2 * MS, Degraded),
            (MS, 11 * MS, Invalid),
        ] {
            let (seen, _) = judged(|totals, _| {
                totals.steps[0].response = Latency::default();
                (0..1_000).for_each(|_| totals.steps[0].response.record(median));
                slow(&mut totals.scenarios[0].lag, lag);
            });
            assert_eq!(seen, status, "median {median}, lag {lag}");
        }
    }

    #[test]
    fn few_samples_are_judged_by_the_ninth_tenth() {
        let hiccup = |latency: &mut Latency| {
            *latency = Latency::default();
            (0..98).for_each(|_| latency.record(1_000));
            (0..2).for_each(|_| latency.record(50 * MS));
        };
        assert_eq!(
            judged(|_, generator| {
                generator.workers[0].wakeup_lag = Latency::default();
                hiccup(&mut generator.workers[1].wakeup_lag);
            }),
            (Status::Valid, vec![])
        );
        let (status, rules) = judged(|totals, _| {
            totals.scenarios[0].lag = Latency::default();
            (0..100).for_each(|_| totals.scenarios[0].lag.record(50 * MS));
        });
        assert_eq!((status, rules), (Status::Invalid, vec!["lag"]));
    }

    #[test]
    fn a_run_without_a_success_is_no_result() {
        let failed = |count: u64, kind: FailureKind| {
            judged(move |totals, _| totals.steps[0].failures[kind as usize] = count)
        };
        assert_eq!(failed(1_000, FailureKind::ConnectRefused), (Status::Invalid, vec!["nothing"]));
        assert_eq!(failed(999, FailureKind::ConnectRefused), (Status::Valid, vec![]));
        assert_eq!(failed(10, FailureKind::Cut), (Status::Valid, vec![]));
        assert_eq!(failed(11, FailureKind::Cut), (Status::Degraded, vec!["cut"]));
    }

    #[test]
    fn a_step_that_never_succeeds_is_told_although_others_do() {
        let timed = |failed: u64, cut: u64, times: u64| {
            judged(move |totals, _| {
                let mut step = StepStats::new(0);
                step.requests = 20;
                (0..times).for_each(|_| step.response.record(MS));
                step.failures[FailureKind::Timeout as usize] = failed;
                step.failures[FailureKind::Cut as usize] = cut;
                totals.steps.push(step);
            })
        };
        let with_second = |failed, cut| timed(failed, cut, 20 - cut);
        assert_eq!(timed(20, 0, 0), (Status::Valid, vec![]), "nothing was tried");
        assert_eq!(with_second(20, 0), (Status::Degraded, vec!["fruitless"]));
        assert_eq!(with_second(15, 5), (Status::Degraded, vec!["fruitless"]));
        assert_eq!(with_second(19, 0), (Status::Valid, vec![]));
        assert_eq!(with_second(0, 5), (Status::Valid, vec![]));
        assert_eq!(with_second(0, 10), (Status::Valid, vec![]));
    }

    #[test]
    fn closed_users_who_are_late_delay_nobody() {
        let (mut totals, generator) = sound();
        slow(&mut totals.scenarios[0].lag, 50 * MS);
        let verdict = judge(&totals, &generator, &names(), &[false], &Ended::Finished);
        assert_eq!(shown(&verdict), (Status::Valid, vec![]));
    }

    #[test]
    fn a_full_core_degrades() {
        let cpu = |milliseconds, wall| {
            judged(|_, generator| {
                generator.workers.iter_mut().for_each(|worker| worker.waiting = Duration::ZERO);
                generator.workers[0].cpu = Duration::ZERO;
                generator.workers[1].cpu = Duration::from_millis(milliseconds);
                generator.wall = Duration::from_millis(wall);
            })
        };
        assert_eq!(cpu(8_900, 10_000), (Status::Valid, vec![]));
        assert_eq!(cpu(9_100, 10_000), (Status::Degraded, vec!["cpu"]));
        assert_eq!(cpu(990, 999), (Status::Valid, vec![]), "too short to tell");
    }

    #[test]
    fn waiting_for_a_core_degrades_and_then_invalidates() {
        for (milliseconds, expected) in [
            (490, (Status::Valid, vec![])),
            (510, (Status::Degraded, vec!["starved"])),
            (2_100, (Status::Invalid, vec!["starved"])),
        ] {
            let seen =
                judged(|_, generator| generator.workers[0].waiting = Duration::from_millis(milliseconds));
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_single_dropped_start_degrades() {
        let seen = judged(|totals, _| totals.scenarios[0].dropped.users_busy = 1);
        assert_eq!(seen, (Status::Degraded, vec!["dropped"]));
    }

    #[test]
    fn requests_that_fail_for_want_of_ports_or_descriptors_accuse_the_generator() {
        for (kind, rule) in
            [(FailureKind::PortsExhausted, "ports"), (FailureKind::DescriptorsExhausted, "descriptors")]
        {
            for (failed, status) in [(1, Status::Degraded), (10, Status::Degraded), (11, Status::Invalid)] {
                let seen = judged(|totals, _| totals.steps[0].failures[kind as usize] = failed);
                assert_eq!(seen, (status, vec![rule]), "{failed}");
            }
        }
        let seen = judged(|totals, _| totals.steps[0].failures[FailureKind::Timeout as usize] = 900);
        assert_eq!(seen, (Status::Valid, vec![]), "the target's failures are no fault of the generator");
    }

    #[test]
    fn the_way_a_run_ends_counts() {
        let (totals, generator) = sound();
        for (ended, expected) in [
            (Ended::Finished, (Status::Valid, vec![])),
            (Ended::Aborted("p99 < 1s".to_owned()), (Status::Valid, vec![])),
            (Ended::Interrupted, (Status::Degraded, vec!["interrupted"])),
            (Ended::Failed("no rows".to_owned()), (Status::Invalid, vec!["failed"])),
        ] {
            assert_eq!(shown(&judge(&totals, &generator, &names(), &[true], &ended)), expected);
        }
    }

    #[test]
    fn a_run_without_requests_says_nothing() {
        let seen = judged(|totals, _| totals.steps[0] = StepStats::new(0));
        assert_eq!(seen, (Status::Invalid, vec!["nothing"]));
    }

    #[test]
    fn the_worst_reason_is_the_verdict() {
        let (status, rules) = judged(|totals, generator| {
            totals.scenarios[0].dropped.users_busy = 5;
            generator.workers[0].waiting = Duration::from_secs(9);
        });
        assert_eq!((status, rules), (Status::Invalid, vec!["starved", "dropped"]));
    }

    /// A second scenario, `sensors`, with a worker of its own that used `cpu` seconds of 10.
    fn with_guests(totals: &mut Statistics, generator: &mut GeneratorStats, cpu: u64, guests: GuestStats) {
        let mut scenario = ScenarioStats { guests, ..ScenarioStats::default() };
        scenario.lag.record(20_000);
        totals.scenarios.push(scenario);
        let cpu = Duration::from_secs(cpu);
        let mut worker = WorkerStats { alone: Some(ScenarioId(1)), cpu, ..WorkerStats::default() };
        (0..1_000).for_each(|_| worker.wakeup_lag.record(100_000));
        generator.workers.push(worker);
    }

    #[test]
    fn workers_of_guests_are_judged_apart_and_named() {
        let (mut totals, mut generator) = sound();
        // Among all probes those of the guests' worker would be too few to be seen.
        for _ in 0..100_000 {
            generator.workers[0].wakeup_lag.record(100_000);
        }
        with_guests(&mut totals, &mut generator, 9, GuestStats::default());
        let judge = |generator: &GeneratorStats| {
            judge(&totals, generator, &names(), &[true, false], &Ended::Finished)
        };
        assert_eq!(shown(&judge(&generator)), (Status::Valid, vec![]));
        slow(&mut generator.workers[2].wakeup_lag, 50 * MS);
        generator.workers[2].cpu = Duration::from_millis(9_900);
        generator.workers[2].waiting = Duration::from_secs(1);
        let verdict = judge(&generator);
        assert_eq!(shown(&verdict), (Status::Invalid, vec!["wakeup", "cpu", "starved"]));
        let of_guests = |reason: &Reason| reason.text.contains("of `sensors` (its plugin)");
        assert!(verdict.reasons.iter().all(of_guests), "{verdict:?}");
    }

    #[test]
    fn guests_that_were_ended_degrade_and_are_told_by_reason() {
        let (mut totals, mut generator) = sound();
        let mut guests = GuestStats { made: 9, lost_users: 240, ..GuestStats::default() };
        guests.ended[GuestEnd::Trap as usize] = 6;
        guests.ended[GuestEnd::Memory as usize] = 1;
        with_guests(&mut totals, &mut generator, 1, guests);
        let verdict = judge(&totals, &generator, &names(), &[true, true], &Ended::Finished);
        assert_eq!(shown(&verdict), (Status::Degraded, vec!["guest"]));
        let text = &verdict.reasons[0].text;
        assert!(text.contains("guests of `sensors` were ended 7 times (6 trap, 1 memory)"), "{text}");
        assert!(text.contains("240 other users lost an iteration"), "{text}");
    }

    #[test]
    fn a_plugin_that_takes_most_of_busy_workers_degrades() {
        // Of 10 s of wall time, the guests' worker used `cpu`, and guests `time` of that.
        for (cpu, time, expected) in [
            (9, 4_000, (Status::Valid, vec![])),
            (9, 5_000, (Status::Degraded, vec!["guest_time"])),
            (4, 3_900, (Status::Valid, vec![])),
            (0, 1, (Status::Valid, vec![])),
        ] {
            let (mut totals, mut generator) = sound();
            let guests = GuestStats { time_nanos: time * MS, ..GuestStats::default() };
            with_guests(&mut totals, &mut generator, cpu, guests);
            let verdict = judge(&totals, &generator, &names(), &[true, true], &Ended::Finished);
            assert_eq!(shown(&verdict), expected, "{cpu} {time}");
            if let [reason] = verdict.reasons.as_slice() {
                let told = "56 % of the CPU of `sensors`'s workers went into its plugin";
                assert!(reason.text.starts_with(told), "{}", reason.text);
            }
        }
    }
}
