//! A run of one user: a plan's settings and step, the driver made of them, and what was recorded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use prony_core::catalog::{Entries, StepKind};
use prony_core::meter::Named;
use prony_core::protocol::Wiring;
use prony_core::{
    BoxFuture, Catalog, CheckId, Clock, Commons, ConnectionEvent, Diagnostic, Driver, Exchange, Filter,
    FineTimer, GroupId, GuestEvent, Marks, Message, Meter, MetricId, Node, Outcome, Protocol, Random,
    Recording, ReplyNeeds, ScenarioId, Scope, Seat, Session, Source, StepId, StepIndex, Timestamp, Variables,
    Waiting, document,
};
use prony_grpc::GRPC;

/// The longest that anything here should take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "the test has no engine to ask")]
fn read() -> Timestamp {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    Timestamp::from_nanos(ORIGIN.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64)
}

pub(crate) fn clock() -> Clock {
    // The origin is now.
    let _ = read();
    Clock::new(read)
}

pub(crate) struct Timer;

impl Waiting for Timer {
    fn until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(due - read()).await })
    }
}

/// What was recorded.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) requests: Vec<(StepId, Outcome)>,
    pub(crate) metrics: BTreeMap<MetricId, f64>,
    pub(crate) connections: Vec<ConnectionEvent>,
    pub(crate) notices: Vec<String>,
}

impl Recording for Recorded {
    fn request(&mut self, step: StepId, outcome: &Outcome, _: Marks) {
        self.requests.push((step, *outcome));
    }
    fn group(&mut self, _: GroupId, _: Timestamp, _: Timestamp, _: bool) {}
    fn connection(&mut self, _: ScenarioId, event: ConnectionEvent) {
        self.connections.push(event);
    }
    fn notice(&mut self, _: ScenarioId, _: &str, text: &dyn Fn() -> String) {
        self.notices.push(text());
    }
    fn named(&mut self, _: ScenarioId, named: Named<'_>) -> Option<u16> {
        // Names that come up under load: those of a guest's messages.
        matches!(named, Named::Delivery(..)).then_some(900)
    }
    fn check(&mut self, _: CheckId, _: Timestamp, _: bool) {}
    fn spoiled(&mut self, _: StepId, _: Timestamp) {}
    fn metric(&mut self, metric: MetricId, _: Timestamp, value: f64) {
        *self.metrics.entry(metric).or_default() += value;
    }
    fn guest(&mut self, _: ScenarioId, _: GuestEvent) {}
}

const WALL: Duration = Duration::from_secs(1_800_000_000);

/// Everything that somebody could ask for.
pub(crate) const ALL: ReplyNeeds = ReplyNeeds { fields: true, body: true, judges_status: false, waits: true };
/// Nothing but figures.
pub(crate) const NOTHING: ReplyNeeds =
    ReplyNeeds { fields: false, body: false, judges_status: false, waits: false };

pub(crate) fn node(text: &str) -> Node {
    document::parse(&Source::new("plan", text)).expect("yaml")
}

/// A compiled plan: `settings` under `grpc:`, and its steps.
pub(crate) struct Plan {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) catalog: Catalog,
}

/// The settings that name the test's own service, and more.
pub(crate) fn with_proto(more: &str) -> String {
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/calls/probe.proto");
    format!("{{proto: '{proto}', {more}}}")
}

pub(crate) fn compile(
    target: Option<&str>,
    settings: &str,
    steps: &[(&str, ReplyNeeds)],
    variables: &Variables,
) -> Result<Plan, String> {
    let mistake = |mistake: Diagnostic| mistake.to_string();
    let (target, settings) = (target.map(node), node(settings));
    GRPC.settings_shape().check(&settings, &Vec::new()).map_err(mistake)?;
    let commons = Commons::default();
    let wiring = Wiring {
        target: target.as_ref(),
        settings: Some(&settings),
        tls: None,
        network: None,
        folder: Path::new("."),
        commons: &commons,
    };
    let mut builder = GRPC.driver(wiring).map_err(mistake)?;
    let mut catalog = Catalog::default();
    let scenario = catalog.add_scenario("test").expect("room");
    for (text, needs) in steps {
        let step = node(text);
        GRPC.step_shape().check(&step, &Vec::new()).map_err(mistake)?;
        let index = builder.step(&step, *needs, variables).map_err(mistake)?;
        let name = builder.default_name();
        let id = catalog.add_step(scenario, &name, "grpc", Vec::new()).expect("room");
        builder.entered(index, id, &mut Entries::new(&mut catalog, scenario)).expect("room");
    }
    let driver = builder.build().map_err(|error| error.to_string())?;
    Ok(Plan { driver, catalog })
}

/// A worker with its users, and what they left.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) recorded: Rc<RefCell<Recorded>>,
    worker: Option<Box<dyn prony_core::DriverWorker>>,
    seat: Seat,
    random: Random,
}

impl World {
    /// Must be made within a runtime.
    pub(crate) fn new(plan: Plan) -> Self {
        let recorded = Rc::new(RefCell::new(Recorded::default()));
        let seat = Seat {
            scenario: ScenarioId(0),
            user: 0,
            worker: 0,
            workers: 1,
            users: 1,
            clock: clock(),
            meter: Meter::new(Rc::clone(&recorded) as Rc<RefCell<dyn Recording>>),
            random: Random::new(1, 2, 3),
            timer: FineTimer::new(Rc::new(Timer)),
        };
        let worker = plan.driver.worker(&seat).expect("a worker");
        Self { plan, recorded, worker: Some(worker), seat, random: Random::new(1, 2, 3) }
    }

    pub(crate) fn session(&mut self, user: u32) -> Box<dyn Session> {
        let seat = Seat { user, ..self.seat.clone() };
        self.worker.as_mut().expect("still there").session(&seat)
    }

    pub(crate) async fn perform(&mut self, session: &mut dyn Session, step: u32) -> Exchange {
        self.perform_with(session, step, &[], None).await
    }

    pub(crate) async fn perform_with(
        &mut self,
        session: &mut dyn Session,
        step: u32,
        values: &[Option<String>],
        message: Option<&Message>,
    ) -> Exchange {
        let random = &mut self.random;
        let scope =
            Scope { values, user: 0, iteration: 0, random, wall: WALL, message, filter: None, trace: None };
        Self::perform_in(scope, session, step).await
    }

    /// Performs a step that waits for a message which `filter` takes.
    pub(crate) async fn perform_where(
        &mut self,
        session: &mut dyn Session,
        step: u32,
        filter: &dyn Filter,
    ) -> Exchange {
        let (random, filter) = (&mut self.random, Some(filter));
        let scope = Scope {
            values: &[],
            user: 0,
            iteration: 0,
            random,
            wall: WALL,
            message: None,
            filter,
            trace: None,
        };
        Self::perform_in(scope, session, step).await
    }

    /// Performs a step with several users at the same time.
    pub(crate) async fn perform_together(sessions: &mut [Box<dyn Session>], step: u32) -> Vec<Exchange> {
        let mut under_way: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                Box::pin(async move {
                    let mut random = Random::new(1, 2, 3);
                    let random = &mut random;
                    let scope = Scope {
                        values: &[],
                        user: 0,
                        iteration: 0,
                        random,
                        wall: WALL,
                        message: None,
                        filter: None,
                        trace: None,
                    };
                    Self::perform_in(scope, session.as_mut(), step).await
                })
            })
            .collect();
        let mut ended = Vec::new();
        std::future::poll_fn(|context| {
            under_way.retain_mut(|one| match one.as_mut().poll(context) {
                Poll::Ready(exchange) => {
                    ended.push(exchange);
                    false
                }
                Poll::Pending => true,
            });
            if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        ended
    }

    async fn perform_in(mut scope: Scope<'_>, session: &mut dyn Session, step: u32) -> Exchange {
        let due = clock().now();
        let performing = session.perform(StepIndex(step), &mut scope, due);
        tokio::time::timeout(PATIENCE, performing).await.expect("it ends within its own time-out")
    }

    /// Ends the worker, so that all is handed on: the metrics that have a value, by name.
    pub(crate) fn metrics(&mut self) -> BTreeMap<String, f64> {
        self.worker = None;
        let recorded = self.recorded.borrow();
        let name = |id: &MetricId| self.plan.catalog.metrics[usize::from(id.0)].name.clone();
        recorded.metrics.iter().map(|(id, value)| (name(id), *value)).collect()
    }

    /// What was recorded under a step of that name.
    pub(crate) fn recorded_as(&self, name: &str) -> Vec<Outcome> {
        let steps = &self.plan.catalog.steps;
        let number = steps.iter().position(|step| step.name == name).expect(name);
        assert_ne!(steps[number].kind, StepKind::Request);
        let recorded = self.recorded.borrow();
        let of_it = recorded.requests.iter().filter(|(id, _)| usize::from(id.0) == number);
        of_it.map(|(_, outcome)| *outcome).collect()
    }
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test)
}

/// Performs one step with one user: what came of it, the world, and the session with its reply.
pub(crate) async fn once(
    address: std::net::SocketAddr,
    settings: &str,
    step: &str,
    needs: ReplyNeeds,
) -> (Exchange, World, Box<dyn Session>) {
    let target = format!("grpc://{address}");
    let plan = compile(Some(&target), &with_proto(settings), &[(step, needs)], &Variables::default());
    let mut world = World::new(plan.expect("compiles"));
    let mut session = world.session(0);
    let exchange = world.perform(session.as_mut(), 0).await;
    (exchange, world, session)
}
