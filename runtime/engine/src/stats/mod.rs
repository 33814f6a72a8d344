//! What was measured: the same struct for a worker's second, for everybody's second, and for the whole run.
//!
//! [`Statistics::merge`] loses nothing: counters add, histograms add bucket by bucket. Percentiles are read from
//! merged histograms and never averaged. Guests make up names while a run goes on, so two sets may know differently many
//! of them; a slot keeps its number, and whoever knows fewer grows.

mod guest;
mod latency;
mod level;
mod metric;
mod slowest;
mod step;
mod values;

pub use guest::GuestStats;
pub use latency::Latency;
pub(crate) use level::Level;
pub use metric::MetricStats;
pub use slowest::{Slow, Slowest};
pub use step::{CheckCount, StepStats};

use prony_core::catalog::StepKind;
use prony_core::{Catalog, Timestamp};

/// Everything measured in some stretch of a run by some workers. Vectors are in the catalog's order.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// By scenario.
    pub scenarios: Vec<ScenarioStats>,
    /// By step.
    pub steps: Vec<StepStats>,
    /// By group.
    pub groups: Vec<GroupStats>,
    /// By check that is no compiled step's.
    pub checks: Vec<CheckCount>,
    /// By metric.
    pub metrics: Vec<MetricStats>,
}

/// What a scenario did.
#[derive(Clone, Debug, Default)]
pub struct ScenarioStats {
    /// Iterations by their end.
    pub iterations: IterationCounts,
    /// Starts that could not be made.
    pub dropped: DroppedCounts,
    /// Starts that were due (open load) or made (closed), dropped ones included.
    pub due: u64,
    /// Users busy at the end of the stretch; adding up over workers, the latest over time.
    pub users_now: u64,
    /// The most users busy at once: per worker the exact maximum, added up over workers (an upper bound).
    pub users_most: u64,
    /// Actual start − intended start of iterations.
    pub lag: Latency,
    /// From an iteration's intended start to its end; not of those that were cut off.
    pub iteration_time: Latency,
    /// Connections by what happened to them.
    pub connections: ConnectionCounts,
    /// When the last iteration was due that began; zero when none did. Merging keeps the latest.
    pub last_start: Timestamp,
    /// When the last iteration ended; zero when none did. Merging keeps the latest.
    pub last_end: Timestamp,
    /// Its guests.
    pub guests: GuestStats,
}

/// Iterations by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IterationCounts {
    /// Begun, warm-up left out.
    pub started: u64,
    /// Ended in full.
    pub completed: u64,
    /// Ended early by a failed step.
    pub failed: u64,
    /// Cut off at the end of the run.
    pub cut: u64,
    /// Begun during warm-up: in no other figure.
    pub warmup: u64,
}

/// Starts that could not be made, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedCounts {
    /// All users were busy.
    pub users_busy: u64,
}

/// Connections by what happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Opened.
    pub opened: u64,
    /// Closed by whoever.
    pub closed: u64,
    /// TLS handshakes in full.
    pub handshakes_full: u64,
    /// TLS handshakes that resumed a session.
    pub handshakes_resumed: u64,
}

/// What a group's passages came to.
#[derive(Clone, Debug, Default)]
pub struct GroupStats {
    /// Passages that ended.
    pub count: u64,
    /// Of those, with a failed request in them.
    pub failed: u64,
    /// How long they took.
    pub time: Latency,
}

impl Statistics {
    /// Nothing measured yet, with a slot for everything in `catalog`.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        let mut statistics = Self {
            scenarios: Vec::new(),
            steps: Vec::new(),
            groups: Vec::new(),
            checks: Vec::new(),
            metrics: Vec::new(),
        };
        statistics.fit(catalog);
        statistics
    }

    /// Makes a slot for everything in `catalog` that has none yet.
    pub(crate) fn fit(&mut self, catalog: &Catalog) {
        grow(&mut self.scenarios, catalog.scenarios.len());
        let new = catalog.steps.get(self.steps.len()..).unwrap_or_default();
        self.steps.extend(new.iter().map(|step| StepStats::of(step.kind, step.checks.len())));
        grow(&mut self.groups, catalog.groups.len());
        grow(&mut self.checks, catalog.checks.len());
        grow(&mut self.metrics, catalog.metrics.len());
    }

    /// Makes a slot for everything that `other` has one for.
    pub(crate) fn fit_like(&mut self, other: &Self) {
        grow(&mut self.scenarios, other.scenarios.len());
        let new = other.steps.get(self.steps.len()..).unwrap_or_default();
        self.steps.extend(new.iter().map(|step| StepStats::of(step.kind, step.checks.len())));
        grow(&mut self.groups, other.groups.len());
        grow(&mut self.checks, other.checks.len());
        grow(&mut self.metrics, other.metrics.len());
    }

    /// Adds all of `other`, which may have more slots, or fewer.
    pub fn merge(&mut self, other: &Self) {
        self.fit_like(other);
        self.scenarios.iter_mut().zip(&other.scenarios).for_each(|(mine, theirs)| mine.merge(theirs));
        self.steps.iter_mut().zip(&other.steps).for_each(|(mine, theirs)| mine.merge(theirs));
        self.groups.iter_mut().zip(&other.groups).for_each(|(mine, theirs)| mine.merge(theirs));
        self.checks.iter_mut().zip(&other.checks).for_each(|(mine, theirs)| mine.merge(*theirs));
        self.metrics.iter_mut().zip(&other.metrics).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// Takes the levels of a second that was just merged in as levels over time, the latest and the most, where merging has added them
    /// up as it does over workers.
    pub fn levels_over_time(&mut self, second: &Self) {
        let most = |total: u64, second: u64| (total - second).max(second);
        for (total, second) in self.scenarios.iter_mut().zip(&second.scenarios) {
            total.users_now = second.users_now;
            total.users_most = most(total.users_most, second.users_most);
            total.guests.memory_now = second.guests.memory_now;
            total.guests.memory_most = most(total.guests.memory_most, second.guests.memory_most);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.scenarios.iter_mut().for_each(ScenarioStats::clear);
        self.steps.iter_mut().for_each(StepStats::clear);
        self.groups.iter_mut().for_each(GroupStats::clear);
        self.checks.fill(CheckCount::default());
        self.metrics.iter_mut().for_each(MetricStats::clear);
    }

    /// The steps that requests are counted under. Messages that came to a receiver are their senders' requests already.
    pub fn request_steps(&self) -> impl Iterator<Item = &StepStats> {
        self.steps.iter().filter(|step| step.kind == StepKind::Request)
    }

    /// All checks of a stretch: those of compiled steps and those of guests.
    pub fn all_checks(&self) -> impl Iterator<Item = &CheckCount> {
        self.steps.iter().flat_map(|step| &step.checks).chain(&self.checks)
    }
}

fn grow<T: Default>(slots: &mut Vec<T>, length: usize) {
    if slots.len() < length {
        slots.resize_with(length, T::default);
    }
}

impl ScenarioStats {
    fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.iterations, &other.iterations);
        mine.started += theirs.started;
        mine.completed += theirs.completed;
        mine.failed += theirs.failed;
        mine.cut += theirs.cut;
        mine.warmup += theirs.warmup;
        self.dropped.users_busy += other.dropped.users_busy;
        self.due += other.due;
        self.users_now += other.users_now;
        self.users_most += other.users_most;
        self.lag.merge(&other.lag);
        self.iteration_time.merge(&other.iteration_time);
        self.last_start = self.last_start.max(other.last_start);
        self.last_end = self.last_end.max(other.last_end);
        self.connections.opened += other.connections.opened;
        self.connections.closed += other.connections.closed;
        self.connections.handshakes_full += other.connections.handshakes_full;
        self.connections.handshakes_resumed += other.connections.handshakes_resumed;
        self.guests.merge(&other.guests);
    }

    fn clear(&mut self) {
        let (mut lag, mut iteration_time) =
            (std::mem::take(&mut self.lag), std::mem::take(&mut self.iteration_time));
        lag.clear();
        iteration_time.clear();
        let mut guests = std::mem::take(&mut self.guests);
        guests.clear();
        *self = Self { lag, iteration_time, guests, ..Self::default() };
    }
}

impl DroppedCounts {
    /// For whatever reason.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.users_busy
    }
}

impl GroupStats {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.time.merge(&other.time);
    }

    fn clear(&mut self) {
        (self.count, self.failed) = (0, 0);
        self.time.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_different_length_merge_either_way() {
        let mut catalog = Catalog::default();
        let id = catalog.add_scenario("all").expect("one");
        catalog.guest_names[0] = 10;
        catalog.add_step(id, "GET /", "test", vec!["status == 200".to_owned()]).expect("one");
        let mut short = Statistics::new(&catalog);
        catalog.step_named(id, "made up", "test").expect("room");
        catalog.group_named(id, "made up").expect("room");
        catalog.check_named(id, None, "made up").expect("room");
        catalog.add_metric(id, "made up", None).expect("room");
        let mut long = Statistics::new(&catalog);
        for statistics in [&mut short, &mut long] {
            statistics.steps[0].requests = 1;
            statistics.steps[0].checks[0].evaluated = 1;
        }
        long.steps[1].requests = 5;
        long.groups[0].count = 5;
        long.checks[0].evaluated = 5;
        long.metrics[0].count = 5;
        for (mut mine, theirs) in [(short.clone(), &long), (long.clone(), &short)] {
            mine.merge(theirs);
            let requests: Vec<u64> = mine.steps.iter().map(|step| step.requests).collect();
            assert_eq!(requests, [2, 5]);
            assert_eq!(mine.steps[0].checks[0].evaluated, 2);
            assert_eq!((mine.groups[0].count, mine.checks[0].evaluated, mine.metrics[0].count), (5, 5, 5));
            assert_eq!(mine.all_checks().map(|check| check.evaluated).sum::<u64>(), 7);
        }
    }
}
