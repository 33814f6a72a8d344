//! A worker's recorder: an active set of statistics that users write to, and a spare one to change to each second.

use std::collections::HashSet;

use prony_core::{
    Catalog, ConnectionEvent, GroupId, Marks, Outcome, Recording, ScenarioId, StepId, Timestamp,
};

use crate::stats::{ScenarioStats, Statistics};

/// The most notices a worker passes on; a hostile peer must not fill the terminal.
const MOST_NOTICES: usize = 200;

/// See the module's head.
pub(crate) struct Recorder {
    active: Box<Statistics>,
    spare: Option<Box<Statistics>>,
    /// By scenario: what is due earlier is warm-up.
    measure_from: Vec<Timestamp>,
    /// By step and by group: the scenario.
    step_scenario: Vec<ScenarioId>,
    group_scenario: Vec<ScenarioId>,
    seen: HashSet<(ScenarioId, String)>,
    notices: Vec<(ScenarioId, String)>,
    users: Vec<UserCount>,
}

/// Busy users of a scenario on this worker.
#[derive(Clone, Copy, Debug, Default)]
struct UserCount {
    now: u64,
    most: u64,
}

/// What a worker sends each second.
pub(crate) struct Second {
    pub(crate) statistics: Box<Statistics>,
    pub(crate) notices: Vec<(ScenarioId, String)>,
}

impl Recorder {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self {
            active: Box::new(Statistics::new(catalog)),
            spare: Some(Box::new(Statistics::new(catalog))),
            measure_from: vec![Timestamp::default(); catalog.scenarios.len()],
            step_scenario: catalog.steps.iter().map(|step| step.scenario).collect(),
            group_scenario: catalog.groups.iter().map(|group| group.scenario).collect(),
            seen: HashSet::new(),
            notices: Vec::new(),
            users: vec![UserCount::default(); catalog.scenarios.len()],
        }
    }

    /// Leaves out of `scenario` what is due before `moment`.
    pub(crate) fn measure_from(&mut self, scenario: ScenarioId, moment: Timestamp) {
        self.measure_from[usize::from(scenario.0)] = moment;
    }

    /// Takes what was measured and goes on with the spare; nothing is taken while the spare is away.
    pub(crate) fn take(&mut self) -> Option<Second> {
        let spare = self.spare.take()?;
        let mut statistics = std::mem::replace(&mut self.active, spare);
        for (scenario, users) in statistics.scenarios.iter_mut().zip(&mut self.users) {
            (scenario.users_now, scenario.users_most) = (users.now, users.most);
            users.most = users.now;
        }
        Some(Second { statistics, notices: std::mem::take(&mut self.notices) })
    }

    /// Takes what was measured for good. What is recorded afterwards (connections close when the worker's runtime is
    /// dropped) goes nowhere, but must find its slots.
    pub(crate) fn take_last(&mut self) -> Second {
        if self.spare.is_none() {
            let mut blank = self.active.clone();
            blank.clear();
            self.spare = Some(blank);
        }
        self.take().unwrap_or_else(|| unreachable!("the spare is there"))
    }

    /// Gives a cleared set back.
    pub(crate) fn give_back(&mut self, cleared: Box<Statistics>) {
        self.spare = Some(cleared);
    }

    fn measured(&self, scenario: ScenarioId, due: Timestamp) -> bool {
        due >= self.measure_from[usize::from(scenario.0)]
    }

    fn scenario(&mut self, scenario: ScenarioId) -> &mut ScenarioStats {
        &mut self.active.scenarios[usize::from(scenario.0)]
    }

    /// A start was due and could not be made: no user was free.
    pub(crate) fn dropped(&mut self, scenario: ScenarioId, due: Timestamp) {
        if self.measured(scenario, due) {
            let stats = self.scenario(scenario);
            stats.due += 1;
            stats.dropped.users_busy += 1;
        }
    }

    pub(crate) fn iteration_started(&mut self, scenario: ScenarioId, due: Timestamp, actual: Timestamp) {
        let users = &mut self.users[usize::from(scenario.0)];
        users.now += 1;
        users.most = users.most.max(users.now);
        let measured = self.measured(scenario, due);
        let stats = self.scenario(scenario);
        if measured {
            stats.due += 1;
            stats.iterations.started += 1;
            stats.last_start = stats.last_start.max(due);
            stats.lag.record(actual.nanos_since(due));
        } else {
            stats.iterations.warmup += 1;
        }
    }

    pub(crate) fn iteration_ended(
        &mut self,
        scenario: ScenarioId,
        due: Timestamp,
        ended: Timestamp,
        end: Ending,
    ) {
        self.users[usize::from(scenario.0)].now -= 1;
        if !self.measured(scenario, due) {
            return;
        }
        let stats = self.scenario(scenario);
        match end {
            Ending::Completed => stats.iterations.completed += 1,
            Ending::Failed => stats.iterations.failed += 1,
            Ending::Cut => stats.iterations.cut += 1,
            Ending::NoData => {
                // As if it had never begun.
                stats.iterations.started = stats.iterations.started.saturating_sub(1);
                stats.due = stats.due.saturating_sub(1);
                return;
            }
        }
        stats.last_end = stats.last_end.max(ended);
        if end == Ending::Cut {
            // Nobody knows how long it would have taken.
            return;
        }
        stats.iteration_time.record(ended.nanos_since(due));
    }
}

/// How an iteration ended, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Failed,
    Cut,
    NoData,
}

impl Recording for Recorder {
    #[inline]
    fn request(&mut self, step: StepId, outcome: &Outcome, marks: Marks) {
        let at = usize::from(step.0);
        if self.measured(self.step_scenario[at], outcome.intended) {
            self.active.steps[at].record(outcome, marks);
        }
    }

    fn group(&mut self, group: GroupId, started: Timestamp, finished: Timestamp, failed: bool) {
        let at = usize::from(group.0);
        if self.measured(self.group_scenario[at], started) {
            let stats = &mut self.active.groups[at];
            stats.count += 1;
            stats.failed += u64::from(failed);
            stats.time.record(finished.nanos_since(started));
        }
    }

    fn connection(&mut self, scenario: ScenarioId, event: ConnectionEvent) {
        let connections = &mut self.scenario(scenario).connections;
        match event {
            ConnectionEvent::Opened => connections.opened += 1,
            ConnectionEvent::Closed => connections.closed += 1,
            ConnectionEvent::HandshakeFull => connections.handshakes_full += 1,
            ConnectionEvent::HandshakeResumed => connections.handshakes_resumed += 1,
        }
    }

    fn notice(&mut self, scenario: ScenarioId, key: &str, text: &dyn Fn() -> String) {
        if self.seen.len() < MOST_NOTICES && self.seen.insert((scenario, key.to_owned())) {
            self.notices.push((scenario, text()));
        }
    }
}
