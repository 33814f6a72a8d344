//! A run from its first start to its result: sets workers up, merges their seconds, judges, and tells.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use prony_core::{Clock, ScenarioId, SetupError, Timestamp};
use tokio::sync::watch;

use crate::clock;
use crate::event::{Ended, Event, GeneratorStats, Interval, RunResult, Span};
use crate::load::{ClosedLoad, Load, OpenLoad, Starts};
use crate::pacer;
use crate::spec::RunSpec;
use crate::stats::{Latency, Statistics};
use crate::threshold::{Scope, Watch};
use crate::verdict;
use crate::worker::{self, Assignment, Message, Report, StopOrder};

/// Workers agree on a beginning so far ahead.
const AHEAD: Duration = Duration::from_millis(20);
/// Workers' reports of a second get so long to arrive.
const COLLECT: Duration = Duration::from_millis(60);
/// The most notices a result keeps.
const MOST_NOTICES: usize = 200;
/// Iterations under way get so long when a run is stopped before its time.
const HURRY: Duration = Duration::from_secs(2);

/// A handle by which others stop a run: a signal handler, a live page.
#[derive(Clone, Debug, Default)]
pub struct Control {
    interrupted: Arc<AtomicBool>,
}

impl Control {
    /// A handle for one run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the load now: no more starts, iterations under way get at most two seconds, everything measured is kept.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }
}

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
    let (stop, stopped) = watch::channel(None);
    let (sender, messages) = channel();
    let mut workers = Vec::new();
    for number in 0..spec.threads.max(1) {
        workers.push(start_worker(&spec, number, sender.clone(), stopped.clone())?);
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
    let mut coordinator = Coordinator::new(&spec, clock, begin, workers, stop);
    coordinator.watch(&messages, control, listen);
    Ok(coordinator.finish(started))
}

/// A worker as the coordinator sees it.
struct Worker {
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

fn start_worker(
    spec: &Arc<RunSpec>,
    number: u32,
    messages: Sender<Message>,
    stop: watch::Receiver<Option<StopOrder>>,
) -> Result<Worker, SetupError> {
    let (begin, begins) = channel();
    let (returns, returned) = channel();
    let assignment = Assignment { number, spec: Arc::clone(spec), messages, returned, begin: begins, stop };
    let thread = std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || worker::work(assignment))
        .map_err(|error| SetupError(format!("worker {number} cannot be started: {error}")))?;
    Ok(Worker { thread: Some(thread), begin, returns })
}

/// Merges, judges and tells.
struct Coordinator<'a> {
    spec: &'a RunSpec,
    clock: Clock,
    begin: Timestamp,
    workers: Vec<Worker>,
    stop: watch::Sender<Option<StopOrder>>,
    watches: Vec<Watch>,
    totals: Statistics,
    /// The second under way.
    current: Statistics,
    current_wakeups: Latency,
    wakeups: Latency,
    /// By worker and scenario.
    users: Vec<Vec<Users>>,
    /// By worker, since the beginning: now, and at the end of the second before.
    usage: Vec<Usage>,
    usage_before: Vec<Usage>,
    process_before: Duration,
    process_at_begin: Duration,
    from: Duration,
    seen: HashSet<(ScenarioId, String)>,
    notices: Vec<(ScenarioId, String)>,
    ended: Ended,
}

/// Busy users of a scenario on one worker. Kept apart until a second is told, for a worker may report none or two times
/// in it, and its users must count once.
#[derive(Clone, Copy, Default)]
struct Users {
    now: u64,
    most: u64,
}

#[derive(Clone, Copy, Default)]
struct Usage {
    cpu: Duration,
    waiting: Duration,
}

impl<'a> Coordinator<'a> {
    fn new(
        spec: &'a RunSpec,
        clock: Clock,
        begin: Timestamp,
        workers: Vec<Worker>,
        stop: watch::Sender<Option<StopOrder>>,
    ) -> Self {
        let process = clock::process_cpu();
        Self {
            clock,
            begin,
            watches: spec.thresholds.iter().cloned().map(Watch::new).collect(),
            totals: Statistics::new(&spec.catalog),
            current: Statistics::new(&spec.catalog),
            current_wakeups: Latency::default(),
            wakeups: Latency::default(),
            users: vec![vec![Users::default(); spec.scenarios.len()]; workers.len()],
            usage: vec![Usage::default(); workers.len()],
            usage_before: vec![Usage::default(); workers.len()],
            process_before: process,
            process_at_begin: process,
            from: Duration::ZERO,
            seen: HashSet::new(),
            notices: Vec::new(),
            ended: Ended::Finished,
            workers,
            stop,
            spec,
        }
    }

    /// Until all workers are done.
    fn watch(&mut self, messages: &Receiver<Message>, control: &Control, listen: &mut dyn FnMut(Event)) {
        let mut left = self.workers.len();
        let mut second = self.begin + Duration::from_secs(1) + COLLECT;
        while left > 0 {
            let wait = (second - self.clock.now()).min(COLLECT);
            match messages.recv_timeout(wait) {
                Ok(Message::Second(report)) => self.take(*report, listen),
                Ok(Message::Fatal(text)) => self.end(Ended::Failed(text), listen),
                Ok(Message::Done) => left -= 1,
                Ok(Message::Ready(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if control.interrupted.load(Ordering::Relaxed) {
                self.end(Ended::Interrupted, listen);
            }
            if self.clock.now() >= second {
                // Several seconds at once, should this thread have been held up.
                let mut told = second;
                while second <= self.clock.now() {
                    told = second;
                    second = second + Duration::from_secs(1);
                }
                let aborting = self.tell(told - self.begin - COLLECT, listen);
                if let Some(expression) = aborting {
                    self.end(Ended::Aborted(expression), listen);
                }
            }
        }
        // There is nothing left to abort.
        let _ = self.tell(self.clock.now() - self.begin, listen);
        self.watches.iter_mut().for_each(Watch::close);
    }

    /// Takes a worker's second in and sends the cleared statistics back.
    fn take(&mut self, report: Report, listen: &mut dyn FnMut(Event)) {
        let mut statistics = report.statistics;
        for (scenario, users) in statistics.scenarios.iter_mut().zip(&mut self.users[report.worker]) {
            users.now = std::mem::take(&mut scenario.users_now);
            users.most = users.most.max(std::mem::take(&mut scenario.users_most));
        }
        self.current.merge(&statistics);
        statistics.clear();
        self.current_wakeups.merge(&report.wakeup_lag);
        self.usage[report.worker] = Usage { cpu: report.cpu, waiting: report.waiting };
        // A worker that has ended needs nothing back.
        let _ = self.workers[report.worker].returns.send(statistics);
        for (scenario, text) in report.notices {
            if self.seen.insert((scenario, text.clone())) {
                if self.notices.len() < MOST_NOTICES {
                    self.notices.push((scenario, text.clone()));
                }
                listen(Event::Notice { scenario, text });
            }
        }
    }

    /// Ends the second: adds it up, looks at the thresholds, tells. Answers with the threshold to abort for, if any.
    fn tell(&mut self, to: Duration, listen: &mut dyn FnMut(Event)) -> Option<String> {
        let to = to.max(self.from);
        let wall = to - self.from;
        let mut statistics = std::mem::replace(&mut self.current, Statistics::new(&self.spec.catalog));
        for (number, scenario) in statistics.scenarios.iter_mut().enumerate() {
            for users in self.users.iter_mut().filter_map(|worker| worker.get_mut(number)) {
                scenario.users_now += users.now;
                scenario.users_most += users.most;
                users.most = users.now;
            }
        }
        let mut wakeup_lag = std::mem::take(&mut self.current_wakeups);
        self.totals.merge(&statistics);
        for (total, now) in self.totals.scenarios.iter_mut().zip(&statistics.scenarios) {
            // The latest and the most over time, where merging adds up over workers.
            total.users_now = now.users_now;
            total.users_most = (total.users_most - now.users_most).max(now.users_most);
        }
        self.wakeups.merge(&wakeup_lag);
        let process = clock::process_cpu();
        let since = |pick: fn(&Usage) -> Duration, usage: &[Usage], before: &[Usage]| -> Vec<Duration> {
            usage.iter().zip(before).map(|(now, before)| pick(now).saturating_sub(pick(before))).collect()
        };
        let generator = GeneratorStats {
            wakeup_lag: std::mem::take(&mut wakeup_lag),
            worker_cpu: since(|usage| usage.cpu, &self.usage, &self.usage_before),
            worker_waiting: since(|usage| usage.waiting, &self.usage, &self.usage_before),
            process_cpu: process.saturating_sub(self.process_before),
            wall,
            peak_rss_bytes: clock::peak_rss_bytes(),
        };
        self.usage_before.clone_from(&self.usage);
        self.process_before = process;
        let mut abort = None;
        let watches = std::mem::take(&mut self.watches).into_iter().map(|mut watch| {
            let second = self.measured(watch.scope(), self.from, to).as_secs_f64();
            let so_far = self.measured(watch.scope(), Duration::ZERO, to).as_secs_f64();
            if watch.see(&statistics, &self.spec.catalog, second, so_far) && abort.is_none() {
                abort = Some(watch.expression().to_owned());
            }
            watch
        });
        self.watches = watches.collect();
        listen(Event::Interval(Arc::new(Interval { from: self.from, to, statistics, generator })));
        self.from = to;
        abort
    }

    /// How much of the time between two moments of the run is measured in `scope`: what comes before a scenario begins, its warm-up,
    /// and what comes after its end, is not, and must not thin its rates out.
    fn measured(&self, scope: Scope, from: Duration, to: Duration) -> Duration {
        let scenario = match scope {
            Scope::Run => None,
            Scope::Scenario(id) => Some(id),
            Scope::Step(id) => self.spec.catalog.steps.get(usize::from(id.0)).map(|step| step.scenario),
        };
        let numbers = 0..self.spec.scenarios.len();
        let inside = numbers.filter(|number| scenario.is_none_or(|id| usize::from(id.0) == *number));
        let spans = inside.map(|number| (self.measured_from(number), self.active_until(number, to)));
        let whole = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        whole.map_or(Duration::ZERO, |(begin, end)| end.saturating_sub(begin.max(from)))
    }

    /// From the run's beginning to the end of a scenario's warm-up.
    fn measured_from(&self, number: usize) -> Duration {
        self.spec.scenarios[number].start_after + self.spec.scenarios[number].warmup
    }

    /// From the run's beginning to the end of a scenario's load, where its plan says and nothing stopped it.
    fn load_ends(&self, number: usize) -> Option<Duration> {
        let scenario = &self.spec.scenarios[number];
        let told = match &scenario.load {
            Load::Closed(ClosedLoad::IterationsEach { .. } | ClosedLoad::SharedIterations { .. }) => None,
            load => load.duration(),
        };
        told.filter(|_| self.ended == Ended::Finished).map(|load| scenario.start_after + load)
    }

    /// From the run's beginning to the end of what a scenario did, as far as is known at `to`.
    fn active_until(&self, number: usize, to: Duration) -> Duration {
        let stats = &self.totals.scenarios[number];
        let last_end = stats.last_end - self.begin;
        if stats.users_now > 0 || (last_end.is_zero() && self.ended == Ended::Finished) {
            return to;
        }
        self.load_ends(number).map_or(last_end, |load| load.max(last_end)).min(to)
    }

    /// See [`Span`].
    fn span(&self, number: usize) -> Span {
        let begin = self.measured_from(number);
        let last_start = self.totals.scenarios[number].last_start - self.begin;
        Span {
            measured: self.active_until(number, self.from).saturating_sub(begin),
            starting: self.load_ends(number).unwrap_or(last_start).min(self.from).saturating_sub(begin),
        }
    }

    /// Ends the load before its time. The first reason stays, unless it becomes a failure.
    fn end(&mut self, ended: Ended, listen: &mut dyn FnMut(Event)) {
        match (&self.ended, &ended) {
            (Ended::Finished, _) | (Ended::Interrupted | Ended::Aborted(_), Ended::Failed(_)) => {}
            _ => return,
        }
        self.ended = ended.clone();
        self.stop.send_replace(Some(StopOrder { grace: HURRY }));
        listen(Event::Stopping(ended));
    }

    fn finish(mut self, started: Duration) -> RunResult {
        self.workers.clear();
        let spans = (0..self.spec.scenarios.len()).map(|number| self.span(number)).collect();
        let measured = self.measured(Scope::Run, Duration::ZERO, self.from);
        let generator = GeneratorStats {
            wakeup_lag: self.wakeups,
            worker_cpu: self.usage.iter().map(|usage| usage.cpu).collect(),
            worker_waiting: self.usage.iter().map(|usage| usage.waiting).collect(),
            process_cpu: clock::process_cpu().saturating_sub(self.process_at_begin),
            wall: self.from,
            peak_rss_bytes: clock::peak_rss_bytes(),
        };
        let open: Vec<bool> =
            self.spec.scenarios.iter().map(|scenario| matches!(scenario.load, Load::Open(_))).collect();
        RunResult {
            spans,
            measured,
            notices: self.notices,
            verdict: verdict::judge(&self.totals, &generator, &open, &self.ended),
            thresholds: self.watches.iter().map(Watch::result).collect(),
            ended: self.ended,
            started,
            lasted: self.from,
            totals: self.totals,
            generator,
        }
    }
}
