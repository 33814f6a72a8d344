//! A user's gRPC: making a step's call, getting a connection, exchanging, judging.

mod backoff;
mod call;
mod channel;
mod failure;
mod incoming;
mod lines;
mod matching;
mod pool;
mod sending;

use std::sync::Arc;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Reply, Scope, Session, Settled, StepIndex, Timestamp,
};
use prony_transport::Deadline;
use prost::Message;

use crate::config::Policy;
use crate::driver::WorkerPart;
use crate::message;
use crate::metrics::count;
use crate::reply::Kept;
use crate::step::Step;
use crate::wire::Code;
use call::{Desk, Done, exchange, exchange_alone};
use lines::{Line, Lines};

pub(crate) use backoff::Backoff;
pub(crate) use channel::SMALL_FRAMES;
pub(crate) use failure::{Failure, Fault};
pub(crate) use incoming::{Event, Incoming};
pub(crate) use pool::Pool;

/// One user's gRPC.
pub(crate) struct GrpcSession {
    part: Arc<WorkerPart>,
    lines: Lines,
    kept: Kept,
    deadline: Deadline,
    /// Where messages are made.
    buffer: Vec<u8>,
}

/// How often a call is sent once more because the server did not begin with it.
const MOST_REPEATS: usize = 4;

impl GrpcSession {
    pub(crate) fn new(part: Arc<WorkerPart>, user: u32) -> Self {
        Self {
            part,
            lines: Lines::new(user),
            kept: Kept::default(),
            deadline: Deadline::default(),
            buffer: Vec::new(),
        }
    }

    async fn run(&mut self, index: StepIndex, scope: &mut Scope<'_>, intended: Timestamp) -> Exchange {
        let part = Arc::clone(&self.part);
        let number = index.0 as usize;
        let step = &part.compiled.steps[number];
        let mut outcome = Outcome::due(intended);
        let ends = part.clock.now() + step.timeout;
        self.deadline.set(ends);
        self.kept.begin(step.keep.fields, step.keep.body || step.must_serve);
        let Self { lines, kept, deadline, buffer, .. } = self;
        let mut desk = Desk { part: &part, step, kept, deadline, outcome: &mut outcome, scope, buffer };
        let done = attempt(&mut desk, lines, ends).await;
        let detail = self.judge(number, step, &part, done, &mut outcome);
        if outcome.finished <= intended {
            outcome.finished = part.clock.now();
        }
        Exchange { outcome, detail, settled: Settled::Now }
    }

    /// What the end means; why it is a failure, if it is one and has not been told.
    fn judge(
        &mut self,
        number: usize,
        step: &Step,
        part: &WorkerPart,
        done: Result<Done, Failure>,
        outcome: &mut Outcome,
    ) -> Option<Box<str>> {
        match done {
            Ok(Done::Said(said)) => {
                part.tallies.said(said.status);
                outcome.status = Some(said.status);
                let is_ok = said.status == 0;
                let story = (!is_ok && part.is_news(number, said.status)).then(|| said.story().into());
                if self.kept.fields {
                    self.kept.trailers = said.trailers;
                }
                if !is_ok {
                    outcome.failure = (!step.judges_status).then_some(FailureKind::Status);
                    return story;
                }
            }
            Ok(Done::Cancelled) => {
                part.tallies.made(Code::Cancelled);
                outcome.status = Some(Code::Cancelled.number());
            }
            Err(failure) => {
                part.tallies.made(failure.code);
                if failure.kind == FailureKind::Reset {
                    count(&part.tallies.resets, 1);
                }
                if failure.shows_code {
                    outcome.status = Some(failure.code.number());
                    outcome.failure = (!step.judges_status).then_some(failure.kind);
                } else {
                    outcome.failure = Some(failure.kind);
                }
                return Some(failure.detail);
            }
        }
        match self.read_last(step) {
            Ok(()) => None,
            Err((kind, text)) => {
                outcome.failure = Some(kind);
                Some(text.into())
            }
        }
    }

    /// Makes of the last message what somebody asked for.
    fn read_last(&mut self, step: &Step) -> Result<(), (FailureKind, String)> {
        let Some(last) = self.kept.last.take() else { return Ok(()) };
        let no_message = |text: String| (FailureKind::Protocol, format!("the answer cannot be read: {text}"));
        if step.keep.body {
            let message = message::decode(&last, &step.method.output).map_err(no_message)?;
            self.kept.json = message::to_json(&message);
        } else if step.must_serve {
            let health = Health::decode(last).map_err(|error| no_message(error.to_string()))?;
            if health.status != SERVING {
                let names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
                let name = usize::try_from(health.status).ok().and_then(|number| names.get(number).copied());
                let text = format!("the server says {}", name.unwrap_or("something that it never should"));
                return Err((FailureKind::Status, text));
            }
        }
        Ok(())
    }
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, Copy, PartialEq, Message)]
struct Health {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

/// A call. It is sent again only when the server goes away and says that it has not begun with it; any other end is a failure of
/// the target, which a second try would hide.
async fn attempt(desk: &mut Desk<'_, '_>, lines: &mut Lines, ends: Timestamp) -> Result<Done, Failure> {
    let compression = desk.part.compiled.settings.compression;
    let mut first = sending::make(desk.step, 0, compression, desk.scope, desk.buffer)?;
    for _ in 0..MOST_REPEATS {
        let again = first.clone();
        match once(desk, lines, first, ends).await {
            Err(failure) if failure.unprocessed => first = again,
            other => return other,
        }
    }
    once(desk, lines, first, ends).await
}

async fn once(
    desk: &mut Desk<'_, '_>,
    lines: &mut Lines,
    first: sending::Outgoing,
    ends: Timestamp,
) -> Result<Done, Failure> {
    let mut line = lines.next(desk).await?;
    let part = desk.part;
    let (Line::Own(number) | Line::Shared(number, _)) = &line;
    let number = *number;
    let backend = &part.compiled.backends[number];
    let left = ends - part.clock.now();
    let request =
        desk.step.head.request(backend.origin_number, left, desk.scope).map_err(Failure::request)?;
    part.tallies.called(number);
    let (result, connection) = match &mut line {
        Line::Own(_) => {
            let Some(connection) = lines.own(number) else {
                return Err(Failure::request("there is no connection"));
            };
            (exchange_alone(connection, request, first, desk).await, &*connection)
        }
        Line::Shared(_, lease) => {
            (exchange(&mut lease.connection, request, first, desk).await, &lease.connection)
        }
    };
    if matches!(&result, Err(failure) if failure.kind == FailureKind::GoAway) {
        channel::sent_away(connection, part);
    }
    result
}

impl Session for GrpcSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        Box::pin(self.run(step, scope, intended))
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {
        if self.part.compiled.settings.policy == Policy::PerIteration {
            self.lines.let_go();
        }
    }
}
