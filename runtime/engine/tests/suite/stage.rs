//! What the suite's runs are made of: journeys written as closures, a log of what began when, and short words for
//! loads and specifications.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony_core::units::PerSecond;
use prony_core::{
    BoxFuture, Catalog, FailureKind, IterationEnd, Journey, JourneyWorker, Journeys, Marks, Outcome,
    ScenarioId, Seat, SetupError, Start, StepId, Timestamp,
};
use prony_engine::{
    Arrivals, ClosedLoad, Control, Event, Load, OpenLoad, Pacing, RateStage, RunSpec, ScenarioSpec, Starts,
    Threshold, Tracing, UserStage, run,
};

pub(crate) use prony_engine::RunResult;

/// One iteration, as its script sees it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) seat: Seat,
    pub(crate) start: Start,
}

impl Visit {
    /// Records a request that was due at `due` and was sent and answered now.
    pub(crate) fn answered(&self, due: Timestamp) {
        self.took(due, self.seat.clock.now());
    }

    /// Records a request that was due at `due`, was sent at `sent` and is answered now.
    pub(crate) fn took(&self, due: Timestamp, sent: Timestamp) {
        self.ended(due, sent, None);
    }

    /// The same with a failure, if there is one.
    pub(crate) fn ended(&self, due: Timestamp, sent: Timestamp, failure: Option<FailureKind>) {
        let finished = self.seat.clock.now();
        let outcome = Outcome {
            sent: Some(sent),
            finished,
            status: failure.is_none().then_some(200),
            failure,
            ..Outcome::due(due)
        };
        self.seat.meter.request(StepId(self.seat.scenario.0), &outcome, Marks::default());
    }

    /// A request that takes `service`, recorded with `failure` when it is done.
    pub(crate) async fn request(&self, service: Duration) {
        let sent = self.seat.clock.now();
        tokio::time::sleep(service).await;
        self.took(self.start.intended, sent);
    }
}

/// What a user does in an iteration.
pub(crate) type Script = Arc<dyn Fn(Visit) -> BoxFuture<'static, IterationEnd> + Send + Sync>;

/// A script from an async closure.
pub(crate) fn script<F>(steps: impl Fn(Visit) -> F + Send + Sync + 'static) -> Script
where
    F: Future<Output = IterationEnd> + Send + 'static,
{
    Arc::new(move |visit| Box::pin(steps(visit)))
}

/// One request, answered at once.
pub(crate) fn immediate() -> Script {
    script(|visit| async move {
        visit.answered(visit.start.intended);
        IterationEnd::Complete
    })
}

/// One request that takes `service`.
pub(crate) fn taking(service: Duration) -> Script {
    script(move |visit| async move {
        visit.request(service).await;
        IterationEnd::Complete
    })
}

/// An iteration that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Begun {
    pub(crate) intended: Timestamp,
    pub(crate) actual: Timestamp,
    pub(crate) worker: u32,
    pub(crate) user: u32,
    pub(crate) iteration: u64,
}

/// All iterations of a run that have begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Begun>>>);

impl Log {
    /// `script`, noted here whenever it begins.
    pub(crate) fn noting(&self, script: Script) -> Script {
        let log = self.clone();
        Arc::new(move |visit| {
            log.0.lock().expect("the log").push(Begun {
                intended: visit.start.intended,
                actual: visit.seat.clock.now(),
                worker: visit.seat.worker,
                user: visit.seat.user,
                iteration: visit.start.iteration,
            });
            script(visit)
        })
    }

    /// In the order in which they were due.
    pub(crate) fn begun(&self) -> Vec<Begun> {
        let mut begun = self.0.lock().expect("the log").clone();
        begun.sort_unstable();
        begun
    }

    /// By global start index: when each was due, from the first.
    pub(crate) fn schedule(&self) -> Vec<Duration> {
        let begun = self.begun();
        begun.iter().map(|start| start.intended - begun[0].intended).collect()
    }
}

struct Scripted(Script);
struct ScriptedUser(Script, Seat);

impl Journeys for Scripted {
    fn worker(&self, _: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl JourneyWorker for Scripted {
    fn user(&mut self, seat: Seat) -> Box<dyn Journey> {
        Box::new(ScriptedUser(Arc::clone(&self.0), seat))
    }
}

impl Journey for ScriptedUser {
    fn iterate(&mut self, start: Start) -> BoxFuture<'_, IterationEnd> {
        (self.0)(Visit { seat: self.1.clone(), start })
    }
}

/// A scenario without delay, warm-up or pacing, and with plenty of time to end.
pub(crate) fn scenario(load: Load, script: Script) -> ScenarioSpec {
    ScenarioSpec {
        load,
        journeys: Arc::new(Scripted(script)),
        start_after: Duration::ZERO,
        warmup: Duration::ZERO,
        graceful_stop: Duration::from_secs(20),
        iteration_every: None,
        trace: None,
    }
}

/// Journeys whose users live on workers of their own.
struct Apart(Arc<dyn Journeys>);

impl Journeys for Apart {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        self.0.worker(seat)
    }

    fn apart(&self) -> bool {
        true
    }
}

/// The same scenario, as if a plugin's code ran in its users.
pub(crate) fn apart(scenario: ScenarioSpec) -> ScenarioSpec {
    ScenarioSpec { journeys: Arc::new(Apart(scenario.journeys)), ..scenario }
}

/// A run of these scenarios, each with one step and one group.
pub(crate) fn spec(threads: u32, scenarios: Vec<ScenarioSpec>) -> RunSpec {
    let mut catalog = Catalog::default();
    for number in 0..scenarios.len() {
        let id = catalog.add_scenario(format!("scenario {number}")).expect("few scenarios");
        assert_eq!(id, ScenarioId(number as u16));
        catalog.add_step(id, "GET /", "test", Vec::new()).expect("few steps");
        catalog.add_group(id, "group").expect("few groups");
    }
    let (pacing, tracing) = (Pacing::Normal, Tracing::default());
    RunSpec { catalog, scenarios, thresholds: Vec::new(), threads, seed: 7, pacing, tracing }
}

/// Runs to the end.
pub(crate) fn perform(spec: RunSpec) -> RunResult {
    watched(spec, &Control::new()).0
}

/// Runs to the end; also what was told meanwhile.
pub(crate) fn watched(spec: RunSpec, control: &Control) -> (RunResult, Vec<Event>) {
    let mut events = Vec::new();
    let result = run(spec, control, &mut |event| events.push(event)).expect("set up");
    (result, events)
}

/// The same on 1, 2 and 3 workers, side by side: these runs mostly wait.
pub(crate) fn for_workers<R: Send>(run: impl Fn(u32) -> R + Sync) -> Vec<R> {
    let run = &run;
    std::thread::scope(|scope| {
        let runs: Vec<_> = (1..=3).map(|workers| scope.spawn(move || run(workers))).collect();
        runs.into_iter()
            .map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// One scenario, run to its end on `threads` workers.
pub(crate) fn alone(threads: u32, load: Load, script: Script) -> RunResult {
    perform(spec(threads, vec![scenario(load, script)]))
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A stage of an open load.
pub(crate) fn ramp(from: f64, to: f64, over: Duration) -> RateStage {
    let rate = |value| PerSecond::new(value).expect("a rate");
    RateStage { from: rate(from), to: rate(to), over }
}

pub(crate) fn open(stages: Vec<RateStage>, arrivals: Arrivals, max_users: u32) -> Load {
    Load::Open(OpenLoad { starts: Starts::Rate { stages, arrivals }, max_users })
}

/// A constant rate with evenly spread starts.
pub(crate) fn steady(rate: f64, over: Duration, max_users: u32) -> Load {
    open(vec![ramp(rate, rate, over)], Arrivals::Uniform, max_users)
}

pub(crate) fn users(users: u32, lasting: Duration) -> Load {
    Load::Closed(ClosedLoad::Users { users, start_rate: None, lasting })
}

pub(crate) fn user_stages(stages: &[(u32, u64)]) -> Load {
    let stages = stages.iter().map(|(users, over)| UserStage { users: *users, over: ms(*over) });
    Load::Closed(ClosedLoad::Stages(stages.collect()))
}

pub(crate) fn each(users: u32, iterations: u64) -> Load {
    Load::Closed(ClosedLoad::IterationsEach { users, iterations, at_most: None })
}

pub(crate) fn shared(users: u32, iterations: u64) -> Load {
    Load::Closed(ClosedLoad::SharedIterations { users, iterations, at_most: None })
}

/// A threshold over the run of all scenarios.
pub(crate) fn threshold(expression: &str) -> Threshold {
    let source = prony_core::Source::new("thresholds", expression);
    let place = prony_core::Place { source, start: 0, end: expression.len() };
    let (metric, comparison, bound) =
        prony_engine::threshold::parse(expression, &place).expect("a threshold");
    Threshold {
        expression: expression.to_owned(),
        scope: prony_engine::threshold::Scope::Run,
        metric,
        sense: prony_engine::threshold::Sense::MustHold,
        comparison,
        bound,
        window: None,
        abort: false,
    }
}

/// Holds the counters of scenario number `number` to what must be true of every finished run.
pub(crate) fn assert_adds_up(result: &RunResult, number: usize) {
    let stats = &result.totals.scenarios[number];
    let counts = stats.iterations;
    assert_eq!(counts.started, counts.completed + counts.failed + counts.cut, "{counts:?}");
    assert_eq!(stats.due, counts.started + stats.dropped.total(), "{counts:?} {:?}", stats.dropped);
    assert_eq!(stats.lag.count(), counts.started, "every start has its lag");
    let ended = counts.completed + counts.failed;
    assert_eq!(stats.iteration_time.count(), ended, "every iteration that was not cut off has its time");
    assert_eq!(stats.users_now, 0, "nobody is left");
}
