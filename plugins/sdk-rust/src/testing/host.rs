//! Setting up a fake host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::route::{Route, StreamRoute};
use super::state::{Source, State};
use super::{Mqtt, Respond, Ws};

/// A host that is a fake: see [the module](super).
///
/// A new one has the seed 42, the user 0 of the scenario `test` (the plan's first), whom the load wants for a minute, a broker
/// that takes everything, and neither answers nor data nor a clock of the day.
pub struct Host {
    pub(super) state: Rc<RefCell<State>>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            seed: 42,
            scenario: "test".to_owned(),
            users: 1,
            wanted_for: 60_000_000_000,
            ..State::default()
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Answers requests of this method and path: with an [`Answer`](super::Answer), or with a closure that makes one of the
    /// [`Request`](super::Request). `*` stands for any method, and for any text in a path; a path is held against what the
    /// plugin gave, its query left out unless the path here has one. Of several that fit, the last given answers.
    pub fn on(&mut self, method: &str, path: &str, respond: impl Respond) -> &mut Self {
        self.change(|state| state.routes.push(Route::new(method, path, respond)))
    }

    /// Takes streams of this method of gRPC: `answers` gives the messages that the server sends for one that it hears, in bytes or
    /// JSON as the plugin reads them. When the plugin has finished, the stream ends with OK, or as [`Host::on`] says of `GRPC` and
    /// the method.
    pub fn on_stream<M: Into<Vec<u8>>>(
        &mut self,
        method: &str,
        answers: impl Fn(&[u8]) -> Vec<M> + 'static,
    ) -> &mut Self {
        let answers = move |heard: &[u8]| answers(heard).into_iter().map(Into::into).collect();
        let route = StreamRoute { method: method.to_owned(), answers: Rc::new(answers) };
        self.change(|state| state.streams.push(route))
    }

    /// A data source that begins again from the first row after the last.
    pub fn data<R, C, V>(&mut self, source: &str, rows: impl IntoIterator<Item = R>) -> &mut Self
    where
        R: IntoIterator<Item = (C, V)>,
        C: Into<String>,
        V: Into<String>,
    {
        let columns = |row: R| row.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let source = (
            source.to_owned(),
            Source { rows: rows.into_iter().map(columns).collect(), ..Source::default() },
        );
        self.change(|state| {
            state.sources.insert(source.0, source.1);
        })
    }

    /// Makes a data source end after its last row, as `at_end: stop` does.
    pub fn ends(&mut self, source: &str) -> &mut Self {
        self.change(|state| state.sources.entry(source.to_owned()).or_default().ends = true)
    }

    /// A variable of the plan. Users that have run already keep what they have.
    pub fn var(&mut self, name: &str, value: &str) -> &mut Self {
        self.change(|state| {
            state.vars.insert(name.to_owned(), value.to_owned());
        })
    }

    /// Lets a step's plugin set a variable, as the plan's `sets` does.
    pub fn sets(&mut self, name: &str) -> &mut Self {
        self.change(|state| state.sets.push(name.to_owned()))
    }

    /// The run's seed. All users begin anew.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.change(|state| {
            state.seed = seed;
            state.own.clear();
        })
    }

    /// The scenario's name, and its number in the plan, from 0. All users begin anew.
    pub fn scenario(&mut self, name: &str, number: u64) -> &mut Self {
        self.change(|state| {
            state.scenario = name.to_owned();
            state.scenario_number = number;
            state.own.clear();
        })
    }

    /// The most users the scenario can have.
    pub fn users(&mut self, users: u32) -> &mut Self {
        self.change(|state| state.users = users)
    }

    /// The user that runs next. Each has random numbers, variables and a count of iterations of its own.
    pub fn user(&mut self, id: u32) -> &mut Self {
        self.change(|state| state.user = id)
    }

    /// How long the load wants a user, counted from when its iteration begins: a minute, unless it is said. Then
    /// [`User::wanted`](crate::User::wanted) is false, and [`mqtt::next`](crate::mqtt::next) has no message any more.
    pub fn wanted_for(&mut self, time: Duration) -> &mut Self {
        self.change(|state| state.wanted_for = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The broker that plugins speak MQTT to.
    #[must_use]
    pub fn mqtt(&self) -> Mqtt {
        Mqtt { state: Rc::clone(&self.state) }
    }

    /// The server that plugins have their WebSocket with.
    #[must_use]
    pub fn ws(&self) -> Ws {
        Ws { state: Rc::clone(&self.state) }
    }

    /// The time of day at the run's beginning, as the plan's `allow: {clock: true}` lets a plugin know it.
    pub fn wall(&mut self, beginning: SystemTime) -> &mut Self {
        let since = beginning.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.change(|state| state.wall = u64::try_from(since.as_nanos()).ok())
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut State)) -> &mut Self {
        change(&mut self.state.borrow_mut());
        self
    }
}
