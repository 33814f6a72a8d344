//! A worker: one thread, one single-threaded runtime, its own users and its own recorder. It shares nothing but a
//! message a second to the coordinator.

mod probe;
mod recorder;

pub(crate) use recorder::{Ending, Recorder};

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use prony_core::{
    Clock, FineTimer, JourneyWorker, Meter, MetricId, Random, ScenarioId, Seat, SetupError, Timestamp,
};
use send_wrapper::SendWrapper;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::course::Course;
use crate::executor::{self, Bell, Crew, Hours};
use crate::names::Names;
use crate::pacer::{self, Wheel};
use crate::spec::{RunSpec, ScenarioSpec};
use crate::stats::{Latency, Level, Statistics};
use crate::traces::{Tracer, Traces};
use crate::worker::probe::probe;

/// A worker's recorder, shared by its users and nobody else.
pub(crate) type SharedRecorder = SendWrapper<Rc<RefCell<Recorder>>>;

/// What a worker tells the coordinator.
pub(crate) enum Message {
    /// It is set up and waits for the beginning, or could not be set up.
    Ready(Result<(), SetupError>),
    /// A second is over.
    Second(Box<Report>),
    /// Something makes the run pointless.
    Fatal(String),
    /// It has ended; its last report came before.
    Done,
}

/// A worker's second.
pub(crate) struct Report {
    pub(crate) worker: usize,
    pub(crate) statistics: Box<Statistics>,
    pub(crate) held: Vec<(MetricId, Level)>,
    pub(crate) traces: Traces,
    pub(crate) notices: Vec<(ScenarioId, String)>,
    pub(crate) wakeup_lag: Latency,
    /// CPU time of the thread since the beginning, less polling.
    pub(crate) cpu: Duration,
    /// Time the thread waited for a core since the beginning.
    pub(crate) waiting: Duration,
}

/// The order to end before the load is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopOrder {
    /// How long iterations under way may go on at most.
    pub(crate) grace: Duration,
}

/// What the coordinator says to all workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    /// To end, if it is so.
    pub(crate) stop: Option<StopOrder>,
    /// How the run goes on.
    pub(crate) course: Arc<Course>,
}

/// What a worker is given.
pub(crate) struct Assignment {
    /// Its number in the run.
    pub(crate) worker: usize,
    /// Its number in its team.
    pub(crate) number: u32,
    /// The scenarios whose users live on it.
    pub(crate) scenarios: Arc<[ScenarioId]>,
    pub(crate) spec: Arc<RunSpec>,
    pub(crate) names: Arc<Names>,
    pub(crate) messages: Sender<Message>,
    /// Cleared statistics come back here.
    pub(crate) returned: Receiver<Box<Statistics>>,
    /// When to begin. A sender that is gone means not at all.
    pub(crate) begin: Receiver<Timestamp>,
    pub(crate) orders: watch::Receiver<Orders>,
}

/// The body of a worker's thread.
pub(crate) fn work(assignment: Assignment) {
    let messages = assignment.messages.clone();
    // The coordinator waits for every worker: whatever happens here, it must hear of it.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live_in_runtime(assignment))) {
        let text = format!("a defect in Prony ended a worker: {}", panic_text(&*panic));
        let _ = messages.send(Message::Fatal(text));
    }
    let _ = messages.send(Message::Done);
}

/// Tasks between two looks at the kernel's events, the next due start's alarm among them. With tokio's default of 61 a start
/// would wait for that many others.
const EVENT_INTERVAL: u32 = 16;

fn live_in_runtime(assignment: Assignment) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match builder.enable_all().event_interval(EVENT_INTERVAL).build() {
        Ok(runtime) => {
            runtime.block_on(live(assignment));
            // Without waiting for blocking calls: a name server that does not answer must not hold the end up.
            runtime.shutdown_background();
        }
        Err(error) => {
            let problem = SetupError(format!("a worker's runtime cannot be made: {error}"));
            let _ = assignment.messages.send(Message::Ready(Err(problem)));
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

async fn live(assignment: Assignment) {
    let Assignment { worker, number, scenarios, spec, names, messages, returned, begin, orders } = assignment;
    let clock = clock::clock();
    let recorder: SharedRecorder =
        SendWrapper::new(Rc::new(RefCell::new(Recorder::new(names, spec.tracing.told))));
    let rc: Rc<RefCell<Recorder>> = Rc::clone(&*recorder);
    let meter = Meter::new(rc);
    let timer = FineTimer::new(Rc::new(Wheel::new(clock, spec.pacing)));
    let seat = |scenario| seat(&spec, scenario, number, clock, &meter, &timer);
    let parts = match set_up(&spec, &scenarios, seat) {
        Ok(parts) => parts,
        Err(error) => {
            let _ = messages.send(Message::Ready(Err(error)));
            return;
        }
    };
    let _ = messages.send(Message::Ready(Ok(())));
    let Ok(begin) = begin.recv() else { return };
    let wakeups = SendWrapper::new(Rc::new(RefCell::new(Latency::default())));
    let mut beside = JoinSet::new();
    beside.spawn(probe(clock, wakeups.clone(), begin));
    let before = Usage { cpu: busy_cpu(), waiting: clock::thread_waiting() };
    let reporter =
        Reporter { worker, recorder: recorder.clone(), wakeups, messages: messages.clone(), before };

    let mut crews = JoinSet::new();
    for Part { id, scenario, journeys } in parts {
        let hours = Hours::new(clock, begin, scenario.start_after, scenario.load.clone());
        let tracer = |share| Tracer::new(spec.tracing.key, id, number, share);
        let crew = Crew {
            seat: seat(id),
            seed: spec.seed,
            pacing: spec.pacing,
            warmup: scenario.warmup,
            wall_origin: wall_origin(clock),
            graceful_stop: scenario.graceful_stop,
            iteration_every: scenario.iteration_every,
            tracer: scenario.trace.map(|share| SendWrapper::new(RefCell::new(tracer(share)))),
            recorder: recorder.clone(),
            journeys: SendWrapper::new(Rc::new(RefCell::new(journeys))),
            orders: SendWrapper::new(RefCell::new(orders.clone())),
            stopped: SendWrapper::new(Cell::new(false)),
            bell: Arc::new(Bell::new(hours)),
            messages: messages.clone(),
        };
        crews.spawn(executor::run(crew, scenario.load.clone()));
    }
    let mut second = begin + Duration::from_secs(1);
    loop {
        let left = second - clock.now();
        tokio::select! {
            ended = crews.join_next() => match ended {
                None => break,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let _ = messages.send(Message::Fatal(format!("a defect in Prony ended a worker's scenario: {error}")));
                }
            },
            () = tokio::time::sleep(left) => {
                second = second + Duration::from_secs(1);
                if let Ok(cleared) = returned.try_recv() {
                    recorder.borrow_mut().give_back(cleared);
                }
                reporter.report();
            }
        }
    }
    beside.abort_all();
    reporter.last();
}

/// A scenario as a worker has it.
struct Part<'a> {
    id: ScenarioId,
    scenario: &'a ScenarioSpec,
    journeys: Box<dyn JourneyWorker>,
}

fn set_up<'a>(
    spec: &'a RunSpec,
    scenarios: &[ScenarioId],
    seat: impl Fn(ScenarioId) -> Seat,
) -> Result<Vec<Part<'a>>, SetupError> {
    let known = scenarios.iter().filter_map(|id| Some((*id, spec.scenarios.get(usize::from(id.0))?)));
    known
        .map(|(id, scenario)| Ok(Part { id, scenario, journeys: scenario.journeys.worker(&seat(id))? }))
        .collect()
}

/// The seat of the worker's first user in `scenario`.
fn seat(
    spec: &RunSpec,
    scenario: ScenarioId,
    worker: u32,
    clock: Clock,
    meter: &Meter,
    timer: &FineTimer,
) -> Seat {
    Seat {
        scenario,
        user: worker,
        worker,
        workers: spec.threads.max(1),
        users: spec.scenarios[usize::from(scenario.0)].load.most_users(),
        clock,
        meter: meter.clone(),
        random: Random::new(spec.seed, u64::from(scenario.0), u64::from(worker)),
        timer: timer.clone(),
    }
}

/// Wall time at the clock's origin.
fn wall_origin(clock: Clock) -> Duration {
    clock::wall_clock().saturating_sub(Duration::from_nanos(clock.now().as_nanos()))
}

/// CPU time of the calling thread that a start could not have had: all but polling for the next one.
fn busy_cpu() -> Duration {
    clock::thread_cpu().saturating_sub(pacer::thread_polled())
}

#[derive(Clone, Copy)]
struct Usage {
    cpu: Duration,
    waiting: Duration,
}

/// Sends a worker's seconds.
struct Reporter {
    worker: usize,
    recorder: SharedRecorder,
    wakeups: SendWrapper<Rc<RefCell<Latency>>>,
    messages: Sender<Message>,
    before: Usage,
}

impl Reporter {
    fn report(&self) {
        // They record as they are called.
        let mut tallies = std::mem::take(self.recorder.borrow_mut().tallies());
        let now = clock::clock().now();
        tallies.retain(|hand_on| hand_on(now));
        self.recorder.borrow_mut().tallies().append(&mut tallies);
        let second = self.recorder.borrow_mut().take();
        if let Some(second) = second {
            self.send(second);
        }
    }

    fn last(&self) {
        let second = self.recorder.borrow_mut().take_last();
        self.send(second);
    }

    fn send(&self, second: recorder::Second) {
        let _ = self.messages.send(Message::Second(Box::new(Report {
            worker: self.worker,
            statistics: second.statistics,
            held: second.held,
            traces: second.traces,
            notices: second.notices,
            wakeup_lag: std::mem::take(&mut *self.wakeups.borrow_mut()),
            cpu: busy_cpu().saturating_sub(self.before.cpu),
            waiting: clock::thread_waiting().saturating_sub(self.before.waiting),
        })));
    }
}
