//! Who performs an iteration: executors give starts to users. One file for open load, one for closed.

mod closed;
mod open;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use prony_core::{IterationEnd, Journey, JourneyWorker, Random, ScenarioId, Seat, Start, Timestamp};
use send_wrapper::SendWrapper;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::load::Load;
use crate::spec::Pacing;
use crate::worker::{Ending, Message, SharedRecorder, StopOrder};

/// A scenario's part on one worker: what its executor and its users need.
pub(crate) struct Crew {
    pub(crate) seat: Seat,
    pub(crate) seed: u64,
    pub(crate) pacing: Pacing,
    pub(crate) begin: Timestamp,
    pub(crate) wall_origin: Duration,
    pub(crate) graceful_stop: Duration,
    pub(crate) iteration_every: Option<Duration>,
    pub(crate) recorder: SharedRecorder,
    pub(crate) journeys: SendWrapper<Rc<RefCell<Box<dyn JourneyWorker>>>>,
    pub(crate) stop: watch::Receiver<Option<StopOrder>>,
    pub(crate) messages: Sender<Message>,
}

/// Runs a scenario's load on this worker to its end.
pub(crate) async fn run(crew: Crew, load: Load) {
    let crew = Arc::new(crew);
    match load {
        Load::Open(load) => open::run(&crew, &load).await,
        Load::Closed(load) => closed::run(&crew, &load).await,
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

    /// One iteration, counted whatever becomes of it.
    async fn iterate(&self, journey: &mut dyn Journey, intended: Timestamp, iteration: u64) -> Next {
        let clock = self.seat.clock;
        self.recorder.borrow_mut().iteration_started(self.seat.scenario, intended, clock.now());
        let mut count =
            Count { recorder: &self.recorder, scenario: self.seat.scenario, intended, done: false };
        let end = journey.iterate(Start { intended, iteration, wall_origin: self.wall_origin }).await;
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
                    Some(ended) => self.report_defect(&ended),
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
            self.report_defect(&ended);
        }
    }

    fn report_defect(&self, ended: &Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            let _ = self.messages.send(Message::Fatal(format!("a defect in Prony ended a user: {error}")));
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
    done: bool,
}

impl Count<'_> {
    fn end(&mut self, now: Timestamp, ending: Ending) {
        self.done = true;
        self.recorder.borrow_mut().iteration_ended(self.scenario, self.intended, now, ending);
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        if !self.done {
            let now = crate::clock::clock().now();
            self.end(now, Ending::Cut);
        }
    }
}
