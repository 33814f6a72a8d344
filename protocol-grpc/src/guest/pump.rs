//! How a guest's stream comes about, and the task that takes what comes on it until its end.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use prony_core::{Exchange, Outcome, Phase, Scope, Settled, Timestamp};
use prony_transport::Deadline;
use prony_transport::h2::H2Connection;
use send_wrapper::SendWrapper;

use super::stream::{Ended, GuestStream, Inner, OnEnd, SharedInner, State, Timed, Wish};
use super::user::{Asked, GuestUser, Trouble};
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::reply::Kept;
use crate::session::{
    Begun, Done, Event, Expected, Failure, Fault, Incoming, Lent, Line, Open, Way, begin, judge, sent_away,
};
use crate::wire::frame::HEAD;

/// What may wait for the guest, in messages and in bytes: then nothing more is taken, and flow control holds the server back.
const MOST_WAITING: usize = 16;
const MOST_HELD: usize = 16 * 1024;

/// A stream in the making.
pub(super) struct Opening<'a> {
    pub(super) user: &'a GuestUser,
    pub(super) asked: Asked,
    /// What results call it.
    pub(super) name: String,
    pub(super) due: Timestamp,
    pub(super) on_end: OnEnd,
}

impl Opening<'_> {
    /// Opens it.
    ///
    /// # Errors
    /// When there is no stream to be had; `on_end` has been told.
    pub(super) async fn open(self, scope: &mut Scope<'_>) -> Result<GuestStream, Trouble> {
        let Self { user, asked, name, due, on_end } = self;
        let part = Arc::clone(&user.part);
        let mut outcome = Outcome::due(due);
        let mut deadline = Deadline::default();
        let ends = part.clock.now() + asked.wishes.timeout;
        deadline.set(ends);
        let mut way = Way { part: &part, deadline: &mut deadline, outcome: &mut outcome };
        match begin_call(user, &asked, &mut way, ends, scope).await {
            Ok((line, begun)) => {
                let open = Open::new(Arc::clone(&part));
                let inner: SharedInner = SendWrapper::new(Rc::new(Inner {
                    known: Arc::clone(&asked.known),
                    stream: RefCell::new(begun.stream),
                    state: RefCell::new(State::default()),
                    timed: Timed { name, step: OnceCell::new() },
                    part: Arc::clone(&part),
                }));
                let pump = Pump {
                    inner: inner.clone(),
                    incoming: Incoming::new(begun.response, part.compiled.settings.max_message),
                    line,
                    deadline,
                    outcome,
                    expected: asked.wishes.expected,
                    began: begun.at,
                    head_at: None,
                    metadata: HeaderMap::new(),
                    received: 0,
                    on_end,
                    _open: open,
                };
                tokio::spawn(pump.run());
                Ok(GuestStream::new(inner))
            }
            Err(failure) => {
                let mut kept = Kept::default();
                let (expected, kind) = (Expected::NONE, failure.kind);
                let judged = judge(Err(failure), expected, &part, &mut kept, &mut outcome, &|_| true);
                let detail = judged.err().flatten();
                outcome.finished = part.clock.now();
                let story = detail.clone().unwrap_or_else(|| "there is no stream".into());
                on_end(&Exchange { outcome, detail, settled: Settled::Now });
                Err(Trouble { kind, story })
            }
        }
    }
}

/// Sends a call's head on a connection of its user's.
async fn begin_call(
    user: &GuestUser,
    asked: &Asked,
    way: &mut Way<'_>,
    ends: Timestamp,
    scope: &mut Scope<'_>,
) -> Result<(Line, Begun), Failure> {
    let mut line = Lent::Together(&user.lines).next(way).await?;
    let part = way.part;
    let number = line.backend();
    let origin = part.compiled.backends[number].origin_number;
    let left = ends - part.clock.now();
    let request = asked.known.step.head.request(origin, left, scope).map_err(Failure::request)?;
    part.tallies.called(number);
    let connection = connection(&mut line)?;
    match begin(connection, request, way, &|_| {}).await {
        Ok(begun) => Ok((line, begun)),
        Err(fault) => Err(settle(fault, connection, part)),
    }
}

fn connection(line: &mut Line) -> Result<&mut H2Connection, Failure> {
    match line {
        Line::Common(_, connection) => Ok(connection),
        Line::Shared(_, lease) => Ok(&mut lease.connection),
        Line::Own(_) => Err(Failure::no_connection()),
    }
}

/// What a fault is, seen from its connection.
fn settle(fault: Fault, connection: &H2Connection, part: &WorkerPart) -> Failure {
    let failure = fault.settle(connection);
    if failure.kind == prony_core::FailureKind::GoAway {
        sent_away(connection, part);
    }
    failure
}

/// A stream's receiving half, and its figures.
struct Pump {
    inner: SharedInner,
    incoming: Incoming,
    line: Line,
    deadline: Deadline,
    outcome: Outcome,
    expected: Expected,
    began: Timestamp,
    head_at: Option<Timestamp>,
    metadata: HeaderMap,
    received: u64,
    on_end: OnEnd,
    /// It counts as open.
    _open: Open<Arc<WorkerPart>>,
}

impl Pump {
    async fn run(mut self) {
        let result = std::future::poll_fn(|context| self.poll(context)).await;
        let part = Arc::clone(&self.inner.part);
        let is_over = matches!(result, Ok(Done::Said(_)));
        let result = match (result, connection(&mut self.line)) {
            (Ok(done), _) => Ok(done),
            (Err(fault), Ok(connection)) => Err(settle(fault, connection, &part)),
            (Err(Fault::Failed(failure)), Err(_)) => Err(failure),
            (Err(Fault::Http2(_)), Err(none)) => Err(none),
        };
        let (sent, first, bytes, finished) = {
            let state = self.inner.state.borrow();
            (state.sent, state.first, state.bytes, state.finished)
        };
        if !(is_over && finished) {
            self.inner.stream.borrow_mut().send_reset(h2::Reason::CANCEL);
        }
        let outcome = &mut self.outcome;
        outcome.finished = part.clock.now();
        outcome.traffic.sent += bytes;
        outcome.traffic.received += self.incoming.fields_length;
        if let Some(first) = first {
            outcome.phases.set(Phase::Send, first.nanos_since(self.began));
        }
        if let Some(head) = self.head_at {
            let since = first.filter(|first| *first <= head).unwrap_or(self.began);
            outcome.phases.set(Phase::Wait, head.nanos_since(since));
            outcome.phases.set(Phase::Receive, outcome.finished.nanos_since(head));
        }
        let mut kept = Kept { fields: true, ..Kept::default() };
        let judged = judge(result, self.expected, &part, &mut kept, outcome, &|_| true);
        let detail = judged.err().flatten();
        let exchange = Exchange { outcome: *outcome, detail, settled: Settled::Now };
        (self.on_end)(&exchange);
        let (metadata, trailers) = (self.metadata, kept.trailers);
        let ended = Ended { exchange, metadata, trailers, received: self.received, sent };
        let mut state = self.inner.state.borrow_mut();
        count(&part.tallies.unanswered, state.asked.waiting() as u64);
        state.end = Some(Rc::new(ended));
        state.wish = None;
        state.tell();
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Done, Fault>> {
        let clock = self.inner.part.clock;
        let mut state = self.inner.state.borrow_mut();
        match &mut state.task {
            Some(task) => task.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        match state.wish.take() {
            Some(Wish::Cancel) => return Poll::Ready(Ok(Done::Cancelled)),
            Some(Wish::Fail(failure)) => return Poll::Ready(Err(failure.into())),
            None => {}
        }
        while state.drains || state.inbox.len() < MOST_WAITING && state.held < MOST_HELD {
            match self.incoming.poll(context) {
                Poll::Pending => break,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Ready(Ok(Event::End(said))) => return Poll::Ready(Ok(Done::Said(said))),
                Poll::Ready(Ok(Event::Head(headers))) => {
                    self.head_at = Some(clock.now());
                    self.metadata = headers;
                }
                Poll::Ready(Ok(Event::Message(message, length))) => {
                    self.received += 1;
                    count(&self.inner.part.tallies.messages_received, 1);
                    self.outcome.body_bytes += length as u64;
                    self.outcome.traffic.received += (length + HEAD) as u64;
                    if !state.drains {
                        state.held += message.len();
                        state.inbox.push_back((message, clock.now()));
                        state.tell();
                    }
                }
            }
        }
        drop(state);
        let late = || Fault::from(Failure::timeout("the stream did not end"));
        self.deadline.poll_expired(context, &clock).map(|()| Err(late()))
    }
}
