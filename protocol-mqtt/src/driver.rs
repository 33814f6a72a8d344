//! MQTT's driver: once a run, once a worker.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use prony_core::catalog::{Attribute, Entries, TooMany};
use prony_core::protocol::Wiring;
use prony_core::{
    Clock, Diagnostic, Driver, DriverBuilder, DriverWorker, FailureKind, Marks, Meter, Node, OnThread,
    Outcome, ReplyNeeds, ScenarioId, Seat, Session, SetupError, StepId, StepIndex, Timestamp, Variables,
};
use prony_transport::{Connector, ConnectorBuilder, Heart, WorkerConnector};
use send_wrapper::SendWrapper;

use crate::commons::Commons;
use crate::config::{NAME, Settings, StampPlace};
use crate::device::{Device, Loss, Trouble};
use crate::metrics::{Metrics, Tallies};
use crate::session::MqttSession;
use crate::step::{Action, Context, Identity, Step, compile};
use crate::target::Target;

/// MQTT's driver in the making.
pub(crate) struct Builder {
    settings: Settings,
    settings_node: Option<Node>,
    target: Arc<Target>,
    connector: ConnectorBuilder,
    folder: PathBuf,
    commons: Arc<Commons>,
    identity: Identity,
    steps: Vec<Step>,
    metrics: Option<Metrics>,
    reconnect: Option<StepId>,
    resubscribe: Option<StepId>,
    last_name: String,
}

impl Builder {
    pub(crate) fn new(wiring: Wiring<'_>) -> Result<Self, Diagnostic> {
        let settings = Settings::from_plan(wiring.settings)?;
        let target = match wiring.target {
            Some(node) => Target::from_plan(node)?,
            None => {
                let place = wiring
                    .settings
                    .map_or_else(|| prony_core::Place::nowhere("mqtt"), |node| node.place.clone());
                return Err(Diagnostic::at(&place, "no target", "expected where the broker is")
                    .help("add `target: mqtt://HOST:1883` to the plan or the scenario"));
            }
        };
        Ok(Self {
            settings_node: wiring.settings.cloned(),
            target: Arc::new(target),
            connector: Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?,
            folder: wiring.folder.to_owned(),
            commons: wiring.commons.get_or_make(|| Commons::new(settings.settle)),
            settings,
            identity: Identity::default(),
            steps: Vec::new(),
            metrics: None,
            reconnect: None,
            resubscribe: None,
            last_name: String::new(),
        })
    }
}

impl Builder {
    /// For guests there are no steps, and the plan's variables are not in reach of its words about devices.
    pub(crate) fn introduce_guests(&mut self) -> Result<(), Diagnostic> {
        let none = Variables::default();
        self.identity =
            Identity::compile(self.settings_node.as_ref(), self.settings.version, &none, &self.folder)?;
        Ok(())
    }

    /// Adds what is measured beside requests, once.
    pub(crate) fn enter_metrics(&mut self, entries: &mut Entries<'_>) -> Result<(), TooMany> {
        if self.metrics.is_none() {
            self.metrics = Some(Metrics::enter(entries)?);
            if self.settings.reconnect.is_some() {
                self.reconnect = Some(entries.request("reconnect", NAME)?);
                self.resubscribe = Some(entries.request("resubscribe", NAME)?);
            }
        }
        Ok(())
    }

    /// The driver.
    pub(crate) fn finish(self) -> Result<MqttDriver, SetupError> {
        let alpn = if self.target.websocket.is_some() { vec![b"http/1.1".to_vec()] } else { Vec::new() };
        let connector = self.connector.build(alpn)?;
        connector.resolve_now(std::slice::from_ref(&self.target.origin))?;
        let keeps_messages =
            self.steps.iter().any(|step| matches!(step.action, Action::Receive(_) | Action::Request(_)));
        Ok(MqttDriver {
            compiled: Arc::new(Compiled {
                settings: self.settings,
                target: self.target,
                identity: self.identity,
                steps: self.steps,
                metrics: self.metrics,
                reconnect: self.reconnect,
                resubscribe: self.resubscribe,
                keeps_messages,
            }),
            commons: self.commons,
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
        self.identity =
            Identity::compile(self.settings_node.as_ref(), self.settings.version, variables, &self.folder)?;
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
        self.last_name.clone()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut all = vec![("messaging.system", Attribute::from("mqtt"))];
        all.extend(self.target.origin.attributes());
        if let Some(Action::Publish(publish)) = self.steps.last().map(|step| &step.action) {
            let (key, topic) = match publish.topic.as_constant() {
                Some(topic) => ("messaging.destination.name", topic),
                None => ("messaging.destination.template", publish.topic.source()),
            };
            all.push((key, topic.into()));
            all.push(("messaging.operation.type", "send".into()));
            all.push(("messaging.operation.name", "publish".into()));
        }
        all
    }

    fn entered(&mut self, step: StepIndex, id: StepId, entries: &mut Entries<'_>) -> Result<(), TooMany> {
        self.enter_metrics(entries)?;
        let Some(step) = self.steps.get_mut(step.0 as usize) else { return Ok(()) };
        step.id = id;
        if let Action::Subscribe(subscribe) = &mut step.action {
            self.commons.expect_receivers();
            for filter in &subscribe.filters {
                let name = format!("deliver {}", filter.source());
                subscribe.deliveries.push(entries.delivery(&name, NAME)?);
            }
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
    pub(crate) target: Arc<Target>,
    pub(crate) identity: Identity,
    pub(crate) steps: Vec<Step>,
    pub(crate) metrics: Option<Metrics>,
    /// Where connections that come back by themselves are counted, and their subscriptions.
    pub(crate) reconnect: Option<StepId>,
    pub(crate) resubscribe: Option<StepId>,
    /// Some step looks at messages.
    pub(crate) keeps_messages: bool,
}

impl Compiled {
    /// Whether the broker keeps a session beyond its connection.
    pub(crate) const fn keeps_session(&self) -> bool {
        match self.settings.version {
            crate::packet::Version::V4 => !self.settings.clean_start,
            crate::packet::Version::V5 => matches!(self.settings.session_expiry, Some(1..)),
        }
    }
}

/// MQTT's driver.
pub(crate) struct MqttDriver {
    compiled: Arc<Compiled>,
    commons: Arc<Commons>,
    connector: Arc<Connector>,
}

impl MqttDriver {
    /// A worker's part.
    pub(crate) fn begin(&self, seat: &Seat) -> MqttWorker {
        let part = Rc::new(WorkerPart {
            compiled: Arc::clone(&self.compiled),
            commons: Arc::clone(&self.commons),
            connector: self.connector.worker(seat.worker),
            clock: seat.clock,
            meter: seat.meter.clone(),
            scenario: seat.scenario,
            heart: Rc::new(Heart::new(seat.clock)),
            tallies: Tallies::default(),
            told: RefCell::default(),
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
        MqttWorker { part: SendWrapper::new(part), beating: beating.abort_handle() }
    }
}

impl Driver for MqttDriver {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError> {
        Ok(Box::new(self.begin(seat)))
    }
}

/// A worker's part, shared by its devices.
pub(crate) struct WorkerPart {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) commons: Arc<Commons>,
    pub(crate) connector: WorkerConnector,
    pub(crate) clock: Clock,
    pub(crate) meter: Meter,
    pub(crate) scenario: ScenarioId,
    pub(crate) heart: Rc<Heart<Device>>,
    pub(crate) tallies: Tallies,
    /// Kinds of failure that were told, by step.
    told: RefCell<HashSet<(StepId, FailureKind)>>,
    /// What was told otherwise.
    noticed: RefCell<HashSet<Box<str>>>,
}

/// A worker's part as its futures hold it.
pub(crate) type SharedPart = SendWrapper<Rc<WorkerPart>>;

impl WorkerPart {
    /// Records a request that no step waits for, and tells the first failure of a kind.
    pub(crate) fn record(&self, step: StepId, outcome: Outcome, story: &str) {
        self.meter.request(step, &outcome, Marks::default());
        if let Some(kind) = outcome.failure
            && self.told.borrow_mut().insert((step, kind))
        {
            let key = format!("mqtt:{}:{}", step.0, kind.name());
            self.meter.notice(self.scenario, &key, &|| format!("{}: {story}", kind.name()));
        }
    }

    /// Tells something once; after that it costs a look-up, for some of it happens for every message.
    pub(crate) fn notice(&self, key: &str, text: &dyn Fn() -> String) {
        if !self.noticed.borrow().contains(key) {
            self.noticed.borrow_mut().insert(key.into());
            self.meter.notice(self.scenario, &format!("mqtt:{key}"), text);
        }
    }

    /// Tells once that messages go out without a stamp although nobody has asked for that.
    pub(crate) fn tell_unstamped(&self) {
        let matters = self.compiled.settings.stamp == StampPlace::Auto && self.commons.has_receivers();
        if matters {
            self.notice("unstamped", &|| {
                "messages whose payload is the plan's own have no room for a stamp in MQTT 3.1.1: their deliveries are neither timed \
                 nor audited; `stamp: payload` puts it in front, MQTT 5 has room beside the payload"
                    .to_owned()
            });
        }
    }

    /// Counts a connection that was lost, and tells why.
    pub(crate) fn count_loss(&self, trouble: &Trouble, how: Loss) {
        if let Some(metrics) = &self.compiled.metrics {
            self.meter.metric(metrics.connections_lost, self.clock.now(), 1.0);
        }
        if !matches!(how, Loss::Ours(_)) {
            self.notice(&format!("lost:{}", trouble.kind.name()), &|| {
                format!("a connection was lost: {}: {}", trouble.kind.name(), trouble.story)
            });
        }
    }

    /// A connection is back by itself.
    pub(crate) fn reconnected(&self, opening: Outcome) {
        if let Some(metrics) = &self.compiled.metrics {
            self.meter.metric(metrics.reconnected, opening.finished, 1.0);
        }
        if let Some(step) = self.compiled.reconnect {
            self.meter.request(step, &opening, Marks::default());
        }
    }

    /// One connection fewer is away.
    pub(crate) fn recover(&self, now: Timestamp) {
        for (place, took) in self.commons.outage.back(now) {
            if let Some(metrics) = &self.compiled.metrics {
                self.meter.metric(metrics.back(place), now, took.as_secs_f64());
            }
        }
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
pub(crate) struct MqttWorker {
    pub(crate) part: SharedPart,
    beating: tokio::task::AbortHandle,
}

impl DriverWorker for MqttWorker {
    fn session(&mut self, seat: &Seat) -> Box<dyn Session> {
        let device = Device::new(Rc::clone(&self.part), seat.user);
        Box::new(MqttSession::new(self.part.clone(), device))
    }
}

impl Drop for MqttWorker {
    fn drop(&mut self) {
        self.beating.abort();
    }
}
