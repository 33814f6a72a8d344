//! Who performs an iteration: executors give starts to users. One file for open load, one for closed.

mod bell;
mod closed;
mod hours;
mod open;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::Duration;

use prony_core::{
    IterationEnd, Journey, JourneyWorker, Random, ScenarioId, Seat, Start, Timestamp, Trace, Wanted,
};
use send_wrapper::SendWrapper;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use self::bell::Bell;
pub(crate) use self::hours::Hours;
use crate::load::Load;
use crate::spec::Pacing;
use crate::traces::{IterationSpan, Tracer};
use crate::worker::{Ending, Message, Orders, SharedRecorder, StopOrder, panic_text};

/// A scenario's part on one worker: what its executor and its users need.
pub(crate) struct Crew {
    pub(crate) seat: Seat,
    pub(crate) seed: u64,
    pub(crate) pacing: Pacing,
    /// From the load's beginning on, in the plan's time, as it is left out of the statistics.
    pub(crate) warmup: Duration,
    pub(crate) wall_origin: Duration,
    pub(crate) graceful_stop: Duration,
    pub(crate) iteration_every: Option<Duration>,
    /// Gives iterations their traces, where the plan asks for them.
    pub(crate) tracer: Option<SendWrapper<RefCell<Tracer>>>,
    pub(crate) recorder: SharedRecorder,
    pub(crate) journeys: SendWrapper<Rc<RefCell<Box<dyn JourneyWorker>>>>,
    /// What the coordinator says. Asked before each start, which costs a look at one number.
    pub(crate) orders: SendWrapper<RefCell<watch::Receiver<Orders>>>,
    pub(crate) stopped: SendWrapper<Cell<bool>>,
    /// What journeys hear of it, and of the load's end.
    pub(crate) bell: Arc<Bell>,
    pub(crate) messages: Sender<Message>,
}

/// Runs a scenario's load on this worker to its end.
pub(crate) async fn run(crew: Crew, load: Load) {
    let crew = Arc::new(crew);
    let mut orders = crew.listen();
    crew.measure();
    let load = async {
        match load {
            Load::Open(load) => open::run(&crew, &load).await,
            Load::Closed(load) => closed::run(&crew, &load).await,
        }
    };
    let mut load = pin!(load);
    loop {
        tokio::select! {
            () = &mut load => return,
            Ok(()) = orders.changed(), if !crew.stopped.get() => crew.renew(),
        }
    }
}

/// Whether a user should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    /// The scenario is over on this worker: its data has run out, or the run has become pointless.
    Over,
}

impl Crew {
    /// The users of this worker by number: `worker`, `worker + workers`, …
    fn users(&self, total: u32) -> impl Iterator<Item = u32> + use<> {
        (self.seat.worker..total).step_by(self.seat.workers.max(1) as usize)
    }

    /// A new user's journey.
    fn user(&self, number: u32) -> Box<dyn Journey> {
        let random = Random::new(self.seed, u64::from(self.seat.scenario.0), u64::from(number));
        self.journeys.borrow_mut().user(Seat { user: number, random, ..self.seat.clone() })
    }

    /// Lets a user live. When it panics, the run is told at once, not when somebody next looks at `users`.
    fn spawn(self: &Arc<Self>, users: &mut JoinSet<()>, life: impl Future<Output = ()> + Send + 'static) {
        let crew = Arc::clone(self);
        users.spawn(async move {
            let mut life = pin!(life);
            let lived = std::future::poll_fn(|context| {
                match catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(context))) {
                    Ok(poll) => poll.map(Ok),
                    Err(panic) => Poll::Ready(Err(panic)),
                }
            });
            if let Err(panic) = lived.await {
                crew.defect(&*panic);
            }
        });
    }

    fn defect(&self, panic: &(dyn Any + Send)) {
        let text = format!("a defect in Prony ended a user: {}", panic_text(panic));
        let _ = self.messages.send(Message::Fatal(text));
    }

    /// User number `user` is wanted until `until`, or until the load is over otherwise.
    fn wanted(&self, user: u32, until: Timestamp) -> Wanted {
        Wanted::new(until, user, Arc::<Bell>::clone(&self.bell))
    }

    /// Another ear for what the coordinator says, which has heard as much as this one.
    fn listen(&self) -> watch::Receiver<Orders> {
        self.orders.borrow().clone()
    }

    /// Takes in what the coordinator has said, if it has said anything.
    fn renew(&self) {
        let mut orders = self.orders.borrow_mut();
        if !orders.has_changed().unwrap_or(false) {
            return;
        }
        let Orders { stop, course } = orders.borrow_and_update().clone();
        drop(orders);
        if *self.bell.hours.course() != *course {
            self.bell.hours.follow(course);
            self.measure();
            self.bell.nudge();
        }
        if stop.is_some() && !self.stopped.replace(true) {
            self.recorder.borrow_mut().load_ends(self.seat.scenario, self.seat.clock.now());
            self.bell.ring();
        }
    }

    /// Has what is due in the warm-up left out, and what users let go of after the load's end. A warm-up whose end nobody knows is
    /// not over.
    fn measure(&self) {
        let from = self.bell.hours.moment(self.warmup).unwrap_or(Timestamp::from_nanos(u64::MAX));
        let mut recorder = self.recorder.borrow_mut();
        recorder.measure_from(self.seat.scenario, from);
        let length = self.bell.hours.length();
        // A replay's end is that of its last start, and no moment of the plan.
        let end = self.bell.hours.moment(length).filter(|_| !length.is_zero());
        recorder.load_ends(self.seat.scenario, end.unwrap_or(Timestamp::from_nanos(u64::MAX)));
    }

    /// Whether the run is told to stop.
    fn stopped(&self) -> bool {
        self.renew();
        self.stopped.get()
    }

    /// Waits until it is so long after the load's beginning, however often that moment moves.
    async fn until_plan(&self, plan: Duration) {
        loop {
            let news = self.bell.news();
            let left = self.bell.hours.moment(plan).map(|moment| moment - self.seat.clock.now());
            match left {
                Some(left) if left.is_zero() => return,
                // What lies far ahead is looked at again: timers have an end.
                Some(left) => tokio::select! {
                    () = tokio::time::sleep(left.min(Duration::from_secs(365 * 86_400))) => {}
                    () = news => {}
                },
                None => news.await,
            }
        }
    }

    /// Counts a start that was given to a user who was cut off before it could begin.
    fn never_begun(&self, due: Timestamp) {
        let now = self.seat.clock.now();
        let mut recorder = self.recorder.borrow_mut();
        recorder.iteration_started(self.seat.scenario, due, now);
        recorder.iteration_ended(self.seat.scenario, due, now, Ending::Cut);
    }

    /// One iteration of a user, by their numbers, counted whatever becomes of it.
    async fn iterate(
        &self,
        journey: &mut dyn Journey,
        intended: Timestamp,
        (user, iteration): (u32, u64),
        wanted: Wanted,
    ) -> Next {
        let clock = self.seat.clock;
        let (scenario, began) = (self.seat.scenario, clock.now());
        let measured = self.recorder.borrow_mut().iteration_started(scenario, intended, began);
        let trace = self.tracer.as_ref().map(|tracer| tracer.borrow_mut().begin(measured));
        let sampled =
            trace.filter(|trace| trace.sampled).map(|trace| Sampled { trace, user, iteration, began });
        let mut count = Count { recorder: &self.recorder, scenario, intended, sampled, done: false };
        let start = Start { intended, iteration, wall_origin: self.wall_origin, wanted, trace };
        let end = journey.iterate(start).await;
        let (ending, next) = match end {
            IterationEnd::Complete => (Ending::Completed, Next::GoOn),
            IterationEnd::Failed => (Ending::Failed, Next::GoOn),
            IterationEnd::OutOfData => (Ending::NoData, Next::Over),
            IterationEnd::Fatal(text) => {
                let _ = self.messages.send(Message::Fatal(text));
                (Ending::Failed, Next::Over)
            }
        };
        count.end(clock.now(), ending);
        // A journey that never waits must not keep the others from running.
        tokio::task::coop::consume_budget().await;
        next
    }

    /// Waits until all users have ended, at most as long as iterations may go on, then cuts the rest off.
    async fn wind_down(&self, mut users: JoinSet<()>) {
        let mut orders = self.listen();
        let grace = |order: Option<StopOrder>| {
            order.map_or(self.graceful_stop, |order| order.grace.min(self.graceful_stop))
        };
        let mut told = orders.borrow_and_update().stop.is_some();
        let mut left = grace(orders.borrow().stop);
        let since = self.seat.clock.now();
        loop {
            let remaining = left.saturating_sub(self.seat.clock.now() - since);
            tokio::select! {
                ended = users.join_next() => match ended {
                    None => return,
                    Some(ended) => self.report_defect(ended),
                },
                () = tokio::time::sleep(remaining) => break,
                Ok(()) = orders.changed() => {
                    let stop = orders.borrow_and_update().stop;
                    if stop.is_some() && !told {
                        told = true;
                        left = (self.seat.clock.now() - since) + grace(stop);
                    }
                }
            }
        }
        users.abort_all();
        while let Some(ended) = users.join_next().await {
            self.report_defect(ended);
        }
    }

    /// A user's own panics are caught in [`Self::spawn`]; this is about those of its parts when it is cut off.
    fn report_defect(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
            self.defect(&*panic);
        }
    }
}

/// Counts an iteration's end, also when it is cut off.
struct Count<'a> {
    recorder: &'a SharedRecorder,
    scenario: ScenarioId,
    intended: Timestamp,
    sampled: Option<Sampled>,
    done: bool,
}

/// What is told of a sampled iteration.
struct Sampled {
    trace: Trace,
    user: u32,
    iteration: u64,
    began: Timestamp,
}

impl Count<'_> {
    fn end(&mut self, now: Timestamp, ending: Ending) {
        self.done = true;
        let Self { scenario, intended, .. } = *self;
        let mut recorder = self.recorder.borrow_mut();
        recorder.iteration_ended(scenario, intended, now, ending);
        if let (Some(Sampled { trace, user, iteration, began }), Some(result)) =
            (self.sampled.take(), ending.result())
        {
            let span =
                IterationSpan { scenario, user, iteration, trace, intended, began, ended: now, result };
            recorder.iteration_traced(span);
        }
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        if !self.done {
            let now = crate::clock::clock().now();
            let ending = if std::thread::panicking() { Ending::Failed } else { Ending::Cut };
            self.end(now, ending);
        }
    }
}
