//! What the coordinator knows of one worker: what it must not add up with the others' until a second is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prony_core::{MetricId, ScenarioId};

use crate::event::WorkerStats;
use crate::stats::{Latency, Level, ScenarioStats};
use crate::worker::Report;

/// See the module's head.
pub(super) struct Tally {
    alone: Option<ScenarioId>,
    /// By scenario: its busy users, and its guests' memory.
    levels: Vec<[Level; 2]>,
    /// Metrics that are levels, and those of them that the worker told since a second was told last.
    held: BTreeMap<MetricId, Level>,
    held_now: BTreeSet<MetricId>,
    /// Since the beginning.
    wakeups: Latency,
    usage: Usage,
    /// In the second under way, and at the end of the one before.
    wakeups_now: Latency,
    usage_before: Usage,
}

#[derive(Clone, Copy, Default)]
struct Usage {
    cpu: Duration,
    waiting: Duration,
}

impl Tally {
    pub(super) fn new(alone: Option<ScenarioId>, scenarios: usize) -> Self {
        Self {
            alone,
            levels: vec![Default::default(); scenarios],
            held: BTreeMap::new(),
            held_now: BTreeSet::new(),
            wakeups: Latency::default(),
            usage: Usage::default(),
            wakeups_now: Latency::default(),
            usage_before: Usage::default(),
        }
    }

    /// Takes out of a worker's report what merging would add up.
    pub(super) fn take(&mut self, report: &mut Report) {
        for (scenario, [users, memory]) in report.statistics.scenarios.iter_mut().zip(&mut self.levels) {
            let take = std::mem::take;
            users.report(Level { now: take(&mut scenario.users_now), most: take(&mut scenario.users_most) });
            let guests = &mut scenario.guests;
            memory.report(Level { now: take(&mut guests.memory_now), most: take(&mut guests.memory_most) });
        }
        for (metric, level) in report.held.drain(..) {
            self.held.entry(metric).or_default().report(level);
            self.held_now.insert(metric);
        }
        self.wakeups_now.merge(&report.wakeup_lag);
        self.usage = Usage { cpu: report.cpu, waiting: report.waiting };
    }

    /// Puts it into what is told of a second of scenario number `number`.
    pub(super) fn tell(&mut self, number: usize, scenario: &mut ScenarioStats) {
        let Some([users, memory]) = self.levels.get_mut(number) else { return };
        let (users, memory) = (users.take(), memory.take());
        scenario.users_now += users.now;
        scenario.users_most += users.most;
        scenario.guests.memory_now += memory.now;
        scenario.guests.memory_most += memory.most;
    }

    /// The levels that the worker told.
    pub(super) fn held_now(&mut self) -> BTreeSet<MetricId> {
        std::mem::take(&mut self.held_now)
    }

    /// What it holds of a level, whether it told it in the second or before.
    pub(super) fn held(&mut self, metric: MetricId) -> Level {
        self.held.get_mut(&metric).map(Level::take).unwrap_or_default()
    }

    /// The worker on itself in the second that is over.
    pub(super) fn second(&mut self) -> WorkerStats {
        let wakeup_lag = std::mem::take(&mut self.wakeups_now);
        self.wakeups.merge(&wakeup_lag);
        let before = std::mem::replace(&mut self.usage_before, self.usage);
        WorkerStats {
            alone: self.alone,
            wakeup_lag,
            cpu: self.usage.cpu.saturating_sub(before.cpu),
            waiting: self.usage.waiting.saturating_sub(before.waiting),
        }
    }

    /// The worker on itself over the whole run.
    pub(super) fn whole(self) -> WorkerStats {
        let Usage { cpu, waiting } = self.usage;
        WorkerStats { alone: self.alone, wakeup_lag: self.wakeups, cpu, waiting }
    }
}
