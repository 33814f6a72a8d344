//! WebSocket's driver: once a run, once a worker.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prony_core::catalog::{Attribute, Entries, TooMany};
use prony_core::protocol::Wiring;
use prony_core::{
    Clock, Diagnostic, Driver, DriverBuilder, DriverWorker, FailureKind, Marks, Meter, Node, OnThread,
    Outcome, Random, ReplyNeeds, ScenarioId, Seat, Session, SetupError, StepId, StepIndex, Timestamp,
    Variables,
};
use prony_transport::{Connector, ConnectorBuilder, Heart, WorkerConnector};
use send_wrapper::SendWrapper;

use crate::config::{NAME, Settings};
use crate::connection::{Connection, Trouble};
use crate::feed::Deliveries;
use crate::metrics::{Metrics, Tallies, count};
use crate::session::WsSession;
use crate::step::{Action, Context, Identity, Step, compile};
use crate::target::Target;

/// WebSocket's driver in the making.
pub(crate) struct Builder {
    settings: Settings,
    settings_node: Option<Node>,
    target: Target,
    connector: ConnectorBuilder,
    folder: PathBuf,
    identity: Identity,
    steps: Vec<Step>,
    names: Names,
    last_name: &'static str,
}

/// The numbers under which a scenario's connections record what is no step's.
#[derive(Clone, Copy, Debug, Default)]
struct Names {
    metrics: Option<Metrics>,
    deliveries: Option<Deliveries>,
    first_message: Option<StepId>,
    reconnect: Option<StepId>,
}

impl Builder {
    pub(crate) fn new(wiring: Wiring<'_>) -> Result<Self, Diagnostic> {
        let Some(target) = wiring.target else {
            let nowhere = || prony_core::Place::nowhere(NAME);
            let place = wiring.settings.map_or_else(nowhere, |node| node.place.clone());
            return Err(Diagnostic::at(&place, "no target", "expected where the server is")
                .help("add `target: ws://HOST:PORT/PATH` to the plan or the scenario; beside another protocol's: `target: {ws: …}`"));
        };
        Ok(Self {
            settings: Settings::from_plan(wiring.settings)?,
            settings_node: wiring.settings.cloned(),
            target: Target::from_plan(target)?,
            connector: Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?,
            folder: wiring.folder.to_owned(),
            identity: Identity::default(),
            steps: Vec::new(),
            names: Names::default(),
            last_name: "",
        })
    }

    /// For guests there are no steps, and the plan's variables are not in reach of its words about connections.
    pub(crate) fn introduce_guests(&mut self) -> Result<(), Diagnostic> {
        self.identity = Identity::compile(self.settings_node.as_ref(), &Variables::default())?;
        Ok(())
    }

    /// Adds what is measured beside requests, once.
    pub(crate) fn enter_names(&mut self, entries: &mut Entries<'_>) -> Result<(), TooMany> {
        if self.names.metrics.is_some() {
            return Ok(());
        }
        self.names.metrics = Some(Metrics::enter(entries)?);
        if self.settings.reconnect.is_some() {
            self.names.reconnect = Some(entries.request("reconnect", NAME)?);
        }
        if let Some(feed) = &self.settings.feed {
            let push = feed.time.as_ref().map(|_| entries.delivery("push", NAME)).transpose()?;
            self.names.deliveries =
                Some(Deliveries { push, interval: entries.timing("push interval", NAME)? });
        }
        Ok(())
    }

    /// The driver.
    pub(crate) fn finish(self) -> Result<WsDriver, SetupError> {
        let connector = self.connector.build(vec![b"http/1.1".to_vec()])?;
        connector.resolve_now(std::slice::from_ref(&self.target.origin))?;
        Ok(WsDriver {
            compiled: Arc::new(Compiled {
                keeps_messages: self.steps.iter().any(|step| matches!(step.action, Action::Receive(_))),
                settings: self.settings,
                target: self.target,
                identity: self.identity,
                steps: self.steps,
                metrics: self.names.metrics,
                deliveries: self.names.deliveries,
                first_message: self.names.first_message,
                reconnect: self.names.reconnect,
            }),
            connector: Arc::new(connector),
        })
    }
}

impl DriverBuilder for Builder {
    fn step(
        &mut self,
        step: &Node,
        needs: ReplyNeeds,
        variables: &Variables,
    ) -> Result<StepIndex, Diagnostic> {
        // Any step may be the one that connects, and the last one knows all names.
        self.identity = Identity::compile(self.settings_node.as_ref(), variables)?;
        let context = Context { settings: &self.settings, variables, folder: &self.folder };
        let (compiled, name) = compile(step, needs, &context)?;
        self.last_name = name;
        self.steps.push(compiled);
        Ok(StepIndex(self.steps.len() as u32 - 1))
    }

    fn waits_for_a_message(&self) -> bool {
        self.steps.last().is_some_and(|step| matches!(step.action, Action::Receive(_)))
    }

    fn keeps_connections(&self) -> bool {
        self.settings.reconnect.is_none()
    }

    fn default_name(&self) -> String {
        self.last_name.to_owned()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut all = vec![("network.protocol.name", Attribute::from("websocket"))];
        all.extend(self.target.origin.attributes());
        all
    }

    fn entered(&mut self, step: StepIndex, id: StepId, entries: &mut Entries<'_>) -> Result<(), TooMany> {
        self.enter_names(entries)?;
        let Some(step) = self.steps.get_mut(step.0 as usize) else { return Ok(()) };
        step.id = id;
        let listens = matches!(step.action, Action::Receive(_)) || self.names.deliveries.is_some();
        if listens && self.names.first_message.is_none() {
            self.names.first_message = Some(entries.timing("first message", NAME)?);
        }
        Ok(())
    }

    fn build(self: Box<Self>) -> Result<Arc<dyn Driver>, SetupError> {
        Ok(Arc::new(self.finish()?))
    }
}

/// What all workers read.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) settings: Settings,
    pub(crate) target: Target,
    pub(crate) identity: Identity,
    pub(crate) steps: Vec<Step>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) deliveries: Option<Deliveries>,
    /// Where a connection's first message is timed, from when the connection was asked for.
    pub(crate) first_message: Option<StepId>,
    /// Where connections that come back by themselves are counted.
    pub(crate) reconnect: Option<StepId>,
    /// Some step receives what answers no request.
    pub(crate) keeps_messages: bool,
}

/// WebSocket's driver.
pub(crate) struct WsDriver {
    compiled: Arc<Compiled>,
    connector: Arc<Connector>,
}

impl WsDriver {
    /// A worker's part.
    pub(crate) fn begin(&self, seat: &Seat) -> WsWorker {
        // Masks are there to keep others' caches clean (RFC 6455, section 10.3). A load generator's own messages have nothing
        // to hide, so a fast generator of the worker's does, which is none of the users'.
        let masks =
            Random::new(seat.clock.now().as_nanos(), u64::from(seat.worker), u64::from(seat.scenario.0));
        let part = Rc::new(WorkerPart {
            compiled: Arc::clone(&self.compiled),
            connector: self.connector.worker(seat.worker),
            clock: seat.clock,
            meter: seat.meter.clone(),
            scenario: seat.scenario,
            heart: Rc::new(Heart::new(seat.clock)),
            tallies: Tallies::default(),
            masks: RefCell::new(masks),
            buffer: Cell::default(),
            wall_origin: Cell::default(),
            noticed: RefCell::default(),
        });
        let (heart, weak) = (Rc::clone(&part.heart), Rc::downgrade(&part));
        let beating = tokio::spawn(OnThread::new(heart.beat(move |now| {
            if let Some(part) = weak.upgrade() {
                part.hand_on(now);
            }
        })));
        let weak = Rc::downgrade(&part);
        let hand_on = move |now| weak.upgrade().map(|part| part.hand_on(now)).is_some();
        part.meter.at_each_second(Box::new(hand_on));
        WsWorker { part: SendWrapper::new(part), beating: beating.abort_handle() }
    }
}

impl Driver for WsDriver {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError> {
        Ok(Box::new(self.begin(seat)))
    }
}

/// A worker's part, shared by its connections.
pub(crate) struct WorkerPart {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) connector: WorkerConnector,
    pub(crate) clock: Clock,
    pub(crate) meter: Meter,
    pub(crate) scenario: ScenarioId,
    pub(crate) heart: Rc<Heart<Connection>>,
    pub(crate) tallies: Tallies,
    pub(crate) masks: RefCell<Random>,
    /// Where messages are made.
    pub(crate) buffer: Cell<String>,
    /// Wall time at the clock's origin, once a step or a guest has told it.
    pub(crate) wall_origin: Cell<Duration>,
    /// What was told.
    noticed: RefCell<HashSet<Box<str>>>,
}

/// A worker's part as its futures hold it.
pub(crate) type SharedPart = SendWrapper<Rc<WorkerPart>>;

impl WorkerPart {
    /// Tells something once; after that it costs a look-up, for some of it happens for every message.
    pub(crate) fn notice(&self, key: &str, text: &dyn Fn() -> String) {
        if !self.noticed.borrow().contains(key) {
            self.noticed.borrow_mut().insert(key.into());
            self.meter.notice(self.scenario, &format!("{NAME}:{key}"), text);
        }
    }

    /// A time of day on the run's clock; `None` when it lies before that clock's origin, or nobody has told yet when that was.
    pub(crate) fn moment(&self, wall: Duration) -> Option<Timestamp> {
        let origin = self.wall_origin.get();
        let since = wall.checked_sub(origin).filter(|_| !origin.is_zero())?;
        Some(Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time of day of a moment on the run's clock.
    pub(crate) fn wall(&self, at: Timestamp) -> Duration {
        self.wall_origin.get() + Duration::from_nanos(at.as_nanos())
    }

    /// Counts a connection that was lost, and tells why.
    pub(crate) fn count_loss(&self, trouble: &Trouble) {
        count(&self.tallies.connections_lost, 1);
        self.notice(&format!("lost:{}", trouble.kind.name()), &|| {
            format!("a connection was lost: {}: {}", trouble.kind.name(), trouble.story)
        });
    }

    /// So many WebSockets of this worker are open.
    pub(crate) fn are_open(&self, open: u64) {
        self.tallies.open.set(open);
        if let Some(metrics) = &self.compiled.metrics {
            self.meter.metric(metrics.open, self.clock.now(), open as f64);
        }
    }

    /// Records a try to come back.
    pub(crate) fn record_reconnect(&self, opening: &Outcome, story: &str) {
        let Some(step) = self.compiled.reconnect else { return };
        self.meter.request(step, opening, Marks::default());
        match opening.failure {
            None => count(&self.tallies.reconnected, 1),
            Some(kind) => self.tell_failure("reconnect", kind, story),
        }
    }

    fn tell_failure(&self, step: &str, kind: FailureKind, story: &str) {
        self.notice(&format!("{step}:{}", kind.name()), &|| format!("{step}: {}: {story}", kind.name()));
    }

    /// Hands what was counted on to the recorder.
    pub(crate) fn hand_on(&self, now: Timestamp) {
        if let Some(metrics) = &self.compiled.metrics {
            self.tallies.hand_on(metrics, &self.meter, now);
        }
    }
}

impl Drop for WorkerPart {
    fn drop(&mut self) {
        self.hand_on(self.clock.now());
    }
}

/// A worker's part, with its heart.
pub(crate) struct WsWorker {
    pub(crate) part: SharedPart,
    beating: tokio::task::AbortHandle,
}

impl DriverWorker for WsWorker {
    fn session(&mut self, seat: &Seat) -> Box<dyn Session> {
        Box::new(WsSession::new(self.part.clone(), seat.user))
    }
}

impl Drop for WsWorker {
    fn drop(&mut self) {
        self.beating.abort();
        // Tasks that have not heard yet that their connection is over hold its part a little longer.
        self.part.hand_on(self.part.clock.now());
    }
}
