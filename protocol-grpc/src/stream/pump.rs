//! How a stream comes about, and the task that takes what comes on it until its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use prony_core::{Exchange, Marks, Outcome, Phase, Scope, Settled, StepId, Timestamp};
use prony_transport::Deadline;
use prony_transport::h2::H2Connection;
use send_wrapper::SendWrapper;

use super::{Ended, Inbox, Inner, Keeping, OnEnd, OpenStream, SharedInner, State, Wish};
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::reply::Kept;
use crate::session::{
    Begun, Done, Event, Expected, Failure, Fault, Incoming, Lent, Line, Matching, Open, Way, answered, begin,
    judge, sent_away,
};
use crate::step::{Head, Keys};
use crate::wire::frame::HEAD;

/// What is measured of a stream's messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measures {
    /// From when the stream was due to its first message.
    pub(crate) first: Option<StepId>,
    /// From when a message was due to its answer, and how the answer is known.
    pub(crate) message: Option<(StepId, Arc<Keys>)>,
}

/// A stream in the making.
pub(crate) struct Opening<'a> {
    pub(crate) part: &'a Arc<WorkerPart>,
    pub(crate) lines: Lent<'a>,
    pub(crate) head: &'a Head,
    pub(crate) due: Timestamp,
    /// Until when there must be a stream.
    pub(crate) begins: Timestamp,
    /// Until when it may last, where that is limited: the server is told.
    pub(crate) ends: Option<Timestamp>,
    pub(crate) keeping: Keeping,
    pub(crate) measures: Measures,
    /// Its user tells which answer belongs to which message.
    pub(crate) is_told_answers: bool,
    pub(crate) expected: Expected,
}

/// A stream whose head is out.
pub(crate) struct Opened {
    inner: SharedInner,
    pump: Pump,
}

impl Opening<'_> {
    /// Opens it.
    ///
    /// # Errors
    /// When there is no stream to be had: what came of it.
    pub(crate) async fn open(mut self, scope: &mut Scope<'_>) -> Result<Opened, Exchange> {
        let mut outcome = Outcome::due(self.due);
        let mut deadline = Deadline::default();
        deadline.set(self.begins);
        match self.begin(&mut deadline, &mut outcome, scope).await {
            Ok((line, begun)) => Ok(self.opened(line, begun, outcome.traced(scope.trace))),
            Err(failure) => {
                let mut kept = Kept::default();
                let judged =
                    judge(Err(failure), Expected::NONE, self.part, &mut kept, &mut outcome, &|_| true);
                let detail = judged.err().flatten().or(Some("there is no stream".into()));
                outcome.finished = self.part.clock.now();
                let outcome = outcome.traced(scope.trace);
                Err(Exchange { outcome, detail, settled: Settled::Now })
            }
        }
    }

    /// Sends its head on a connection of its user's.
    async fn begin(
        &mut self,
        deadline: &mut Deadline,
        outcome: &mut Outcome,
        scope: &mut Scope<'_>,
    ) -> Result<(Line, Begun), Failure> {
        let mut way = Way { part: self.part, deadline, outcome };
        let mut line = self.lines.next_shared(&mut way).await?;
        let part = way.part;
        let number = line.backend();
        let origin = part.compiled.backends[number].origin_number;
        let head = |now: Timestamp| self.head.request(origin, self.ends.map(|ends| ends - now), scope);
        part.tallies.called(number);
        let connection = connection(&mut line)?;
        match begin(connection, head, &mut way, &|| {}).await {
            Ok(begun) => Ok((line, begun)),
            Err(fault) => Err(settle(fault, connection, part)),
        }
    }

    fn opened(self, line: Line, begun: Begun, outcome: Outcome) -> Opened {
        let part = self.part;
        let state = State {
            inbox: Inbox::new(self.keeping),
            finished: false,
            wish: None,
            end: None,
            on_end: None,
            matching: (self.is_told_answers || self.measures.message.is_some()).then(Matching::default),
            arrived: Timestamp::default(),
            first: None,
            sent: 0,
            bytes: 0,
            waiting: Vec::new(),
            task: None,
        };
        let inner: SharedInner = SendWrapper::new(Rc::new(Inner {
            part: Arc::clone(part),
            stream: RefCell::new(begun.stream),
            state: RefCell::new(state),
        }));
        let mut deadline = Deadline::default();
        if let Some(ends) = self.ends {
            deadline.set(ends);
        }
        let pump = Pump {
            inner: inner.clone(),
            incoming: Incoming::new(begun.response, part.compiled.settings.max_message),
            line,
            deadline,
            outcome,
            expected: self.expected,
            measures: self.measures,
            began: begun.at,
            head_at: None,
            metadata: HeaderMap::new(),
            received: 0,
            _open: Open::new(Arc::clone(part)),
        };
        Opened { inner, pump }
    }
}

impl Opened {
    /// Its figures so far.
    pub(crate) const fn outcome(&self) -> &Outcome {
        &self.pump.outcome
    }

    /// Lets it run; `on_end` hears of its end, once.
    pub(crate) fn run(self, on_end: OnEnd) -> OpenStream {
        self.inner.state.borrow_mut().on_end = Some(on_end);
        tokio::spawn(self.pump.run());
        OpenStream::new(self.inner)
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
    measures: Measures,
    began: Timestamp,
    head_at: Option<Timestamp>,
    metadata: HeaderMap,
    received: u64,
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
        let (sent, first, bytes, finished, on_end) = {
            let mut state = self.inner.state.borrow_mut();
            let unanswered = state.matching.as_ref().map_or(0, Matching::waiting);
            count(&part.tallies.unanswered, unanswered as u64);
            (state.sent, state.first, state.bytes, state.finished, state.on_end.take())
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
        if let Some(on_end) = on_end {
            on_end(&exchange);
        }
        let (metadata, trailers) = (self.metadata, kept.trailers);
        let ended = Ended { exchange, metadata, trailers, received: self.received, sent };
        let mut state = self.inner.state.borrow_mut();
        state.end = Some(Rc::new(ended));
        state.wish = None;
        state.tell();
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Done, Fault>> {
        let clock = self.inner.part.clock;
        let inner = self.inner.clone();
        let mut state = inner.state.borrow_mut();
        match &mut state.task {
            Some(task) => task.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        match state.wish.take() {
            Some(Wish::Cancel) => return Poll::Ready(Ok(Done::Cancelled)),
            Some(Wish::Fail(failure)) => return Poll::Ready(Err(failure.into())),
            None => {}
        }
        while state.inbox.has_room() {
            match self.incoming.poll(context) {
                Poll::Pending => break,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Ready(Ok(Event::End(said))) => return Poll::Ready(Ok(Done::Said(said))),
                Poll::Ready(Ok(Event::Head(headers))) => {
                    self.head_at = Some(clock.now());
                    self.metadata = headers;
                }
                Poll::Ready(Ok(Event::Message(message, length))) => {
                    self.take(&mut state, message, length, clock.now());
                }
            }
        }
        drop(state);
        let late = || Fault::from(Failure::timeout("the stream did not end"));
        self.deadline.poll_expired(context, &clock).map(|()| Err(late()))
    }

    fn take(&mut self, state: &mut State, message: Bytes, length: usize, now: Timestamp) {
        let part = &self.inner.part;
        self.received += 1;
        count(&part.tallies.messages_received, 1);
        self.outcome.body_bytes += length as u64;
        self.outcome.traffic.received += (length + HEAD) as u64;
        if let (1, Some(delivery)) = (self.received, self.measures.first) {
            let mut timed = Outcome::due(self.outcome.intended);
            timed.sent = Some(self.began);
            timed.finished = now;
            timed.status = Some(0);
            part.meter.request(delivery, &timed, Marks::default());
        }
        if let (Some(matching), Some((delivery, keys))) = (&mut state.matching, &self.measures.message) {
            answered(part, matching, Some(keys), Some(*delivery), &message, length, now);
        }
        let dropped = state.inbox.put(message, length, now);
        if dropped > 0 {
            count(&part.tallies.dropped, dropped);
            part.notice("dropped", &|| {
                format!(
                    "more than {} messages, or 1 MiB of them, waited on an open stream: the oldest are dropped. Let the journey `receive` \
                     more often, or with a higher `count`",
                    super::inbox::MOST_KEPT
                )
            });
        }
        state.tell();
    }
}
