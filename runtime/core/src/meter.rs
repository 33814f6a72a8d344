//! Where a user's measurements go: a handle on its worker's recorder.

use std::cell::RefCell;
use std::rc::Rc;

use send_wrapper::SendWrapper;

use crate::catalog::{CheckId, GroupId, MetricId, MetricKind, ScenarioId, StepId};
use crate::guest::GuestEvent;
use crate::outcome::Outcome;
use crate::time::Timestamp;

/// Which of a step's checks were evaluated, and which of those held: bit *n* is check *n*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Evaluated.
    pub evaluated: u64,
    /// Held; a subset of `evaluated`.
    pub passed: u64,
}

impl Marks {
    /// Notes the answer of check number `index` (below 64).
    pub fn set(&mut self, index: usize, passed: bool) {
        self.evaluated |= 1 << index;
        self.passed |= u64::from(passed) << index;
    }

    /// Whether every evaluated check held.
    #[must_use]
    pub const fn all_passed(self) -> bool {
        self.evaluated == self.passed
    }
}

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// A connection stands and may be used.
    Opened,
    /// A TLS handshake was done in full.
    HandshakeFull,
    /// A TLS handshake resumed an earlier session.
    HandshakeResumed,
    /// A connection that stood is gone, by whoever's will.
    Closed,
}

/// Hands on what a driver has tallied by itself; false when there is nobody left who could. The moment is now.
pub type HandOn = Box<dyn Fn(Timestamp) -> bool>;

/// A worker's recorder, as journeys and sessions see it. Implemented by the engine.
pub trait Recording {
    /// A request of `step` has ended. Whether it counts (warm-up does not) the recorder decides from its intended start.
    fn request(&mut self, step: StepId, outcome: &Outcome, marks: Marks);
    /// A user went through `group`; `failed` when a request in it failed.
    fn group(&mut self, group: GroupId, started: Timestamp, finished: Timestamp, failed: bool);
    /// Something happened to a connection of `scenario`.
    fn connection(&mut self, scenario: ScenarioId, event: ConnectionEvent);
    /// One line a person should see, once per `key` and run: the first failure of a kind in its own words.
    fn notice(&mut self, scenario: ScenarioId, key: &str, text: &dyn Fn() -> String);
    /// The number of a name that came up while running; `None` when there is no room for it.
    fn named(&mut self, scenario: ScenarioId, name: Named<'_>) -> Option<u16>;
    /// A check that is no step's of the plan was evaluated in an iteration due at `due`.
    fn check(&mut self, check: CheckId, due: Timestamp, passed: bool);
    /// A request of `step`, due at `due` and recorded as a success, turned out to be a failure: a check of its answer did not hold.
    fn spoiled(&mut self, step: StepId, due: Timestamp);
    /// A metric got a value in an iteration due at `due`: an amount for a counter, a level for a gauge, a sample for a trend.
    fn metric(&mut self, metric: MetricId, due: Timestamp, value: f64);
    /// Has `hand_on` called at the end of each second, so that what a driver tallies is in the second in which it happened.
    fn at_each_second(&mut self, hand_on: HandOn) {
        drop(hand_on);
    }
    /// Something happened to a guest of `scenario`.
    fn guest(&mut self, scenario: ScenarioId, event: GuestEvent);
}

/// A name that came up while running, and what it is of.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// A step: its name and protocol.
    Step(&'a str, &'static str),
    /// Deliveries: their name and protocol.
    Delivery(&'a str, &'static str),
    /// A group.
    Group(&'a str),
    /// A check, of a step or of the scenario.
    Check(Option<StepId>, &'a str),
    /// A metric: its name, kind and unit.
    Metric(&'a str, MetricKind, &'a str),
}

/// A cheap handle on the worker's [`Recording`]. It is `Send` because users must be, and panics when used on
/// another thread than the one that made it, which no user ever is.
#[derive(Clone)]
pub struct Meter(SendWrapper<Rc<RefCell<dyn Recording>>>);

impl Meter {
    /// A handle on `recorder`, to be used on this thread only.
    pub fn new(recorder: Rc<RefCell<dyn Recording>>) -> Self {
        Self(SendWrapper::new(recorder))
    }

    /// See [`Recording::request`].
    #[inline]
    pub fn request(&self, step: StepId, outcome: &Outcome, marks: Marks) {
        self.0.borrow_mut().request(step, outcome, marks);
    }

    /// See [`Recording::group`].
    pub fn group(&self, group: GroupId, started: Timestamp, finished: Timestamp, failed: bool) {
        self.0.borrow_mut().group(group, started, finished, failed);
    }

    /// See [`Recording::connection`].
    pub fn connection(&self, scenario: ScenarioId, event: ConnectionEvent) {
        self.0.borrow_mut().connection(scenario, event);
    }

    /// The number of a step of that name, which is added if it is new. With too many names it is that of
    /// [`crate::catalog::OTHER`], and `None` when even that has no room.
    #[must_use]
    pub fn step_named(&self, scenario: ScenarioId, name: &str, protocol: &'static str) -> Option<StepId> {
        self.0.borrow_mut().named(scenario, Named::Step(name, protocol)).map(StepId)
    }

    /// The number of deliveries of that name, which is added if it is new. `None` when there is no room for it.
    #[must_use]
    pub fn delivery_named(&self, scenario: ScenarioId, name: &str, protocol: &'static str) -> Option<StepId> {
        self.0.borrow_mut().named(scenario, Named::Delivery(name, protocol)).map(StepId)
    }

    /// Likewise for a group.
    #[must_use]
    pub fn group_named(&self, scenario: ScenarioId, name: &str) -> Option<GroupId> {
        self.0.borrow_mut().named(scenario, Named::Group(name)).map(GroupId)
    }

    /// Likewise for a check.
    #[must_use]
    pub fn check_named(&self, scenario: ScenarioId, step: Option<StepId>, name: &str) -> Option<CheckId> {
        self.0.borrow_mut().named(scenario, Named::Check(step, name)).map(CheckId)
    }

    /// The number of a metric of that name, which is added if it is new. `None` with too many names, or when the name
    /// has another kind or unit already.
    #[must_use]
    pub fn metric_named(
        &self,
        scenario: ScenarioId,
        name: &str,
        kind: MetricKind,
        unit: &str,
    ) -> Option<MetricId> {
        self.0.borrow_mut().named(scenario, Named::Metric(name, kind, unit)).map(MetricId)
    }

    /// See [`Recording::check`].
    pub fn check(&self, check: CheckId, due: Timestamp, passed: bool) {
        self.0.borrow_mut().check(check, due, passed);
    }

    /// See [`Recording::spoiled`].
    pub fn spoiled(&self, step: StepId, due: Timestamp) {
        self.0.borrow_mut().spoiled(step, due);
    }

    /// See [`Recording::metric`].
    pub fn metric(&self, metric: MetricId, due: Timestamp, value: f64) {
        self.0.borrow_mut().metric(metric, due, value);
    }

    /// See [`Recording::at_each_second`].
    pub fn at_each_second(&self, hand_on: HandOn) {
        self.0.borrow_mut().at_each_second(hand_on);
    }

    /// See [`Recording::guest`].
    #[inline]
    pub fn guest(&self, scenario: ScenarioId, event: GuestEvent) {
        self.0.borrow_mut().guest(scenario, event);
    }

    /// See [`Recording::notice`].
    pub fn notice(&self, scenario: ScenarioId, key: &str, text: &dyn Fn() -> String) {
        self.0.borrow_mut().notice(scenario, key, text);
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meter")
    }
}
