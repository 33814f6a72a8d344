//! What a scenario came to.

use std::time::Duration;

use indexmap::IndexMap;
use prony_core::catalog::{StepEntry, StepKind};
use prony_core::{Catalog, ScenarioId, StepId};
use prony_engine::stats::{GroupStats, ScenarioStats, StepStats};
use prony_engine::{Load, RunResult, Span, Statistics};

use super::super::summary::{
    Check, Connections, DeliveryKind, DeliverySummary, Distribution, Dropped, GroupSummary, Iterations,
    LoadSummary, Measured, ScenarioSummary, StepSummary, Users,
};
use super::super::{About, AboutScenario, load_text};
use super::guest::{guests, metrics};
use super::measured::{measured, micros, scenario_deliveries, scenario_steps, share, total};

pub(super) fn scenarios(about: &About, result: &RunResult) -> IndexMap<String, ScenarioSummary> {
    let totals = &result.totals;
    let known = result.catalog.scenarios.iter().zip(&about.scenarios).zip(&totals.scenarios).enumerate();
    known
        .map(|(number, ((name, scenario), stats))| {
            let id = ScenarioId(number as u16);
            (name.clone(), scenario_summary(scenario, id, stats, result))
        })
        .collect()
}

fn scenario_summary(
    scenario: &AboutScenario,
    id: ScenarioId,
    stats: &ScenarioStats,
    result: &RunResult,
) -> ScenarioSummary {
    let (catalog, totals) = (&result.catalog, &result.totals);
    let Span { measured: time, starting } = result.spans.get(usize::from(id.0)).copied().unwrap_or_default();
    let steps: IndexMap<String, StepSummary> = (0..)
        .map(StepId)
        .zip(catalog.steps.iter().zip(&totals.steps))
        .filter(|(_, (entry, _))| entry.scenario == id && entry.kind == StepKind::Request)
        .map(|(step_id, (entry, step))| {
            let planned = entry.checks.iter().zip(&step.checks).map(|(expression, count)| Check {
                step: entry.name.clone(),
                expression: expression.clone(),
                share: share([count]),
            });
            let checks = planned.chain(guest_checks(result, id, Some(step_id))).collect();
            let protocol = entry.protocol.to_owned();
            (entry.name.clone(), StepSummary { protocol, measured: measured(step, time), checks })
        })
        .collect();
    let groups = catalog.groups.iter().zip(&totals.groups).filter(|(entry, _)| entry.scenario == id);
    let notices = result.notices.iter().filter(|(scenario, _)| *scenario == id);
    ScenarioSummary {
        load: LoadSummary {
            model: match scenario.load {
                Load::Open(_) => "open".to_owned(),
                Load::Closed(_) => "closed".to_owned(),
            },
            text: load_text::in_words(scenario),
            max_users: scenario.load.most_users(),
            lasts_us: scenario.load.duration().map(micros),
            start_after_us: micros(scenario.start_after),
            warmup_us: micros(scenario.warmup),
        },
        measured_us: micros(time),
        starting_us: micros(starting),
        due: stats.due,
        iterations: Iterations {
            started: stats.iterations.started,
            completed: stats.iterations.completed,
            failed: stats.iterations.failed,
            cut: stats.iterations.cut,
            warmup: stats.iterations.warmup,
        },
        dropped: Dropped {
            total: stats.dropped.total(),
            by_reason: [("users_busy".to_owned(), stats.dropped.users_busy)].into_iter().collect(),
        },
        users: Users { max: stats.users_most },
        connections: Connections {
            opened: stats.connections.opened,
            closed: stats.connections.closed,
            handshakes_full: stats.connections.handshakes_full,
            handshakes_resumed: stats.connections.handshakes_resumed,
        },
        lag_us: Distribution::of(&stats.lag),
        iteration_time_us: Distribution::of(&stats.iteration_time),
        measured: measured(&total(scenario_steps(catalog, totals, id)), time),
        checks: steps
            .values()
            .flat_map(|step| step.checks.iter().cloned())
            .chain(guest_checks(result, id, None))
            .collect(),
        metrics: metrics(catalog, totals, id, time),
        guests: guests(result, id),
        notices: notices.map(|(_, text)| text.clone()).collect(),
        deliveries: deliveries(catalog, totals, id, time),
        groups: groups.map(|(entry, group)| (entry.name.clone(), group_summary(group))).collect(),
        steps,
    }
}

/// The checks of a scenario's guests that look at answers to this step, or at none.
fn guest_checks(
    result: &RunResult,
    id: ScenarioId,
    step: Option<StepId>,
) -> impl Iterator<Item = Check> + '_ {
    let steps = &result.catalog.steps;
    let name = step.and_then(|step| steps.get(usize::from(step.0))).map_or("", |entry| entry.name.as_str());
    let counted = result.catalog.checks.iter().zip(&result.totals.checks);
    counted.filter(move |(entry, _)| entry.scenario == id && entry.step == step).map(|(entry, count)| Check {
        step: name.to_owned(),
        expression: entry.name.clone(),
        share: share([count]),
    })
}

/// The messages that came to a scenario, by subscription.
pub(crate) fn deliveries(
    catalog: &Catalog,
    statistics: &Statistics,
    id: ScenarioId,
    time: Duration,
) -> IndexMap<String, DeliverySummary> {
    scenario_deliveries(catalog, statistics, id)
        .map(|(entry, step)| (entry.name.clone(), delivery(entry, step, time)))
        .collect()
}

fn delivery(entry: &StepEntry, step: &StepStats, time: Duration) -> DeliverySummary {
    let Measured { requests, requests_per_second, response_time_us, service_time_us, bytes, .. } =
        measured(step, time);
    DeliverySummary {
        protocol: entry.protocol.to_owned(),
        kind: if entry.kind == StepKind::Timing { DeliveryKind::Times } else { DeliveryKind::Messages },
        messages: requests,
        messages_per_second: requests_per_second,
        response_time_us,
        service_time_us,
        bytes_received: bytes.received,
    }
}

fn group_summary(group: &GroupStats) -> GroupSummary {
    GroupSummary { count: group.count, failed: group.failed, time_us: Distribution::of(&group.time) }
}
