//! A user's gRPC: making a step's call, getting a connection, exchanging, judging.

mod backoff;
mod call;
mod channel;
mod failure;
mod incoming;
mod judge;
mod lines;
mod matching;
mod pool;
mod sending;
mod streams;

use std::sync::Arc;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Reply, Scope, Session, Settled, StepIndex, Timestamp,
};
use prony_transport::Deadline;
use prost::Message;

use crate::config::Policy;
use crate::driver::{Action, WorkerPart};
use crate::message;
use crate::reply::Kept;
use crate::step::Step;
use crate::stream::OpenStream;
use call::{Call, exchange, exchange_alone};

pub(crate) use backoff::Backoff;
pub(crate) use call::{Begun, Desk, Done, Open, begin};
pub(crate) use channel::{SMALL_FRAMES, Way, sent_away};
pub(crate) use failure::{Failure, Fault};
pub(crate) use incoming::{Event, Incoming};
pub(crate) use judge::{Expected, judge};
pub(crate) use lines::{Lent, Line, Lines};
pub(crate) use matching::{Matching, SentAt, answered};
pub(crate) use pool::Pool;
pub(crate) use sending::DIRECT;

/// One user's gRPC.
pub(crate) struct GrpcSession {
    part: Arc<WorkerPart>,
    lines: Lines,
    kept: Kept,
    deadline: Deadline,
    /// Where messages are made.
    buffer: Vec<u8>,
    /// Streams that stay open, by their numbers.
    streams: Vec<Option<OpenStream>>,
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
            streams: Vec::new(),
        }
    }

    async fn run(&mut self, index: StepIndex, scope: &mut Scope<'_>, intended: Timestamp) -> Exchange {
        let part = Arc::clone(&self.part);
        let number = index.0 as usize;
        let step = match &part.compiled.steps[number] {
            Action::Call(step) => step,
            Action::Stream(step) => return Box::pin(self.take_step(step, scope, intended)).await,
        };
        let mut outcome = Outcome::due(intended);
        let ends = part.clock.now() + step.timeout;
        self.deadline.set(ends);
        self.kept.begin(step.keep.fields, step.keep.body || step.must_serve);
        let Self { lines, kept, deadline, buffer, .. } = self;
        let mut desk = Desk { part: &part, step, kept, deadline, outcome: &mut outcome, scope, buffer };
        let done = attempt(&mut desk, &mut Lent::Alone(lines), ends).await;
        let expected = if step.judges_status { Expected::ANY } else { Expected::OK };
        let is_news = |status| part.is_news(number, status);
        let detail = match judge(done, expected, &part, kept, &mut outcome, &is_news) {
            Err(story) => {
                // What came before a status that is not OK is there to be looked at; that it cannot be read does not matter then.
                let _ = self.read_last(step);
                story
            }
            Ok(()) => self.read_last(step).err().map(|(kind, text)| {
                outcome.failure = Some(kind);
                text.into()
            }),
        };
        self.kept.last = None;
        if outcome.finished <= intended {
            outcome.finished = part.clock.now();
        }
        Exchange { outcome, detail, settled: Settled::Now }
    }

    /// Makes of the last message what somebody asked for.
    fn read_last(&mut self, step: &Step) -> Result<(), (FailureKind, String)> {
        let Some(last) = self.kept.last.take() else { return Ok(()) };
        let no_message = |text: String| (FailureKind::Protocol, format!("the answer cannot be read: {text}"));
        if let Some(output) = step.output.as_ref().filter(|_| step.keep.body) {
            let message = message::decode(&last, output).map_err(no_message)?;
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
pub(crate) async fn attempt(
    desk: &mut Desk<'_, '_>,
    lines: &mut Lent<'_>,
    ends: Timestamp,
) -> Result<Done, Failure> {
    let mut first = sending::make(desk.step, 0, desk.scope, desk.buffer)?;
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
    lines: &mut Lent<'_>,
    first: sending::Outgoing,
    ends: Timestamp,
) -> Result<Done, Failure> {
    let mut line = lines.next(&mut desk.way()).await?;
    let part = desk.part;
    let number = line.backend();
    let call = Call { origin: part.compiled.backends[number].origin_number, ends };
    part.tallies.called(number);
    let (result, connection) = match (&mut line, lines) {
        (Line::Own(_), Lent::Alone(lines)) => {
            let Some(connection) = lines.own(number) else { return Err(Failure::no_connection()) };
            (exchange_alone(connection, call, first, desk).await, &*connection)
        }
        (Line::Own(_), Lent::Together(_)) => return Err(Failure::no_connection()),
        (Line::Common(_, connection), _) => (exchange(connection, call, first, desk).await, &*connection),
        (Line::Shared(_, lease), _) => {
            (exchange(&mut lease.connection, call, first, desk).await, &lease.connection)
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
            self.streams.clear();
            self.lines.let_go();
        }
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.close_all())
    }
}
