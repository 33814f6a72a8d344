//! What the fake host knows while a plugin runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;

use super::broker::Broker;
use super::random::Random;
use super::record::{Checked, Line, Passage, Request};
use super::route::{Route, StreamRoute};
use super::socket::Server;

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

/// The host of the plugin that runs on this thread.
#[expect(clippy::panic, reason = "a test that is written wrongly has to be told so")]
pub(super) fn current() -> Rc<RefCell<State>> {
    CURRENT.with_borrow(Clone::clone).unwrap_or_else(|| {
        panic!("Prony's calls work while a host runs the plugin: put this into `Host::within` or `Host::run`")
    })
}

/// Makes `state` the host of this thread for the time of `work`.
pub(super) fn with<T>(state: &Rc<RefCell<State>>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<RefCell<State>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(Rc::clone(state))));
    work()
}

#[derive(Default)]
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) scenario: String,
    pub(super) scenario_number: u64,
    pub(super) user: u32,
    pub(super) users: u32,
    pub(super) own: BTreeMap<u32, Own>,
    /// Nanoseconds of the simulated clock.
    pub(super) now: u64,
    /// When the present iteration began, and how long the load wants its user from then on.
    pub(super) began: u64,
    pub(super) wanted_for: u64,
    pub(super) wall: Option<u64>,
    /// Who waits for which moment; the second number tells apart those of one moment.
    pub(super) waits: BTreeMap<(u64, u64), Waker>,
    pub(super) waits_made: u64,
    /// The plan's.
    pub(super) vars: BTreeMap<String, String>,
    /// What a step's plugin may set. A journey may set everything.
    pub(super) sets: Vec<String>,
    pub(super) step: bool,
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) routes: Vec<Route>,
    pub(super) streams: Vec<StreamRoute>,
    pub(super) broker: Broker,
    pub(super) server: Server,
    pub(super) requests: Vec<Request>,
    pub(super) checks: Vec<Checked>,
    pub(super) metrics: Vec<Metric>,
    pub(super) groups: Vec<Passage>,
    pub(super) lines: Vec<Line>,
}

/// What is a user's own.
pub(super) struct Own {
    pub(super) iteration: u64,
    pub(super) random: Random,
    pub(super) vars: BTreeMap<String, String>,
}

#[derive(Default)]
pub(super) struct Source {
    pub(super) rows: Vec<Vec<(String, String)>>,
    pub(super) ends: bool,
    pub(super) next: usize,
}

/// The values of a metric, in their order.
pub(super) struct Metric {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) values: Vec<f64>,
}

impl State {
    /// When the load wants the present user no longer.
    pub(super) fn wanted_until(&self) -> u64 {
        self.began.saturating_add(self.wanted_for)
    }

    /// The present user's own.
    pub(super) fn own(&mut self) -> &mut Own {
        let random = || Random::new(self.seed, self.scenario_number, u64::from(self.user));
        let make = || Own { iteration: 0, random: random(), vars: self.vars.clone() };
        self.own.entry(self.user).or_insert_with(make)
    }
}
