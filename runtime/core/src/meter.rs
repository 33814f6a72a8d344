//! Where a user's measurements go: a handle on its worker's recorder.

use std::cell::RefCell;
use std::rc::Rc;

use send_wrapper::SendWrapper;

use crate::catalog::{GroupId, ScenarioId, StepId};
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
