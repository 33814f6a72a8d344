//! Who performs an iteration: executors give starts to users. One file for open load, one for closed.

mod bell;
mod closed;
mod open;

use std::any::Any;
use std::cell::RefCell;
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
use crate::load::Load;
use crate::spec::Pacing;
use crate::traces::{IterationSpan, Tracer};
use crate::worker::{Ending, Message, SharedRecorder, StopOrder, panic_text};

/// A scenario's part on one worker: what its executor and its users need.
pub(crate) struct Crew {
    pub(crate) seat: Seat,
    pub(crate) seed: u64,
    pub(crate) pacing: Pacing,
    pub(crate) begin: Timestamp,
    pub(crate) wall_origin: Duration,
    pub(crate) graceful_stop: Duration,
    pub(crate) iteration_every: Option<Duration>,
    /// Gives iterations their traces, where the plan asks for them.
    pub(crate) tracer: Option<SendWrapper<RefCell<Tracer>>>,
    pub(crate) recorder: SharedRecorder,
    pub(crate) journeys: SendWrapper<Rc<RefCell<Box<dyn JourneyWorker>>>>,
    pub(crate) stop: watch::Receiver<Option<StopOrder>>,
    /// What journeys hear of it, and of the load's end.
    pub(crate) bell: Arc<Bell>,
    pub(crate) messages: Sender<Message>,
}

/// Runs a scenario's load on this worker to its end.
pub(crate) async fn run(crew: Crew, load: Load) {
    let crew = Arc::new(crew);
    let mut orders = crew.stop.clone();
    let load = async {
        match load {
            Load::Open(load) => open::run(&crew, &load).await,
            Load::Closed(load) => closed::run(&crew, &load).await,
        }
    };
    let mut load = pin!(load);
    tokio::select! {
        () = &mut load => return,
        _ = orders.wait_for(Option::is_some) => crew.bell.ring(),
    }
    load.await;
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

    /// Wanted until `until`, or until the load is over otherwise.
    fn wanted(&self, until: Timestamp) -> Wanted {
        Wanted::new(until, Arc::<Bell>::clone(&self.bell))
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
        self.recorder.borrow_mut().iteration_started(scenario, intended, began);
        let trace = self.tracer.as_ref().map(|tracer| tracer.borrow_mut().begin(intended));
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
        let mut stop = self.stop.clone();
        let grace = |order: Option<StopOrder>| {
            order.map_or(self.graceful_stop, |order| order.grace.min(self.graceful_stop))
        };
        let mut left = grace(*stop.borrow_and_update());
        let since = self.seat.clock.now();
        loop {
            let remaining = left.saturating_sub(self.seat.clock.now() - since);
            tokio::select! {
                ended = users.join_next() => match ended {
                    None => return,
                    Some(ended) => self.report_defect(ended),
                },
                () = tokio::time::sleep(remaining) => break,
                Ok(()) = stop.changed() => {
                    let order = *stop.borrow_and_update();
                    left = (self.seat.clock.now() - since) + order.map_or(left, |order| order.grace.min(self.graceful_stop));
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

    fn stopped(&self) -> bool {
        self.stop.borrow().is_some()
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
