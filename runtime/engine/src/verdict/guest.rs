//! Guests that were ended, and guests that took most of what their workers could do.

use prony_core::ScenarioId;

use super::worker::{LONG_ENOUGH, largest_share};
use super::{Reason, Status};
use crate::event::{GeneratorStats, WorkerStats};
use crate::stats::{GuestStats, Statistics};

/// Of its workers' CPU time a plugin may take so much before it, rather than sending and receiving, is what they are busy with.
const MOST_OF_CPU: f64 = 0.5;
/// Where no worker uses more of a core than this, there is as much room left as is used: nothing is limited by what they do.
const BUSY: f64 = 0.5;

pub(super) fn judge(
    totals: &Statistics,
    generator: &GeneratorStats,
    scenarios: &[String],
    reasons: &mut Vec<Reason>,
) {
    for ((scenario, name), number) in totals.scenarios.iter().zip(scenarios).zip(0..) {
        let workers: Vec<&WorkerStats> = generator.workers_of(ScenarioId(number)).collect();
        reasons.extend(ended(&scenario.guests, name));
        if generator.wall >= LONG_ENOUGH
            && largest_share(&workers, generator.wall, |worker| worker.cpu) > BUSY
        {
            reasons.extend(computing(&scenario.guests, &workers, name));
        }
    }
}

fn ended(guests: &GuestStats, name: &str) -> Option<Reason> {
    let ended = guests.ended();
    let by_reason: Vec<String> =
        guests.ended_by_reason().map(|(end, count)| format!("{count} {}", end.name())).collect();
    let were = if ended == 1 { "a guest of" } else { "guests of" };
    let times = if ended == 1 { "was ended".to_owned() } else { format!("were ended {ended} times") };
    let lost = match guests.lost_users {
        0 => "no other user lost anything by it".to_owned(),
        1 => "1 other user lost an iteration by it".to_owned(),
        users => format!("{users} other users lost an iteration by it"),
    };
    let text = format!(
        "{were} `{name}` {times} ({}), and {lost}: their iterations are cut short in these figures; what the plugin said last is \
         among the scenario's notices",
        by_reason.join(", ")
    );
    (ended > 0).then_some(Reason { status: Status::Degraded, rule: "guest", text })
}

fn computing(guests: &GuestStats, workers: &[&WorkerStats], name: &str) -> Option<Reason> {
    let share = GeneratorStats::guest_share(guests.time_nanos, workers.iter().copied())?;
    let text = format!(
        "{:.0} % of the CPU of `{name}`'s workers went into its plugin: what it computes, not the target, may be what limits the load \
         (no latency has any of it in it); make it compute less, use more `--threads`, or ask for less load",
        share * 100.0
    );
    (share > MOST_OF_CPU).then_some(Reason { status: Status::Degraded, rule: "guest_time", text })
}
