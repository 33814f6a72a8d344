//! A user's walk through the program of its scenario.

mod effects;
mod functions;
mod stay;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use prony_core::template::{Escape, Scope};
use prony_core::{
    BoxFuture, Clock, Driver, DriverWorker, Exchange, FailureKind, GroupId, IterationEnd, Journey,
    JourneyWorker, Journeys, Marks, Meter, Outcome, Seat, Session, Settled, SetupError, Spans, Start, StepId,
    Timestamp, Traced,
};
use prony_plugin_host::{Functions, FunctionsWorker};
use send_wrapper::SendWrapper;

use self::effects::Cause;
use crate::check::{Answer, Conditions, evaluate};
use crate::data::{DataSource, Fed, Feeder};
use crate::program::{Condition, OnFailure, Operation, Phase, Program, Request};

/// A scenario's journeys: once a run.
pub(crate) struct PlanJourneys {
    pub(crate) program: Arc<Program>,
    pub(crate) drivers: Vec<Arc<dyn Driver>>,
    pub(crate) sources: Vec<Source>,
    /// The variables' first values.
    pub(crate) values: Arc<[Option<String>]>,
    /// Functions of plugins that steps use.
    pub(crate) functions: Option<Functions>,
}

/// A data source that templates of the scenario use, with the variable of each column used.
pub(crate) struct Source {
    pub(crate) source: Arc<DataSource>,
    pub(crate) variables: Vec<Option<usize>>,
}

impl Journeys for PlanJourneys {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        let feeders = self
            .sources
            .iter()
            .map(|source| (Feeder::new(Arc::clone(&source.source), seat), source.variables.clone()));
        let functions = self.functions.as_ref().map(|functions| functions.worker(seat));
        Ok(Box::new(PlanWorker {
            program: Arc::clone(&self.program),
            drivers: self.drivers.iter().map(|driver| driver.worker(seat)).collect::<Result<_, _>>()?,
            feeders: SendWrapper::new(Rc::new(RefCell::new(feeders.collect()))),
            values: Arc::clone(&self.values),
            functions: SendWrapper::new(Rc::new(functions)),
        }))
    }

    fn apart(&self) -> bool {
        self.functions.is_some()
    }
}

/// A request that fails without an answer within this time has failed at once: nobody listens, or there is no connection.
const AT_ONCE: Duration = Duration::from_millis(1);
/// The pause of a user whose request has failed at once.
const BREATH: Duration = Duration::from_millis(10);

/// With the variable of each column that is used.
type Feeders = SendWrapper<Rc<RefCell<Vec<(Feeder, Vec<Option<usize>>)>>>>;

type SharedFunctions = SendWrapper<Rc<Option<FunctionsWorker>>>;

/// A worker's part.
struct PlanWorker {
    program: Arc<Program>,
    drivers: Vec<Box<dyn DriverWorker>>,
    feeders: Feeders,
    values: Arc<[Option<String>]>,
    functions: SharedFunctions,
}

impl JourneyWorker for PlanWorker {
    fn user(&mut self, seat: Seat) -> Box<dyn Journey> {
        Box::new(PlanJourney {
            sessions: self.drivers.iter_mut().map(|driver| driver.session(&seat)).collect(),
            counters: vec![0; self.program.loops].into_boxed_slice(),
            done_once: vec![false; self.program.onces].into_boxed_slice(),
            beats: vec![(Timestamp::default(), 0); self.program.beats].into_boxed_slice(),
            causes: vec![None; self.program.causes].into_boxed_slice(),
            noticed: vec![0; self.program.requests.len()].into_boxed_slice(),
            program: Arc::clone(&self.program),
            feeders: self.feeders.clone(),
            values: self.values.to_vec().into_boxed_slice(),
            initial: Arc::clone(&self.values),
            functions: self.functions.clone(),
            groups: Vec::new(),
            spans: Spans::default(),
            failed_at_once: false,
            hopeless: None,
            seat,
        })
    }
}

/// One user.
struct PlanJourney {
    program: Arc<Program>,
    sessions: Box<[Box<dyn Session>]>,
    feeders: Feeders,
    values: Box<[Option<String>]>,
    /// What the variables are before anything is captured.
    initial: Arc<[Option<String>]>,
    functions: SharedFunctions,
    counters: Box<[u64]>,
    /// By `once`: whether its steps have been done.
    done_once: Box<[bool]>,
    /// By `every`: when its next beat is due, and how many there were.
    beats: Box<[(Timestamp, u64)]>,
    /// When causes were due and sent, those of this iteration.
    causes: Box<[Option<Cause>]>,
    /// By request: the kinds of failure told already, as bits.
    noticed: Box<[u32]>,
    groups: Vec<OpenGroup>,
    /// Of its iteration's trace.
    spans: Spans,
    /// The last request failed without an answer and without having taken any time.
    failed_at_once: bool,
    /// Why the run is pointless.
    hopeless: Option<String>,
    seat: Seat,
}

/// A group the user is within.
struct OpenGroup {
    group: GroupId,
    began: Timestamp,
    failed: bool,
}

/// How a request ended for its iteration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Passed,
    Failed,
    /// The run is pointless; why is in the journey.
    Hopeless,
}

impl Journey for PlanJourney {
    fn iterate(&mut self, start: Start) -> BoxFuture<'_, IterationEnd> {
        Box::pin(self.walk(start))
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        // Who comes back begins anew: its connections are gone.
        self.done_once.fill(false);
        Box::pin(async {
            // Each sees through what it has under way; at once, for together they have the time of one.
            let mut leaving: Vec<_> = self.sessions.iter_mut().map(|session| Some(session.leave())).collect();
            std::future::poll_fn(|context| {
                let mut all = Poll::Ready(());
                for one in &mut leaving {
                    match one.as_mut().map(|future| future.as_mut().poll(context)) {
                        Some(Poll::Pending) => all = Poll::Pending,
                        Some(Poll::Ready(())) => *one = None,
                        None => {}
                    }
                }
                all
            })
            .await;
        })
    }
}

impl PlanJourney {
    async fn walk(&mut self, start: Start) -> IterationEnd {
        self.spans.begin(start.trace);
        if let Some(end) = self.begin() {
            return end;
        }
        let program = Arc::clone(&self.program);
        let mut now = start.intended;
        let mut at = 0;
        while let Some(operation) = program.operations.get(at) {
            at += 1;
            match operation {
                Operation::Request(number) => {
                    let request = &program.requests[*number];
                    let (step, ended) = self.request(request, *number, &start, now).await;
                    now = ended;
                    if step == Step::Hopeless {
                        return IterationEnd::Fatal(self.hopeless.take().unwrap_or_default());
                    }
                    if step == Step::Failed && self.failed(request.on_failure, now).await {
                        return IterationEnd::Failed;
                    }
                }
                Operation::Think(think) => {
                    let pause = think.sample(&mut self.seat.random);
                    tokio::time::sleep(pause).await;
                    // The timer is late by up to 2 ms; that is no fault of the target.
                    now = self.seat.clock.now();
                }
                Operation::Once { number, end } => {
                    if self.done_once[*number] {
                        at = *end;
                    }
                }
                Operation::OnceDone(number) => self.done_once[*number] = true,
                Operation::Stay { at_most, on_failure } => {
                    let (step, ended) = self.stay(*at_most, &start, now).await;
                    now = ended;
                    if step == Step::Failed && self.failed(*on_failure, now).await {
                        return IterationEnd::Failed;
                    }
                }
                Operation::EveryBegin { beat, end } => {
                    let phase = match beat.phase {
                        Phase::Start => 0.0,
                        Phase::Random => self.seat.random.unit(),
                    };
                    // From when it was due, not from when it came to be done.
                    self.beats[beat.number] = (now + beat.period.mul_f64(phase), 0);
                    if self.beat(beat, &start).await {
                        now = self.beats[beat.number].0;
                    } else {
                        now = self.seat.clock.now();
                        at = *end;
                    }
                }
                Operation::EveryEnd { beat, body } => {
                    let (due, done) = &mut self.beats[beat.number];
                    *due = *due + beat.period;
                    *done += 1;
                    tokio::task::coop::consume_budget().await;
                    if beat.times.is_none_or(|times| self.beats[beat.number].1 < times)
                        && self.beat(beat, &start).await
                    {
                        now = self.beats[beat.number].0;
                        at = *body;
                    } else {
                        now = self.seat.clock.now();
                    }
                }
                Operation::LoopBegin { counter, times, end } => {
                    self.counters[*counter] = *times;
                    if *times == 0 {
                        at = *end;
                    }
                }
                Operation::LoopEnd { counter, body } => {
                    // A loop that never waits must not keep the other users from running.
                    tokio::task::coop::consume_budget().await;
                    self.counters[*counter] -= 1;
                    if self.counters[*counter] > 0 {
                        at = *body;
                    }
                }
                Operation::Branch { condition, otherwise } => {
                    if !self.holds(condition, &start) {
                        at = *otherwise;
                    }
                }
                Operation::Jump(to) => at = *to,
                Operation::Choose(addresses) => {
                    let total = addresses.last().map_or(1, |(total, _)| *total);
                    let drawn = self.seat.random.below(total);
                    let chosen = addresses.iter().find(|(up_to, _)| drawn < *up_to);
                    at = chosen.map_or(at, |(_, address)| *address);
                }
                Operation::GroupBegin(group) => {
                    self.groups.push(OpenGroup { group: *group, began: now, failed: false });
                }
                Operation::GroupEnd => self.end_group(now),
            }
        }
        IterationEnd::Complete
    }

    /// A step has failed; whether that ends the iteration.
    async fn failed(&mut self, on_failure: OnFailure, now: Timestamp) -> bool {
        if self.failed_at_once {
            // Without a pause a closed load would do nothing else, and count nothing but that.
            tokio::time::sleep(BREATH).await;
        }
        self.groups.iter_mut().for_each(|group| group.failed = true);
        if on_failure == OnFailure::EndIteration {
            while !self.groups.is_empty() {
                self.end_group(now);
            }
        }
        on_failure == OnFailure::EndIteration
    }

    /// Forgets the iteration before and takes new rows.
    fn begin(&mut self) -> Option<IterationEnd> {
        self.groups.clear();
        self.causes.fill(None);
        for request in &self.program.requests {
            for capture in &request.captures {
                self.values[capture.variable].clone_from(&self.initial[capture.variable]);
            }
            for function in [&request.generate, &request.validate].into_iter().flatten() {
                for variable in &function.sets {
                    self.values[*variable].clone_from(&self.initial[*variable]);
                }
            }
        }
        for (feeder, variables) in self.feeders.borrow_mut().iter_mut() {
            match feeder.feed(variables, self.seat.user, &mut self.seat.random, &mut self.values) {
                Fed::Row => {}
                Fed::Ended => return Some(IterationEnd::OutOfData),
                Fed::Failed(problem) => return Some(IterationEnd::Fatal(problem)),
            }
        }
        self.sessions.iter_mut().for_each(|session| session.begin_iteration());
        None
    }

    fn end_group(&mut self, now: Timestamp) {
        if let Some(open) = self.groups.pop() {
            self.seat.meter.group(open.group, open.began, now, open.failed);
        }
    }

    fn holds(&mut self, condition: &Condition, start: &Start) -> bool {
        let wall = wall(start, self.seat.clock.now());
        let mut scope = Scope {
            values: &self.values,
            user: self.seat.user,
            iteration: start.iteration,
            random: &mut self.seat.random,
            wall,
            message: None,
            filter: None,
            trace: None,
        };
        let mut left = String::new();
        let known = condition.left.render(&mut scope, Escape::None, &mut left).is_ok();
        let comparison = condition.comparison.filled(&mut scope);
        comparison.is_ok_and(|comparison| comparison.holds(known.then_some(left.as_str())))
    }

    async fn request(
        &mut self,
        request: &Request,
        number: usize,
        start: &Start,
        due: Timestamp,
    ) -> (Step, Timestamp) {
        let (message, due) = match self.generate(request, start, due) {
            Ok(made) => made,
            Err((problem, now)) => return self.not_made(request, number, problem, due, now),
        };
        if let Some(missing) = effects::missing_cause(request, &self.causes) {
            let now = self.seat.clock.now();
            return (self.not_begun(request, number, (FailureKind::Request, missing), due, now), now);
        }
        let trace = self.spans.next_request();
        let flight = InFlight::new(&self.seat.meter, self.seat.clock, request.id, due, trace);
        let mut scope = Scope {
            values: &self.values,
            user: self.seat.user,
            iteration: start.iteration,
            random: &mut self.seat.random,
            wall: wall(start, due),
            message: message.as_ref(),
            filter: None,
            trace,
        };
        let conditions = match Conditions::filled(&request.conditions, &mut scope) {
            Ok(conditions) => conditions,
            Err(_) => {
                flight.landed();
                let story =
                    "`where`: a variable has no value yet: nothing was captured into it before this step";
                let (now, why) = (self.seat.clock.now(), (FailureKind::Request, story.to_owned()));
                return (self.not_begun(request, number, why, due, now), now);
            }
        };
        if !request.conditions.is_empty() {
            scope.filter = Some(&conditions);
        }
        let asked = self.seat.clock.now();
        let session = &mut self.sessions[request.driver];
        let mut exchange = session.perform(request.index, &mut scope, due).await;
        flight.landed();
        // The session has taken it away where the plan has a `traceparent` of its own.
        exchange.outcome.trace = scope.trace;
        let mut ended = exchange.outcome.finished;
        if let Some(cause) = request.cause {
            self.causes[cause] = Some(Cause::of(&exchange.outcome));
        }
        effects::count_from_cause(request, &self.causes, session.reply(), &mut exchange.outcome);
        let mut marks = Marks::default();
        if !request.checks.is_empty() || !request.captures.is_empty() {
            let outcome = exchange.outcome;
            let mut answer = Answer::new(&outcome, session.reply());
            marks = evaluate(&request.checks, &mut answer, &mut scope);
            // Only the first failure of a kind is told.
            let (noticed, failed) = (self.noticed[number], outcome.failure.is_some());
            let tells = |kind| !failed && noticed & notice_bit(kind) == 0;
            let mut failure = (!marks.all_passed()).then(|| {
                let story = || failed_checks(request, marks, &mut answer, &mut scope);
                (FailureKind::Check, tells(FailureKind::Check).then(story))
            });
            if outcome.status.is_some() {
                for capture in &request.captures {
                    let found = capture.find(&mut answer);
                    if found.is_none() && failure.is_none() {
                        let story = || format!("nothing found for `{}`", capture.name);
                        failure = Some((FailureKind::Capture, tells(FailureKind::Capture).then(story)));
                    }
                    self.values[capture.variable] = found;
                }
            }
            if let (None, Some((kind, story))) = (exchange.outcome.failure, failure) {
                exchange.outcome.failure = Some(kind);
                exchange.detail = story.map(Into::into).or(exchange.detail);
            }
        }
        // What a plugin takes for its judgement is in no latency, not even in the next request's.
        if request.validate.is_some() {
            match self.validate(request, start, &mut exchange, &mut marks) {
                Ok(spent) => ended = ended + spent,
                Err(hopeless) => self.hopeless = Some(hopeless),
            }
        }
        if exchange.settled == Settled::Now {
            self.seat.meter.request(request.id, &exchange.outcome, marks);
        }
        let outcome = &exchange.outcome;
        let began = outcome.sent.unwrap_or(outcome.intended).max(asked);
        self.failed_at_once =
            outcome.failure.is_some() && outcome.status.is_none() && outcome.finished - began < AT_ONCE;
        let step = match exchange.outcome.failure {
            _ if self.hopeless.is_some() => Step::Hopeless,
            None => Step::Passed,
            Some(kind) => {
                self.tell(request, number, kind, &exchange);
                Step::Failed
            }
        };
        (step, ended)
    }

    /// Tells the first failure of a kind.
    fn tell(&mut self, request: &Request, number: usize, kind: FailureKind, exchange: &Exchange) {
        let bit = notice_bit(kind);
        if self.noticed[number] & bit == 0 {
            self.noticed[number] |= bit;
            // A status speaks for itself, so protocols make no text of it for each request.
            let status = || exchange.outcome.status.map(|status| format!("the answer has status {status}"));
            let told = || exchange.detail.as_deref().map(str::to_owned).or_else(status);
            let text = || {
                let told = told().unwrap_or_else(|| "no more is known".to_owned());
                format!("{}: {}: {told}", request.name, kind.name())
            };
            self.seat.meter.notice(self.seat.scenario, &format!("{number}:{}", kind.name()), &text);
        }
    }
}

/// A kind's place among the notices given.
const fn notice_bit(kind: FailureKind) -> u32 {
    1 << (kind as u32)
}

/// The checks that did not hold, as people wrote them, and what was found instead.
fn failed_checks(request: &Request, marks: Marks, answer: &mut Answer<'_>, scope: &mut Scope<'_>) -> String {
    let failed =
        (0..request.checks.len()).filter(|index| (marks.evaluated & !marks.passed) >> index & 1 == 1);
    let texts: Vec<String> = failed.map(|index| request.checks[index].story(answer, scope)).collect();
    format!("did not hold: {}", texts.join(", "))
}

fn wall(start: &Start, now: Timestamp) -> Duration {
    start.wall_origin + Duration::from_nanos(now.as_nanos())
}

/// A request under way. Dropped before it has landed, it is recorded as cut off.
struct InFlight {
    meter: Option<Meter>,
    clock: Clock,
    step: StepId,
    due: Timestamp,
    trace: Option<Traced>,
}

impl InFlight {
    fn new(meter: &Meter, clock: Clock, step: StepId, due: Timestamp, trace: Option<Traced>) -> Self {
        Self { meter: Some(meter.clone()), clock, step, due, trace }
    }

    fn landed(mut self) {
        self.meter = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(meter) = self.meter.take() {
            let outcome = Outcome {
                finished: self.clock.now(),
                failure: Some(FailureKind::Cut),
                ..Outcome::due(self.due).traced(self.trace)
            };
            meter.request(self.step, &outcome, Marks::default());
        }
    }
}
