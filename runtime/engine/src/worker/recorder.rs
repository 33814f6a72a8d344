//! A worker's recorder: an active set of statistics that users write to, and a spare one to change to each second.

use std::collections::HashSet;
use std::sync::Arc;

use prony_core::catalog::MetricKind;
use prony_core::meter::{HandOn, Named};
use prony_core::{
    Catalog, CheckId, ConnectionEvent, FailureKind, GroupId, GuestEvent, Marks, MetricId, Outcome, Recording,
    ScenarioId, StepId, Timestamp,
};

use crate::clock;
use crate::names::Names;
use crate::stats::{Level, ScenarioStats, Statistics};
use crate::traces::{IterationSpan, RequestSpan, Traces};

/// The most notices a worker passes on; a hostile peer must not fill the terminal.
const MOST_NOTICES: usize = 200;

/// See the module's head.
pub(crate) struct Recorder {
    active: Box<Statistics>,
    spare: Option<Box<Statistics>>,
    /// By scenario: what is due earlier is warm-up.
    measure_from: Vec<Timestamp>,
    /// By scenario: when its load ends, as far as is known.
    load_ends: Vec<Timestamp>,
    names: Arc<Names>,
    /// What of the names a recorder asks for every time, by number; as many of each as `active` has slots.
    step_scenario: Vec<ScenarioId>,
    group_scenario: Vec<ScenarioId>,
    check_scenario: Vec<ScenarioId>,
    metrics: Vec<(ScenarioId, Option<MetricKind>, bool)>,
    /// Spans since the last report, and whether anybody tells of them.
    traces: Traces,
    traces_are_told: bool,
    /// What drivers have asked to be called for at the end of a second.
    tallies: Vec<HandOn>,
    seen: HashSet<(ScenarioId, String)>,
    notices: Vec<(ScenarioId, String)>,
    /// By scenario: its busy users on this worker, and its guests' memory.
    users: Vec<Level>,
    memory: Vec<Level>,
    /// What users hold of what drivers count, by metric.
    held: Vec<Held>,
    /// When they were asked for last.
    held_until: Timestamp,
}

/// A metric that is a level, on this worker.
struct Held {
    metric: MetricId,
    scenario: ScenarioId,
    level: Level,
}

/// What a worker sends each second.
pub(crate) struct Second {
    pub(crate) statistics: Box<Statistics>,
    /// Metrics that are levels, of loads that were on in it.
    pub(crate) held: Vec<(MetricId, Level)>,
    pub(crate) traces: Traces,
    pub(crate) notices: Vec<(ScenarioId, String)>,
}

impl Recorder {
    pub(crate) fn new(names: Arc<Names>, traces_are_told: bool) -> Self {
        let catalog = names.lock().clone();
        let scenarios = catalog.scenarios.len();
        let mut recorder = Self {
            active: Box::new(Statistics::new(&catalog)),
            spare: Some(Box::new(Statistics::new(&catalog))),
            measure_from: vec![Timestamp::default(); scenarios],
            load_ends: vec![Timestamp::from_nanos(u64::MAX); scenarios],
            names,
            step_scenario: Vec::new(),
            group_scenario: Vec::new(),
            check_scenario: Vec::new(),
            metrics: Vec::new(),
            traces: Traces::default(),
            traces_are_told,
            tallies: Vec::new(),
            seen: HashSet::new(),
            notices: Vec::new(),
            users: vec![Level::default(); scenarios],
            memory: vec![Level::default(); scenarios],
            held: Vec::new(),
            held_until: Timestamp::default(),
        };
        recorder.learn(&catalog);
        recorder
    }

    /// Makes room for everything in `catalog`: numbers that other workers gave out may lie between.
    fn learn(&mut self, catalog: &Catalog) {
        self.active.fit(catalog);
        let known = self.step_scenario.len();
        self.step_scenario.extend(catalog.steps.iter().skip(known).map(|step| step.scenario));
        let known = self.group_scenario.len();
        self.group_scenario.extend(catalog.groups.iter().skip(known).map(|group| group.scenario));
        let known = self.check_scenario.len();
        self.check_scenario.extend(catalog.checks.iter().skip(known).map(|check| check.scenario));
        // Those that only thresholds had named have got their kind.
        self.metrics.clear();
        self.metrics
            .extend(catalog.metrics.iter().map(|metric| (metric.scenario, metric.kind, metric.is_level)));
    }

    /// Learns of a number that another worker asked for.
    #[cold]
    fn catch_up(&mut self) {
        let names = Arc::clone(&self.names);
        let catalog = names.lock();
        self.learn(&catalog);
    }

    /// Leaves out of `scenario` what is due before `moment`.
    pub(crate) fn measure_from(&mut self, scenario: ScenarioId, moment: Timestamp) {
        self.measure_from[usize::from(scenario.0)] = moment;
    }

    /// From `moment` on the users of `scenario` leave: what they let go of is in no level.
    pub(crate) fn load_ends(&mut self, scenario: ScenarioId, moment: Timestamp) {
        self.load_ends[usize::from(scenario.0)] = moment;
    }

    /// Takes what was measured and goes on with the spare; nothing is taken while the spare is away.
    pub(crate) fn take(&mut self) -> Option<Second> {
        let mut spare = self.spare.take()?;
        spare.fit_like(&self.active);
        let mut statistics = std::mem::replace(&mut self.active, spare);
        let levels = self.users.iter_mut().zip(&mut self.memory);
        for (scenario, (users, memory)) in statistics.scenarios.iter_mut().zip(levels) {
            let (users, memory) = (users.take(), memory.take());
            (scenario.users_now, scenario.users_most) = (users.now, users.most);
            (scenario.guests.memory_now, scenario.guests.memory_most) = (memory.now, memory.most);
        }
        let (traces, notices) = (std::mem::take(&mut self.traces), std::mem::take(&mut self.notices));
        let held = self.take_held();
        Some(Second { statistics, held, traces, notices })
    }

    fn take_held(&mut self) -> Vec<(MetricId, Level)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.held_until, clock::clock().now());
        let ends = &self.load_ends;
        let on = self.held.iter_mut().filter(|held| before < ends[usize::from(held.scenario.0)]);
        on.map(|held| (held.metric, held.level.take())).collect()
    }

    /// A level is another, unless users are leaving: what they let go of then is in no level.
    fn hold(&mut self, metric: MetricId, scenario: ScenarioId, due: Timestamp, value: f64) {
        if due >= self.load_ends[usize::from(scenario.0)] {
            return;
        }
        let place = self.held.iter().position(|held| held.metric == metric).unwrap_or_else(|| {
            self.held.push(Held { metric, scenario, level: Level::default() });
            self.held.len() - 1
        });
        self.held[place].level.set(value as u64);
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

    /// What is to be called at the end of a second, by somebody who does not hold the recorder meanwhile; and back.
    pub(crate) const fn tallies(&mut self) -> &mut Vec<HandOn> {
        &mut self.tallies
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

    /// Whether it is measured, and no warm-up.
    pub(crate) fn iteration_started(
        &mut self,
        scenario: ScenarioId,
        due: Timestamp,
        actual: Timestamp,
    ) -> bool {
        let users = &mut self.users[usize::from(scenario.0)];
        users.set(users.now + 1);
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
        measured
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

    /// A sampled iteration has ended.
    pub(crate) fn iteration_traced(&mut self, span: IterationSpan) {
        self.traces.iteration(self.traces_are_told, span);
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

impl Ending {
    /// The word used in results; `None` for an iteration that is as if it had never begun.
    pub(crate) const fn result(self) -> Option<&'static str> {
        match self {
            Self::Completed => Some("completed"),
            Self::Failed => Some("failed"),
            Self::Cut => Some("cut"),
            Self::NoData => None,
        }
    }
}

impl Recording for Recorder {
    #[inline]
    fn request(&mut self, step: StepId, outcome: &Outcome, marks: Marks) {
        let at = usize::from(step.0);
        if at >= self.step_scenario.len() {
            self.catch_up();
        }
        if self.measured(self.step_scenario[at], outcome.intended) {
            self.active.steps[at].record(outcome, marks);
        }
        if let Some(traced) = outcome.trace.filter(|traced| traced.trace.sampled) {
            self.traces.request(self.traces_are_told, || RequestSpan { step, traced, outcome: *outcome });
        }
    }

    fn group(&mut self, group: GroupId, started: Timestamp, finished: Timestamp, failed: bool) {
        let at = usize::from(group.0);
        if at >= self.group_scenario.len() {
            self.catch_up();
        }
        if self.measured(self.group_scenario[at], started) {
            let stats = &mut self.active.groups[at];
            stats.count += 1;
            stats.failed += u64::from(failed);
            stats.time.record(finished.nanos_since(started));
        }
    }

    fn named(&mut self, scenario: ScenarioId, name: Named<'_>) -> Option<u16> {
        let names = Arc::clone(&self.names);
        let mut catalog = names.lock();
        let number = catalog.named(scenario, name);
        self.learn(&catalog);
        number
    }

    fn check(&mut self, check: CheckId, due: Timestamp, passed: bool) {
        let at = usize::from(check.0);
        if at >= self.check_scenario.len() {
            self.catch_up();
        }
        if self.measured(self.check_scenario[at], due) {
            self.active.checks[at].record(passed);
        }
    }

    fn spoiled(&mut self, step: StepId, due: Timestamp) {
        let at = usize::from(step.0);
        if at >= self.step_scenario.len() {
            self.catch_up();
        }
        if self.measured(self.step_scenario[at], due) {
            self.active.steps[at].failures[FailureKind::Check as usize] += 1;
        }
    }

    fn metric(&mut self, metric: MetricId, due: Timestamp, value: f64) {
        let at = usize::from(metric.0);
        if self.metrics.get(at).is_none_or(|(_, kind, _)| kind.is_none()) {
            self.catch_up();
        }
        let (scenario, kind, is_level) = self.metrics[at];
        // Whoever has its number as a metric's has told its kind.
        let Some(kind) = kind else { return };
        if is_level {
            self.hold(metric, scenario, due, value);
            return;
        }
        if self.measured(scenario, due)
            && !self.active.metrics[at].record(kind, value, || clock::clock().now())
        {
            self.scenario(scenario).guests.metrics_dropped += 1;
        }
    }

    fn at_each_second(&mut self, hand_on: HandOn) {
        self.tallies.push(hand_on);
    }

    fn guest(&mut self, scenario: ScenarioId, event: GuestEvent) {
        if let GuestEvent::Memory(bytes) = event {
            self.memory[usize::from(scenario.0)].set(bytes);
        }
        self.scenario(scenario).guests.count(event);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_another_worker_asked_for_finds_its_slot() {
        let mut catalog = Catalog::default();
        let me = catalog.add_scenario("all").expect("one");
        catalog.guest_names[0] = 10;
        catalog.add_metric(me, "orders", None).expect("one");
        let names = Names::new(catalog);
        let mut asking = Recorder::new(Arc::clone(&names), false);
        let mut other = Recorder::new(names, false);
        let now = Timestamp::default();
        let mut named = |name| asking.named(me, name).expect("room");
        let step = StepId(named(Named::Step("publish", "test")));
        let group = GroupId(named(Named::Group("wake up")));
        let check = CheckId(named(Named::Check(Some(step), "acknowledged")));
        let metric = MetricId(named(Named::Metric("orders", MetricKind::Counter, "")));
        assert_eq!(metric, MetricId(0), "the threshold's");
        for _ in 0..2 {
            other.metric(metric, now, 2.0);
            other.check(check, now, true);
            other.group(group, now, now, false);
            other.spoiled(step, now);
            other.request(step, &Outcome::due(now), Marks::default());
            let second = other.take().expect("the spare is there").statistics;
            assert_eq!((second.steps[0].requests, second.steps[0].failed()), (1, 1));
            assert_eq!((second.groups[0].count, second.checks[0].passed, second.metrics[0].sum), (1, 1, 2.0));
            // What comes back is as short as it was before there were any names.
            other.give_back(Box::new(Statistics::new(&Catalog::default())));
        }
    }
}
