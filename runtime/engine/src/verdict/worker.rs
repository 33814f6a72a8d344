//! Workers that were late, busy or without a core, judged apart for each set of them.

use std::time::Duration;

use prony_core::ScenarioId;
use prony_core::units::show_duration;

use super::{Reason, Status};
use crate::event::{GeneratorStats, WorkerStats};
use crate::stats::{Latency, Statistics};

/// From so many samples on the 99th percentile is judged. Below, it is as good as the maximum, and one hiccup would condemn a run.
const ENOUGH: u64 = 500;
/// In shorter runs shares of a core mean little.
pub(super) const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Workers that run the same scenarios.
struct Team<'a> {
    /// The name of the scenario that has them alone.
    alone: Option<&'a str>,
    workers: Vec<&'a WorkerStats>,
    wall: Duration,
}

/// Judges each set of workers. `median` is that of the response times, in nanoseconds.
pub(super) fn judge(
    totals: &Statistics,
    generator: &GeneratorStats,
    scenarios: &[String],
    open: &[bool],
    median: u64,
    reasons: &mut Vec<Reason>,
) {
    let mut sets: Vec<Option<ScenarioId>> = generator.workers.iter().map(|worker| worker.alone).collect();
    sets.dedup();
    for alone in &sets {
        let team = Team {
            alone: alone.map(|id| scenarios.get(usize::from(id.0)).map_or("", String::as_str)),
            workers: generator.workers.iter().filter(|worker| worker.alone == *alone).collect(),
            wall: generator.wall,
        };
        let mut lag = Latency::default();
        for ((scenario, _), number) in
            totals.scenarios.iter().zip(open).zip(0..).filter(|((_, open), _)| **open)
        {
            let own = Some(ScenarioId(number));
            let has_workers = if sets.contains(&own) { own } else { None };
            if has_workers == *alone {
                lag.merge(&scenario.lag);
            }
        }
        let mut wakeup = Latency::default();
        team.workers.iter().for_each(|worker| wakeup.merge(&worker.wakeup_lag));
        reasons.extend(team.late("lag", &format!("starts{} came late", team.of()), &lag, median));
        reasons.extend(team.late("wakeup", &format!("workers{} woke up late", team.of()), &wakeup, median));
        reasons.extend(team.busy());
        reasons.extend(team.starved());
    }
}

impl Team<'_> {
    /// Whose workers these are, when it is a plugin that lives on them.
    fn of(&self) -> String {
        self.alone.map_or(String::new(), |name| format!(" of `{name}` (its plugin)"))
    }

    fn late(&self, rule: &'static str, what: &str, lag: &Latency, median: u64) -> Option<Reason> {
        let (quantile, name) = if lag.count() >= ENOUGH { (0.99, "p99") } else { (0.9, "p90") };
        let seen = lag.quantile(quantile)?;
        let limit = (median / 100).max(1_000_000);
        let hopeless = (median / 10).max(10_000_000);
        let status = match seen {
            seen if seen > hopeless => Status::Invalid,
            seen if seen > limit => Status::Degraded,
            _ => return None,
        };
        let show = |nanoseconds| show_duration(Duration::from_nanos(nanoseconds));
        let advice = match self.alone {
            None => "give Prony cores of its own, or less load",
            Some(_) => "make the plugin compute less at a stretch, give Prony cores of its own, or less load",
        };
        let text = format!("{what}: {name} {}, at most {} is fine; {advice}", show(seen), show(limit));
        Some(Reason { status, rule, text })
    }

    fn busy(&self) -> Option<Reason> {
        let share = largest_share(&self.workers, self.wall, |worker| worker.cpu);
        let text = format!(
            "a worker{} used {:.0} % of a core, at most 90 % leaves room to be on time; use more `--threads` or less load",
            self.of(),
            share * 100.0
        );
        (self.wall >= LONG_ENOUGH && share > 0.9).then_some(Reason {
            status: Status::Degraded,
            rule: "cpu",
            text,
        })
    }

    fn starved(&self) -> Option<Reason> {
        let share = largest_share(&self.workers, self.wall, |worker| worker.waiting);
        let status = match share {
            _ if self.wall < LONG_ENOUGH => return None,
            share if share > 0.2 => Status::Invalid,
            share if share > 0.05 => Status::Degraded,
            _ => return None,
        };
        let text = format!(
            "a worker{} was ready and had no core for {:.0} % of the time, at most 5 % is fine; stop what else runs here, or use \
             fewer `--threads`",
            self.of(),
            share * 100.0
        );
        Some(Reason { status, rule: "starved", text })
    }
}

/// The largest share of the wall time among workers.
pub(super) fn largest_share(
    workers: &[&WorkerStats],
    wall: Duration,
    time: fn(&WorkerStats) -> Duration,
) -> f64 {
    let largest = workers.iter().map(|worker| time(worker)).max().unwrap_or_default();
    if wall.is_zero() { 0.0 } else { largest.as_secs_f64() / wall.as_secs_f64() }
}
