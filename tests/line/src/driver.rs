//! The driver: once a run, once a worker.

use std::sync::Arc;

use prony_core::protocol::Wiring;
use prony_core::{
    Diagnostic, Driver, DriverBuilder, DriverWorker, Node, Place, ReplyNeeds, Seat, Session, SetupError,
    StepIndex, Variables,
};
use prony_transport::{Connector, ConnectorBuilder, Origin, WorkerConnector};

use crate::config::{NAME, Settings};
use crate::session::LineSession;
use crate::step::Step;

/// The driver in the making.
pub(crate) struct Builder {
    compiled: Compiled,
    connector: ConnectorBuilder,
    last_name: String,
}

/// What all workers read.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) settings: Settings,
    pub(crate) origin: Origin,
    pub(crate) steps: Vec<Step>,
}

impl Builder {
    pub(crate) fn new(wiring: Wiring<'_>) -> Result<Self, Diagnostic> {
        let compiled = Compiled {
            settings: Settings::from_plan(wiring.settings)?,
            origin: origin(wiring.target)?,
            steps: Vec::new(),
        };
        let connector = Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?;
        Ok(Self { compiled, connector, last_name: String::new() })
    }
}

/// `line://HOST:PORT`.
fn origin(target: Option<&Node>) -> Result<Origin, Diagnostic> {
    let Some(node) = target else {
        let mistake = Diagnostic::at(&Place::nowhere(NAME), "no target", "expected where the server is");
        return Err(mistake.help("add `target: line://HOST:PORT` to the plan or the scenario"));
    };
    let place = node.text()?.strip_prefix("line://").and_then(|place| place.rsplit_once(':'));
    let place = place.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let Some((host, port)) = place.filter(|(host, _)| !host.is_empty()) else {
        return Err(node.unexpected("a server such as `line://host.test:7000`"));
    };
    Ok(Origin { tls: false, host: Arc::from(host), port })
}

impl DriverBuilder for Builder {
    fn step(&mut self, step: &Node, _: ReplyNeeds, variables: &Variables) -> Result<StepIndex, Diagnostic> {
        let (step, name) = Step::compile(step, variables)?;
        self.last_name = name;
        self.compiled.steps.push(step);
        Ok(StepIndex(self.compiled.steps.len() as u32 - 1))
    }

    fn waits_for_a_message(&self) -> bool {
        matches!(self.compiled.steps.last(), Some(Step::Receive))
    }

    fn default_name(&self) -> String {
        self.last_name.clone()
    }

    fn build(self: Box<Self>) -> Result<Arc<dyn Driver>, SetupError> {
        let connector = self.connector.build(Vec::new())?;
        connector.resolve_now(std::slice::from_ref(&self.compiled.origin))?;
        Ok(Arc::new(LineDriver { compiled: Arc::new(self.compiled), connector: Arc::new(connector) }))
    }
}

struct LineDriver {
    compiled: Arc<Compiled>,
    connector: Arc<Connector>,
}

impl Driver for LineDriver {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError> {
        let connector = Arc::new(self.connector.worker(seat.worker));
        Ok(Box::new(LineWorker { compiled: Arc::clone(&self.compiled), connector }))
    }
}

struct LineWorker {
    compiled: Arc<Compiled>,
    connector: Arc<WorkerConnector>,
}

impl DriverWorker for LineWorker {
    fn session(&mut self, seat: &Seat) -> Box<dyn Session> {
        Box::new(LineSession::new(Arc::clone(&self.compiled), Arc::clone(&self.connector), seat.clock))
    }
}
