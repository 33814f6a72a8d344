//! One call on a connection, both halves at the same time.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use http::Request;
use prony_core::{BoxFuture, Marks, Outcome, Phase, Scope, Timestamp};
use prony_transport::Deadline;
use prony_transport::h2::H2Connection;

use super::channel::{Way, within};
use super::failure::{Failure, Fault};
use super::incoming::{Event, Incoming, Said};
use super::matching::{Matching, answered};
use super::sending::{Outgoing, Sending, Told};
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::reply::Kept;
use crate::schema::MethodKind;
use crate::step::Step;

/// What a call needs of its session.
pub(crate) struct Desk<'a, 's> {
    pub(crate) part: &'a WorkerPart,
    pub(crate) step: &'a Step,
    pub(crate) kept: &'a mut Kept,
    pub(crate) deadline: &'a mut Deadline,
    pub(crate) outcome: &'a mut Outcome,
    pub(crate) scope: &'a mut Scope<'s>,
    pub(crate) buffer: &'a mut Vec<u8>,
}

impl Desk<'_, '_> {
    /// What getting a connection needs.
    pub(super) fn way(&mut self) -> Way<'_> {
        Way { part: self.part, deadline: self.deadline, outcome: self.outcome }
    }
}

/// How a call ended that did not fail underway.
#[derive(Debug)]
pub(crate) enum Done {
    /// The server had the last word.
    Said(Said),
    /// The plan, or a guest, wanted no more of it.
    Cancelled,
}

/// What a call's head depends on beside its step.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// The number of the origin that it goes to.
    pub(super) origin: usize,
    /// When its time is over.
    pub(super) ends: Timestamp,
}

/// Moves a connection's bytes, where that is the caller's business.
pub(crate) type Drive<'a> = &'a (dyn Fn() + Sync);

/// Sends the call and takes its answer, on a connection that others use at the same time.
pub(super) async fn exchange(
    connection: &mut H2Connection,
    call: Call,
    first: Outgoing,
    desk: &mut Desk<'_, '_>,
) -> Result<Done, Failure> {
    let result = transfer(connection, call, first, desk, &|| {}).await;
    result.map_err(|fault| fault.settle(connection))
}

/// The same on a connection that nobody else uses.
pub(super) async fn exchange_alone(
    connection: &mut H2Connection,
    call: Call,
    first: Outgoing,
    desk: &mut Desk<'_, '_>,
) -> Result<Done, Failure> {
    let driving = connection.drive();
    let result = driving.attend(transfer(connection, call, first, desk, &|| driving.move_bytes())).await;
    drop(driving);
    result.map_err(|fault| fault.settle(connection))
}

/// A stream that counts as open.
pub(crate) struct Open<P: std::ops::Deref<Target = WorkerPart>>(P);

impl<P: std::ops::Deref<Target = WorkerPart>> Open<P> {
    pub(crate) fn new(part: P) -> Self {
        part.tallies.stream(1);
        Self(part)
    }
}

impl<P: std::ops::Deref<Target = WorkerPart>> Drop for Open<P> {
    fn drop(&mut self) {
        self.0.tallies.stream(-1);
    }
}

/// A call whose head is out.
pub(crate) struct Begun {
    pub(crate) at: Timestamp,
    pub(crate) response: ResponseFuture,
    pub(crate) stream: SendStream<Bytes>,
}

/// Sends a call's head, as soon as there is a stream for it: then `head` makes it, of the moment. A head is large, and kept in no
/// future meanwhile.
pub(crate) async fn begin(
    connection: &mut H2Connection,
    head: impl FnOnce(Timestamp) -> Result<(Request<()>, u64), String>,
    way: &mut Way<'_>,
    drive: Drive<'_>,
) -> Result<Begun, Fault> {
    let clock = way.part.clock;
    let requests = connection.requests();
    let ready = std::future::poll_fn(|context| {
        // That there is one is the rule; then the bytes are moved once, when the call is among them.
        if let Poll::Ready(ready) = requests.poll_ready(context) {
            return Poll::Ready(ready);
        }
        drive();
        requests.poll_ready(context)
    });
    within(way.deadline, &clock, ready).await.ok_or_else(|| Failure::timeout("no stream was free"))??;
    let at = clock.now();
    let (request, head_length) = head(at).map_err(Failure::request)?;
    way.outcome.sent.get_or_insert(at);
    let (response, stream) = requests.send_request(request, false)?;
    way.outcome.traffic.sent += head_length;
    Ok(Begun { at, response, stream })
}

async fn transfer(
    connection: &mut H2Connection,
    Call { origin, ends }: Call,
    first: Outgoing,
    desk: &mut Desk<'_, '_>,
    drive: Drive<'_>,
) -> Result<Done, Fault> {
    let part = desk.part;
    let clock = part.clock;
    let mut way = Way { part, deadline: &mut *desk.deadline, outcome: &mut *desk.outcome };
    let head = |now: Timestamp| desk.step.head.request(origin, Some(ends - now), desk.scope);
    let Begun { at: began, response, stream } = begin(connection, head, &mut way, drive).await?;
    let _open = Open::new(part);
    let flow = &desk.step.flow;
    let mut flight = Flight {
        sending: Sending::new(
            stream,
            desk.step,
            first,
            desk.outcome.intended,
            began,
            desk.scope,
            desk.buffer,
            clock,
            part.timer.clone(),
        ),
        incoming: Incoming::new(response, part.compiled.settings.max_message),
        part,
        step: desk.step,
        kept: desk.kept,
        outcome: desk.outcome,
        began,
        matching: (desk.step.kind == MethodKind::Bidirectional).then(Matching::default),
        hold: None,
        cancel: flow.cancel.map(|after| part.timer.until(began + after)),
        head_at: None,
        first_at: None,
        last_at: None,
        now: None,
    };
    let deadline = &mut *desk.deadline;
    let result = std::future::poll_fn(|context| {
        if let Poll::Ready(done) = flight.poll(context, drive) {
            return Poll::Ready(done);
        }
        deadline.poll_expired(context, &clock).map(|()| Err(flight.late().into()))
    })
    .await;
    flight.land(&result);
    if !matches!(result, Ok(Done::Said(_))) {
        flight.sending.reset();
    }
    result
}

/// A call under way.
struct Flight<'a, 's> {
    sending: Sending<'a, 's>,
    incoming: Incoming,
    part: &'a WorkerPart,
    step: &'a Step,
    kept: &'a mut Kept,
    outcome: &'a mut Outcome,
    began: Timestamp,
    matching: Option<Matching>,
    /// Until when a slow reader reads nothing.
    hold: Option<BoxFuture<'static, ()>>,
    cancel: Option<BoxFuture<'static, ()>>,
    head_at: Option<Timestamp>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// The clock is read once for all that one look at the connection brought.
    now: Option<Timestamp>,
}

impl Flight<'_, '_> {
    fn poll(&mut self, context: &mut Context<'_>, drive: Drive<'_>) -> Poll<Result<Done, Fault>> {
        loop {
            if let Err(failure) = self.send(context) {
                return Poll::Ready(Err(failure.into()));
            }
            drive();
            self.now = None;
            let mut more = false;
            loop {
                let paused = match &mut self.hold {
                    Some(hold) => hold.as_mut().poll(context).is_pending(),
                    None => false,
                };
                let next = if paused {
                    // A slow reader holds up messages, not the status behind the last of them.
                    self.incoming.poll_end(context)
                } else {
                    self.hold = None;
                    self.incoming.poll(context)
                };
                match next {
                    Poll::Pending => break,
                    Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                    Poll::Ready(Ok(event)) => match self.take(event) {
                        Ok(None) => more = true,
                        Ok(Some(done)) => return Poll::Ready(Ok(done)),
                        Err(failure) => return Poll::Ready(Err(failure.into())),
                    },
                }
            }
            // An answer may have made room for a message.
            if !more || self.sending.is_done() {
                break;
            }
        }
        if let Some(cancel) = &mut self.cancel
            && cancel.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Ok(Done::Cancelled));
        }
        Poll::Pending
    }

    fn send(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if self.sending.is_done() {
            return Ok(());
        }
        let (part, matching) = (self.part, &mut self.matching);
        let mut waiting = matching.as_ref().map_or(0, Matching::waiting);
        let keyed = self.step.flow.keys.is_some();
        self.sending.poll(context, &mut waiting, &mut |told| {
            match told {
                Told::Stalled(nanoseconds) => {
                    count(&part.tallies.stalls, 1);
                    count(&part.tallies.stalled, nanoseconds);
                }
                Told::Sent(key, sent) => {
                    count(&part.tallies.messages_sent, 1);
                    if let Some(matching) = matching {
                        // A message without the key that its stream goes by cannot be found again.
                        let lost = keyed && key.is_none();
                        if lost || !matching.sent(key, sent) {
                            count(&part.tallies.untimed, 1);
                        }
                    }
                }
            }
            matching.as_ref().map_or(0, Matching::waiting)
        })
    }

    fn now(&mut self) -> Timestamp {
        let clock = self.part.clock;
        *self.now.get_or_insert_with(|| clock.now())
    }

    /// What came; how the call ended, if it did.
    fn take(&mut self, event: Event) -> Result<Option<Done>, Failure> {
        let now = self.now();
        match event {
            Event::Head(headers) => {
                self.head_at = Some(now);
                if self.kept.fields {
                    self.kept.metadata = headers;
                }
                Ok(None)
            }
            Event::Message(message, length) => self.message(message, length, now),
            Event::End(said) => {
                let one = !self.step.kind.receives_many();
                if one && said.status == 0 && self.kept.received != 1 {
                    let text = format!(
                        "the server says OK and sent {} messages, where its method has one answer",
                        self.kept.received
                    );
                    return Err(Failure::protocol(text));
                }
                Ok(Some(Done::Said(said)))
            }
        }
    }

    fn message(
        &mut self,
        message: bytes::Bytes,
        length: usize,
        now: Timestamp,
    ) -> Result<Option<Done>, Failure> {
        let tallies = &self.part.tallies;
        self.kept.received += 1;
        count(&tallies.messages_received, 1);
        self.outcome.body_bytes += length as u64;
        self.outcome.traffic.received += (length + crate::wire::frame::HEAD) as u64;
        self.first_at.get_or_insert(now);
        self.last_at = Some(now);
        if !self.step.kind.receives_many() && self.kept.received > 1 {
            return Err(Failure::protocol(
                "the server sent a second message, where its method has one answer",
            ));
        }
        if let Some(matching) = &mut self.matching {
            let (keys, delivery) = (self.step.flow.keys.as_ref(), self.step.deliveries.message);
            answered(self.part, matching, keys, delivery, &message, length, now);
        }
        if self.kept.body {
            self.kept.last = Some(message);
        }
        let flow = &self.step.flow;
        if flow.receive == Some(self.kept.received) {
            return Ok(Some(Done::Cancelled));
        }
        self.hold = flow.pace.map(|pace| self.part.timer.until(now + pace));
        Ok(None)
    }

    /// The time is over.
    fn late(&self) -> Failure {
        Failure::timeout(match (self.head_at, self.step.kind.receives_many()) {
            (None, _) => "no answer came",
            (Some(_), false) => "the answer was not complete",
            (Some(_), true) => "the stream did not end",
        })
    }

    /// Writes the figures down.
    fn land(&mut self, result: &Result<Done, Fault>) {
        let now = match result {
            Ok(_) => self.now(),
            Err(_) => self.part.clock.now(),
        };
        let sent = self.sending.first;
        self.kept.sent = self.sending.sent;
        let outcome = &mut *self.outcome;
        outcome.finished = now;
        outcome.traffic.sent += self.sending.bytes;
        outcome.traffic.received += self.incoming.fields_length;
        if let Some(sent) = sent {
            outcome.phases.set(Phase::Send, sent.nanos_since(self.began));
        }
        if let Some(head) = self.head_at {
            outcome.phases.set(Phase::Wait, head.nanos_since(sent.unwrap_or(self.began)));
            outcome.phases.set(Phase::Receive, now.nanos_since(head));
        }
        let deliveries = self.step.deliveries;
        for (delivery, at) in [(deliveries.first, self.first_at), (deliveries.last, self.last_at)] {
            if let (Some(delivery), Some(at)) = (delivery, at) {
                let mut timed = Outcome::due(outcome.intended);
                timed.sent = Some(self.began);
                timed.finished = at;
                timed.status = Some(0);
                self.part.meter.request(delivery, &timed, Marks::default());
            }
        }
        if let Some(matching) = &self.matching {
            count(&self.part.tallies.unanswered, matching.waiting() as u64);
            if matching.gave_up {
                self.part.notice("gave-up", &|| {
                    format!(
                        "more than {} messages of a stream waited for answers: the rest of it is not timed message by message; \
                         `in_flight` holds messages back",
                        super::matching::MOST
                    )
                });
            }
        }
    }
}
