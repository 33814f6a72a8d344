//! gRPC's driver: once a run, once a worker.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prony_core::catalog::{Attribute, Entries, TooMany};
use prony_core::protocol::Wiring;
use prony_core::{
    Clock, Diagnostic, Driver, DriverBuilder, DriverWorker, Exchange, FailureKind, FineTimer, Marks, Meter,
    Node, ReplyNeeds, ScenarioId, Seat, Session, SetupError, StepId, StepIndex, Variables,
};
use prony_transport::{Connector, ConnectorBuilder, Origin, WorkerConnector};
use send_wrapper::SendWrapper;

use crate::config::{Balance, Policy, RECONNECT, Settings};
use crate::metrics::{Deliveries, Metrics, Produces, Tallies};
use crate::poke::reflect;
use crate::schema::{MethodKind, Schema};
use crate::session::{Backoff, GrpcSession, Pool};
use crate::step::{self, Act, Context, Step, StreamStep, Streams, compile, compile_on_stream};
use crate::stream::Measures;
use crate::target::{self, Backend};

/// gRPC's driver in the making.
pub(crate) struct Builder {
    pub(crate) settings: Settings,
    pub(crate) settings_node: Option<Node>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) connector: ConnectorBuilder,
    folder: PathBuf,
    /// `None` when the server is to be asked.
    pub(crate) schema: Option<Schema>,
    /// `None` where the server did not tell what a step needs.
    steps: Vec<Option<Action>>,
    streams: Streams,
    pub(crate) backends: Vec<Backend>,
    pub(crate) metrics: Option<Metrics>,
    last_name: String,
    reflections: Reflections,
}

/// What a step of a plan does.
#[derive(Debug)]
pub(crate) enum Action {
    Call(Box<Step>),
    /// On a stream that stays open.
    Stream(Box<StreamStep>),
}

/// What the servers have said of themselves while the plan was compiled.
#[derive(Default)]
struct Reflections {
    connector: Option<Arc<Connector>>,
    /// One for each service that was asked about.
    schemas: Vec<Schema>,
    /// Why one of them could not be had.
    problem: Option<SetupError>,
}

impl Builder {
    pub(crate) fn new(wiring: Wiring<'_>) -> Result<Self, Diagnostic> {
        let settings = Settings::from_plan(wiring.settings)?;
        Ok(Self {
            origins: target::from_plan(wiring.target, wiring.settings)?,
            schema: schema(wiring.settings, wiring.folder)?,
            settings,
            settings_node: wiring.settings.cloned(),
            connector: Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?,
            folder: wiring.folder.to_owned(),
            steps: Vec::new(),
            streams: Streams::default(),
            backends: Vec::new(),
            metrics: None,
            last_name: String::new(),
            reflections: Reflections::default(),
        })
    }

    /// The schema of the service that `symbol` is of, from the server; asked for once. `None` when it cannot be had: then the
    /// driver is not built, and the reason is told.
    fn reflect(&mut self, symbol: &str) -> Option<Schema> {
        let name = symbol.trim_start_matches('/').replace('/', ".");
        let is_of = |schema: &Schema| {
            schema.services().any(|service| {
                name.strip_prefix(service.full_name())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        if let Some(known) = self.reflections.schemas.iter().find(|schema| is_of(schema)) {
            return Some(known.clone());
        }
        if self.reflections.problem.is_some() {
            return None;
        }
        match self.ask(symbol) {
            Ok(schema) => {
                self.reflections.schemas.push(schema.clone());
                Some(schema)
            }
            Err(problem) => {
                self.reflections.problem = Some(problem);
                None
            }
        }
    }

    fn ask(&mut self, symbol: &str) -> Result<Schema, SetupError> {
        let connector = match &self.reflections.connector {
            Some(connector) => Arc::clone(connector),
            None => {
                let made = Arc::new(self.connector.clone().build(vec![b"h2".to_vec()])?);
                made.resolve_now(&self.origins)?;
                self.reflections.connector = Some(Arc::clone(&made));
                made
            }
        };
        let about = reflect::About {
            origins: &self.origins,
            settings: &self.settings,
            settings_node: self.settings_node.as_ref(),
        };
        reflect::before_the_load(&connector, &about, vec![symbol.to_owned()]).map_err(SetupError)
    }

    /// Adds what is measured beside requests, as far as it can be produced and is not there yet.
    pub(crate) fn enter_metrics(
        &mut self,
        entries: &mut Entries<'_>,
        produces: Produces,
    ) -> Result<(), TooMany> {
        self.look_for_backends();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if let Policy::Shared { connections, .. } = self.settings.policy
            && (connections as usize) < threads
        {
            entries.remark(&format!(
                "each thread has at least one of the pool's connections, so `shared: {connections}` is {threads} on this machine's \
                 {threads}; `--threads {connections}` for exactly {connections}"
            ));
        }
        self.metrics.get_or_insert_default().enter(entries, &self.backends, produces)
    }

    pub(crate) fn look_for_backends(&mut self) {
        if self.backends.is_empty() {
            self.backends = self.find_backends();
        }
    }

    /// The servers, each with its addresses where calls take turns between them.
    fn find_backends(&self) -> Vec<Backend> {
        let mut found = Vec::new();
        for (origin_number, origin) in self.origins.iter().enumerate() {
            let mut addresses = match self.settings.balance {
                Balance::RoundRobin => self.connector.addresses_now(origin),
                Balance::PickFirst => Vec::new(),
            };
            addresses.sort_unstable();
            addresses.dedup();
            let backend = |address| Backend { origin: origin.clone(), address, origin_number };
            match addresses.as_slice() {
                [] | [_] => found.push(backend(None)),
                several => found.extend(several.iter().map(|address| backend(Some(*address)))),
            }
        }
        found
    }
}

/// What `proto` or `descriptors` of the settings name.
pub(crate) fn schema(
    settings: Option<&Node>,
    folder: &std::path::Path,
) -> Result<Option<Schema>, Diagnostic> {
    let get = |key: &str| settings.and_then(|settings| settings.get(key));
    let paths = |node: &Node| -> Result<Vec<PathBuf>, Diagnostic> {
        node.items().iter().map(|item| Ok(folder.join(item.text()?))).collect()
    };
    let told = |node: &Node, problem: &dyn std::fmt::Display, expected: &str| {
        Diagnostic::at(&node.place, problem.to_string(), expected)
            .help("relative paths start from the plan's folder")
    };
    match (get("proto"), get("descriptors")) {
        (Some(_), Some(second)) => {
            Err(Diagnostic::at(&second.place, "`proto` and `descriptors` together", "expected one of them"))
        }
        (Some(protos), None) => {
            let imports = get("imports").map(paths).transpose()?.unwrap_or_default();
            // A file may be given by its name under an import.
            let named = protos.items().iter().map(|item| {
                let text = item.text()?;
                let path = folder.join(text);
                Ok(if path.exists() || imports.is_empty() { path } else { PathBuf::from(text) })
            });
            let named = named.collect::<Result<Vec<_>, Diagnostic>>()?;
            Schema::from_protos(&named, &imports)
                .map(Some)
                .map_err(|problem| told(protos, &problem, "expected .proto files that compile"))
        }
        (None, Some(set)) => Schema::from_set_file(&folder.join(set.text()?))
            .map(Some)
            .map_err(|problem| told(set, &problem, "expected a FileDescriptorSet")),
        (None, None) => match get("imports") {
            Some(imports) => {
                Err(Diagnostic::at(&imports.place, "`imports` without `proto`", "expected `proto` beside it"))
            }
            None => Ok(None),
        },
    }
}

impl DriverBuilder for Builder {
    fn step(
        &mut self,
        step: &Node,
        needs: ReplyNeeds,
        variables: &Variables,
    ) -> Result<StepIndex, Diagnostic> {
        let act = step::act(step)?;
        self.last_name = match act {
            Some((word, value)) => self.streams.name(word, value)?,
            None => step::name(step)?,
        };
        let asked = match (&self.schema, step::wanted(step)?) {
            (None, Some(symbol)) => self.reflect(&symbol),
            _ => None,
        };
        if self.reflections.problem.is_some() {
            step::variables_of(step, self.settings_node.as_ref(), variables)?;
            self.steps.push(None);
            return Ok(StepIndex(self.steps.len() as u32 - 1));
        }
        let none = Schema::default();
        let context = Context {
            settings: &self.settings,
            settings_node: self.settings_node.as_ref(),
            origins: &self.origins,
            folder: &self.folder,
            schema: asked.as_ref().or(self.schema.as_ref()).unwrap_or(&none),
        };
        self.steps.push(Some(match act {
            None => Action::Call(Box::new(compile(step, needs, variables, &context)?)),
            Some(act) => {
                let streams = &mut self.streams;
                let compiled = compile_on_stream(step, act, needs, variables, &context, streams)?;
                Action::Stream(Box::new(compiled))
            }
        }));
        Ok(StepIndex(self.steps.len() as u32 - 1))
    }

    fn waits_for_a_message(&self) -> bool {
        let receives =
            |action: &Action| matches!(action, Action::Stream(step) if matches!(step.act, Act::Receive(_)));
        self.steps.last().and_then(Option::as_ref).is_some_and(receives)
    }

    fn default_name(&self) -> String {
        self.last_name.clone()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut all = vec![("rpc.system", Attribute::from("grpc"))];
        // A step on a stream has another name.
        let method = self.last_name.rsplit_once(['/', '.']).filter(|_| !self.last_name.contains(' '));
        if let Some((service, method)) = method {
            all.push(("rpc.service", service.into()));
            all.push(("rpc.method", method.into()));
        }
        if let [origin] = self.origins.as_slice() {
            all.extend(origin.attributes());
        }
        all
    }

    fn entered(&mut self, step: StepIndex, id: StepId, entries: &mut Entries<'_>) -> Result<(), TooMany> {
        let Some(Some(action)) = self.steps.get_mut(step.0 as usize) else {
            return self.enter_metrics(entries, Produces::default());
        };
        let name = entries.name_of(id).to_owned();
        let produces = match action {
            Action::Call(step) => {
                step.deliveries = Deliveries::enter(entries, &name, step.kind)?;
                Produces { matches: step.kind == MethodKind::Bidirectional, keeps: false }
            }
            Action::Stream(step) => {
                let StreamStep { act, keys, .. } = &mut **step;
                if let Act::Open(open) = act {
                    open.measures = Measures::enter(entries, &name, open.kind, keys.as_ref())?;
                    (open.id, open.name) = (id, name.into());
                }
                Produces { matches: keys.is_some(), keeps: true }
            }
        };
        self.enter_metrics(entries, produces)
    }

    fn build(mut self: Box<Self>) -> Result<Arc<dyn Driver>, SetupError> {
        self.look_for_backends();
        if let Some(problem) = self.reflections.problem {
            return Err(problem);
        }
        let Self { settings, origins, connector, mut steps, streams, backends, metrics, .. } = *self;
        let connector = connect(connector, &origins)?;
        for step in steps.iter_mut().flatten() {
            if let Action::Stream(step) = step
                && let Act::Open(open) = &mut step.act
            {
                open.judged = streams.is_judged(step.slot);
            }
        }
        let steps = steps.into_iter().flatten().collect();
        let compiled = Compiled { settings, backends, steps, metrics };
        Ok(Arc::new(GrpcDriver::new(compiled, connector)))
    }
}

/// What makes connections, with the servers' names looked up.
pub(crate) fn connect(connector: ConnectorBuilder, origins: &[Origin]) -> Result<Arc<Connector>, SetupError> {
    let connector = Arc::new(connector.build(vec![b"h2".to_vec()])?);
    connector.resolve_now(origins)?;
    Ok(connector)
}

/// What all workers read.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) settings: Settings,
    pub(crate) backends: Vec<Backend>,
    pub(crate) steps: Vec<Action>,
    pub(crate) metrics: Option<Metrics>,
}

/// gRPC's driver.
pub(crate) struct GrpcDriver {
    compiled: Arc<Compiled>,
    connector: Arc<Connector>,
    /// Streams that are open, over all workers, as of their latest beats.
    open: Arc<AtomicI64>,
}

/// How often a worker hands its counters on.
const BEAT: Duration = Duration::from_millis(200);

impl GrpcDriver {
    pub(crate) fn new(compiled: Compiled, connector: Arc<Connector>) -> Self {
        Self { compiled: Arc::new(compiled), connector, open: Arc::default() }
    }

    /// A worker's part. Called on the worker's thread, inside its runtime.
    pub(crate) fn begin(&self, seat: &Seat) -> GrpcWorker {
        let settings = &self.compiled.settings;
        let backends = self.compiled.backends.len();
        let pools = match settings.policy {
            Policy::Shared { connections, streams } => {
                (0..backends).map(|_| Pool::new(share(connections, seat), streams)).collect()
            }
            Policy::Own | Policy::PerIteration => Vec::new(),
        };
        let policy = settings.reconnect.or(settings.wait_for_ready.then_some(RECONNECT));
        let part = Arc::new(WorkerPart {
            compiled: Arc::clone(&self.compiled),
            connector: self.connector.worker(seat.worker),
            pools,
            backoff: SendWrapper::new(Backoff::new(policy, backends, seat.worker)),
            clock: seat.clock,
            timer: seat.timer.clone(),
            meter: seat.meter.clone(),
            scenario: seat.scenario,
            tallies: SendWrapper::new(Tallies::new(backends)),
            open: Arc::clone(&self.open),
            told: SendWrapper::new(RefCell::default()),
            ends: SendWrapper::new(RefCell::default()),
            noticed: SendWrapper::new(RefCell::default()),
        });
        if let Policy::Shared { connections, .. } = settings.policy
            && connections < seat.workers
        {
            let threads = seat.workers;
            part.notice("pool", &|| {
                format!(
                    "each of {threads} threads has at least one of the pool's connections, so there are {threads} and not {connections}; \
                     `--threads {connections}` for exactly {connections}"
                )
            });
        }
        let weak = Arc::downgrade(&part);
        let beating = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                match weak.upgrade() {
                    Some(part) => part.hand_on(),
                    None => return,
                }
            }
        });
        let weak = Arc::downgrade(&part);
        let hand_on = move |_| weak.upgrade().map(|part| part.hand_on()).is_some();
        part.meter.at_each_second(Box::new(hand_on));
        GrpcWorker { part, beating: beating.abort_handle() }
    }
}

impl Driver for GrpcDriver {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError> {
        Ok(Box::new(self.begin(seat)))
    }
}

/// A worker's share of a pool's connections: at least one, for it has users that need one.
fn share(connections: u32, seat: &Seat) -> u32 {
    (connections.saturating_sub(seat.worker)).div_ceil(seat.workers.max(1)).max(1)
}

/// A worker's part, shared by its users.
pub(crate) struct WorkerPart {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) connector: WorkerConnector,
    /// By backend; none where users have connections of their own.
    pub(crate) pools: Vec<Arc<Pool>>,
    pub(crate) backoff: SendWrapper<Backoff>,
    pub(crate) clock: Clock,
    pub(crate) timer: FineTimer,
    pub(crate) meter: Meter,
    pub(crate) scenario: ScenarioId,
    pub(crate) tallies: SendWrapper<Tallies>,
    open: Arc<AtomicI64>,
    /// Statuses that were told, by step.
    told: SendWrapper<RefCell<HashSet<(usize, u16)>>>,
    /// Ends of open streams that were told, by step.
    ends: SendWrapper<RefCell<HashSet<(StepId, FailureKind)>>>,
    /// What was told otherwise.
    noticed: SendWrapper<RefCell<HashSet<&'static str>>>,
}

impl WorkerPart {
    /// Whether nobody has been told of a step's status yet.
    pub(crate) fn is_news(&self, step: usize, status: u16) -> bool {
        self.told.borrow_mut().insert((step, status))
    }

    /// Records what came of a step's open stream, and tells the first failure of a kind.
    pub(crate) fn record(&self, step: StepId, name: &str, exchange: &Exchange) {
        self.meter.request(step, &exchange.outcome, Marks::default());
        if let Some(kind) = exchange.outcome.failure
            && self.ends.borrow_mut().insert((step, kind))
        {
            let told = exchange.detail.as_deref().unwrap_or("no more is known");
            let key = format!("grpc:{}:{}", step.0, kind.name());
            self.meter.notice(self.scenario, &key, &|| format!("{name}: {}: {told}", kind.name()));
        }
    }

    /// Tells something once.
    pub(crate) fn notice(&self, key: &'static str, text: &dyn Fn() -> String) {
        if self.noticed.borrow_mut().insert(key) {
            self.meter.notice(self.scenario, &format!("grpc:{key}"), text);
        }
    }

    /// Hands what was counted on to the recorder.
    pub(crate) fn hand_on(&self) {
        if let Some(metrics) = &self.compiled.metrics {
            self.tallies.hand_on(metrics, &self.open, &self.meter, self.clock.now());
        }
    }
}

impl Drop for WorkerPart {
    fn drop(&mut self) {
        self.hand_on();
    }
}

/// A worker's part.
pub(crate) struct GrpcWorker {
    pub(crate) part: Arc<WorkerPart>,
    beating: tokio::task::AbortHandle,
}

impl DriverWorker for GrpcWorker {
    fn session(&mut self, seat: &Seat) -> Box<dyn Session> {
        Box::new(GrpcSession::new(Arc::clone(&self.part), seat.user))
    }
}

impl Drop for GrpcWorker {
    fn drop(&mut self) {
        self.beating.abort();
    }
}
