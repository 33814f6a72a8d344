//! HTTP's driver: once a run, once a worker.

use std::sync::Arc;

use prony_core::catalog::Attribute;
use prony_core::protocol::Wiring;
use prony_core::{
    Diagnostic, Driver, DriverBuilder, DriverWorker, Node, ReplyNeeds, Seat, Session, SetupError, StepIndex,
    Variables,
};
use prony_transport::{Connector, ConnectorBuilder, Origin};
use url::Url;

use crate::config::{Policy, Settings, Version};
use crate::guest::{Allowed, GuestHttp};
use crate::session::{HttpSession, Pools, WorkerPart};
use crate::step::{Step, compile};

/// HTTP's driver in the making.
pub(crate) struct Builder {
    settings: Settings,
    settings_node: Option<Node>,
    target: Option<(Url, Node)>,
    connector: ConnectorBuilder,
    folder: std::path::PathBuf,
    steps: Vec<Step>,
    last_name: String,
}

impl Builder {
    pub(crate) fn new(wiring: Wiring<'_>) -> Result<Self, Diagnostic> {
        let target = match wiring.target {
            None => None,
            Some(node) => {
                let url = compile::parse_url(node.text()?, node)?;
                if url.query().is_some() || url.fragment().is_some() {
                    return Err(node
                        .unexpected("a target without `?` and `#`")
                        .help("a query belongs to the steps: `http: GET /path?a=b`"));
                }
                Some((url, node.clone()))
            }
        };
        Ok(Self {
            settings: Settings::from_plan(wiring.settings)?,
            settings_node: wiring.settings.cloned(),
            target,
            connector: Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?,
            folder: wiring.folder.to_owned(),
            steps: Vec::new(),
            last_name: String::new(),
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
        let context = compile::Context {
            target: self.target.as_ref().map(|(url, node)| (url, node)),
            settings: &self.settings,
            settings_node: self.settings_node.as_ref(),
            folder: &self.folder,
        };
        let (compiled, name) = compile::compile(step, needs, variables, &context)?;
        self.last_name = name;
        self.steps.push(compiled);
        Ok(StepIndex(self.steps.len() as u32 - 1))
    }

    fn default_name(&self) -> String {
        self.last_name.clone()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let Some(step) = self.steps.last() else { return Vec::new() };
        let mut all = vec![("http.request.method", Attribute::from(step.method.as_str()))];
        all.extend(step.origin.iter().flat_map(Origin::attributes));
        all
    }

    fn build(self: Box<Self>) -> Result<Arc<dyn Driver>, SetupError> {
        let connector = self.connector.build(alpn(self.settings.version))?;
        let mut origins: Vec<Origin> = Vec::new();
        for origin in self.steps.iter().filter_map(|step| step.origin.as_ref()) {
            if !origins.contains(origin) {
                origins.push(origin.clone());
            }
        }
        connector.resolve_now(&origins)?;
        Ok(Arc::new(HttpDriver {
            shared: Arc::new(Compiled { settings: self.settings, steps: self.steps, allowed: None }),
            connector: Arc::new(connector),
        }))
    }
}

impl Builder {
    /// HTTP for a scenario's guests, who may speak to the target and to `hosts`.
    pub(crate) fn guest(self, hosts: Vec<String>) -> Result<GuestHttp, SetupError> {
        let connector = self.connector.build(alpn(self.settings.version))?;
        let target = self.target.as_ref().and_then(|(url, _)| {
            Some((compile::to_origin(url)?, url.path().trim_end_matches('/').to_owned()))
        });
        let origins: Vec<Origin> = target.iter().map(|(origin, _)| origin.clone()).collect();
        connector.resolve_now(&origins)?;
        let headers = compile::constant_headers(self.settings_node.as_ref(), &self.settings, &self.folder)
            .map_err(|mistake| SetupError(mistake.to_string()))?;
        let allowed = Some(Allowed::new(origins, hosts));
        let compiled = Compiled { settings: self.settings, steps: Vec::new(), allowed };
        let driver = HttpDriver { shared: Arc::new(compiled), connector: Arc::new(connector) };
        Ok(GuestHttp::new(driver, target, headers))
    }
}

/// What is offered in the TLS handshake.
fn alpn(version: Version) -> Vec<Vec<u8>> {
    let (h1, h2) = (b"http/1.1".to_vec(), b"h2".to_vec());
    match version {
        Version::Auto => vec![h2, h1],
        Version::Http1 => vec![h1],
        Version::Http2 => vec![h2],
    }
}

/// What all workers read.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
    /// Whom a guest may speak to. Plan steps speak to whom they name.
    pub(crate) allowed: Option<Allowed>,
}

pub(crate) struct HttpDriver {
    pub(crate) shared: Arc<Compiled>,
    connector: Arc<Connector>,
}

impl HttpDriver {
    /// A worker's part.
    pub(crate) fn part(&self, seat: &Seat) -> Arc<WorkerPart> {
        let pools = match self.shared.settings.policy {
            Policy::Shared { connections, streams } => Some(Pools::new(share(connections, seat), streams)),
            Policy::Own | Policy::PerIteration => None,
        };
        let part = WorkerPart {
            connector: self.connector.worker(seat.worker),
            pools,
            clock: seat.clock,
            meter: seat.meter.clone(),
            scenario: seat.scenario,
        };
        Arc::new(part)
    }
}

impl Driver for HttpDriver {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError> {
        Ok(Box::new(HttpWorker { compiled: Arc::clone(&self.shared), part: self.part(seat) }))
    }
}

/// A worker's share of the pool's connections: at least one, for it has users that need one.
fn share(connections: u32, seat: &Seat) -> u32 {
    (connections.saturating_sub(seat.worker)).div_ceil(seat.workers.max(1)).max(1)
}

struct HttpWorker {
    compiled: Arc<Compiled>,
    part: Arc<WorkerPart>,
}

impl DriverWorker for HttpWorker {
    fn session(&mut self, _: &Seat) -> Box<dyn Session> {
        Box::new(HttpSession::new(Arc::clone(&self.compiled), Arc::clone(&self.part)))
    }
}
