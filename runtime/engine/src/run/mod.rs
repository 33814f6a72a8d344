//! A run from its first start to its result: sets workers up, merges their seconds, judges, and tells.

mod control;
mod coordinator;
mod quiet;
mod span;
mod steer;
mod tally;
mod team;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use prony_core::{ScenarioId, SetupError, Timestamp};
use tokio::sync::watch;

use crate::clock;
use crate::event::{Event, RunResult};
use crate::load::{Load, OpenLoad, Starts};
use crate::names::Names;
use crate::pacer;
use crate::spec::RunSpec;
use crate::stats::Statistics;
use crate::worker::{self, Assignment, Message, Orders};
pub use control::Control;
use coordinator::Coordinator;
use team::teams;

/// Workers agree on a beginning so far ahead.
const AHEAD: Duration = Duration::from_millis(20);

/// Runs `spec` on this thread and its workers, and tells `listen` what happens.
///
/// # Errors
/// When a worker cannot be set up: nothing has been sent then.
pub fn run(spec: RunSpec, control: &Control, listen: &mut dyn FnMut(Event)) -> Result<RunResult, SetupError> {
    for scenario in &spec.scenarios {
        if let Load::Open(OpenLoad { starts: Starts::Replay(path), .. }) = &scenario.load {
            pacer::validate(path)?;
        }
    }
    let spec = Arc::new(spec);
    let (order, orders) = watch::channel(Orders::default());
    let (sender, messages) = channel();
    let names = Names::new(spec.catalog.clone());
    let mut workers = Vec::new();
    for team in teams(&spec) {
        for number in 0..spec.threads.max(1) {
            let (begin, begins) = channel();
            let (returns, returned) = channel();
            let assignment = Assignment {
                worker: workers.len(),
                number,
                scenarios: Arc::clone(&team.scenarios),
                spec: Arc::clone(&spec),
                names: Arc::clone(&names),
                messages: sender.clone(),
                returned,
                begin: begins,
                orders: orders.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(team.thread_name(number, &spec))
                .spawn(move || worker::work(assignment))
                .map_err(|error| SetupError(format!("worker {number} cannot be started: {error}")))?;
            workers.push(Worker { alone: team.alone, thread: Some(thread), begin, returns });
        }
    }
    drop(sender);
    let mut failed = None;
    for _ in &workers {
        match messages.recv() {
            Ok(Message::Ready(Ok(()))) => {}
            Ok(Message::Ready(Err(error))) => failed = Some(error),
            Ok(Message::Fatal(text)) => failed = Some(SetupError(text)),
            // A worker that is done before it was ready has told why above.
            Ok(_) | Err(_) => {
                failed = failed.or_else(|| Some(SetupError("a worker ended while it was set up".to_owned())));
            }
        }
    }
    if let Some(error) = failed {
        drop(workers);
        return Err(error);
    }
    let clock = clock::clock();
    let begin = clock.now() + AHEAD;
    let started = clock::wall_clock() + AHEAD;
    for worker in &workers {
        let _ = worker.begin.send(begin);
    }
    let mut coordinator = Coordinator::new(&spec, names, clock, begin, workers, order);
    coordinator.watch(&messages, control, listen);
    Ok(coordinator.finish(started))
}

/// A worker as the coordinator sees it.
struct Worker {
    /// The scenario that has it alone.
    alone: Option<ScenarioId>,
    thread: Option<std::thread::JoinHandle<()>>,
    begin: Sender<Timestamp>,
    returns: Sender<Box<Statistics>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without a beginning it ends by itself.
        self.begin = channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
