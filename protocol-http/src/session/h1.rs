//! Moving the bytes of HTTP/1.1: one write a request, one read an answer in the usual case.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Method;
use prony_core::{FailureKind, Phase, Timestamp};
use prony_transport::{Stream, failure_of_io, story_of_io, with_scratch};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::h1::{Malformed, Progress, ResponseReader};
use crate::reply::Kept;
use crate::session::outgoing::Outgoing;
use crate::session::{Counted, Desk, Failure, Reusable};

/// A connection that speaks HTTP/1.1. It holds no buffer while idle.
pub(crate) struct H1Connection {
    stream: Stream,
    _counted: Counted,
}

/// An exchange under way.
struct Flight<'a> {
    stream: &'a mut Stream,
    bytes: &'a [u8],
    written: usize,
    flushed: bool,
    /// When the last byte was sent.
    sent: Option<Timestamp>,
    /// When the first byte of the answer came.
    first: Option<Timestamp>,
    /// When the latest byte came.
    last: Timestamp,
    received: u64,
    reader: ResponseReader,
    /// The peer takes no more of the request, or sent more than its answer.
    spoilt: bool,
    /// Writing found the connection reset. The system tells that once, and reading then sees a mere end.
    reset: bool,
}

impl H1Connection {
    pub(crate) fn new(stream: Stream, counted: Counted) -> Self {
        Self { stream, _counted: counted }
    }

    /// Whether it still stands: a peer that has closed it while it was idle has left its mark on the socket, and nothing
    /// but an end can come where no answer is owed. Costs no system call unless something has come.
    pub(super) async fn stands(&mut self) -> bool {
        std::future::poll_fn(|context| {
            let came = with_scratch(|scratch| {
                Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(scratch)).is_ready()
            });
            Poll::Ready(!came)
        })
        .await
    }

    /// Sends the request and reads its answer. The connection is not to be used again unless the answer says so.
    pub(super) async fn exchange(
        &mut self,
        outgoing: &Outgoing,
        desk: &mut Desk<'_>,
    ) -> Result<Reusable, Failure> {
        let bytes = outgoing.http1();
        let began = desk.clock.now();
        desk.outcome.sent.get_or_insert(began);
        let mut flight = Flight::new(&mut self.stream, &bytes, &outgoing.method, began);
        let Desk { kept, deadline, clock, max_body, .. } = desk;
        let clock = *clock;
        let result = std::future::poll_fn(|context| {
            if let Poll::Ready(result) = flight.poll(context, kept, *max_body, &|| clock.now()) {
                return Poll::Ready(result);
            }
            deadline.poll_expired(context, &clock).map(|()| {
                let state =
                    if flight.first.is_some() { "the answer was not complete" } else { "no answer came" };
                Err(Failure::new(FailureKind::Timeout, format!("{state} within the time-out")))
            })
        })
        .await;
        let outcome = &mut *desk.outcome;
        outcome.traffic.sent += flight.written as u64;
        outcome.traffic.received += flight.received;
        outcome.body_bytes = desk.kept.body_bytes;
        if flight.reader.has_head() {
            outcome.status = Some(flight.reader.status());
        }
        if let Some(sent) = flight.sent {
            outcome.phases.set(Phase::Send, sent.nanos_since(began));
        }
        if let Some(first) = flight.first {
            outcome.phases.set(Phase::Wait, first.nanos_since(flight.sent.unwrap_or(first)));
            outcome.phases.set(Phase::Receive, flight.last.nanos_since(first));
        }
        outcome.finished = flight.last;
        result?;
        let reusable = flight.reader.reusable() && !flight.spoilt && flight.sent.is_some();
        Ok(if reusable { Reusable::Yes } else { Reusable::No })
    }
}

impl<'a> Flight<'a> {
    fn new(stream: &'a mut Stream, bytes: &'a [u8], method: &Method, began: Timestamp) -> Self {
        Self {
            flushed: matches!(stream, Stream::Plain(_)),
            stream,
            bytes,
            written: 0,
            sent: None,
            first: None,
            last: began,
            received: 0,
            reader: ResponseReader::new(method),
            spoilt: false,
            reset: false,
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        kept: &mut Kept,
        max_body: u64,
        now: &dyn Fn() -> Timestamp,
    ) -> Poll<Result<(), Failure>> {
        self.write(context, now);
        loop {
            let read = with_scratch(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut *self.stream).poll_read(context, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(self.broken(&error, kept, now))),
                    Poll::Ready(Ok(())) => Poll::Ready(self.take(buffer.filled(), kept, now)),
                }
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Ready(Ok(Progress::Complete { .. })) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Progress::More)) if kept.body_bytes > max_body => {
                    let text = format!("the body is longer than `max_body`, {max_body} bytes");
                    return Poll::Ready(Err(Failure::new(FailureKind::TooLarge, text)));
                }
                Poll::Ready(Ok(Progress::More)) => {}
            }
        }
    }

    /// Writes what can be written. An error is left to reading: the peer may have answered before it closed.
    fn write(&mut self, context: &mut Context<'_>, now: &dyn Fn() -> Timestamp) {
        while self.written < self.bytes.len() && !self.spoilt {
            match Pin::new(&mut *self.stream).poll_write(context, &self.bytes[self.written..]) {
                Poll::Ready(Ok(0)) => self.spoilt = true,
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(error)) => {
                    self.spoilt = true;
                    self.reset = error.kind() == ErrorKind::ConnectionReset;
                }
                Poll::Pending => return,
            }
        }
        if self.sent.is_none() && !self.spoilt {
            if !self.flushed {
                match Pin::new(&mut *self.stream).poll_flush(context) {
                    Poll::Ready(Ok(())) => self.flushed = true,
                    Poll::Ready(Err(_)) => self.spoilt = true,
                    Poll::Pending => return,
                }
            }
            self.sent = Some(now());
        }
    }

    /// Takes what was read; nothing means the peer has closed.
    fn take(
        &mut self,
        bytes: &[u8],
        kept: &mut Kept,
        now: &dyn Fn() -> Timestamp,
    ) -> Result<Progress, Failure> {
        self.last = now();
        if bytes.is_empty() {
            if self.reader.closed() {
                return Ok(Progress::Complete { used: 0 });
            }
            let (kind, did) =
                if self.reset { (FailureKind::Reset, "reset") } else { (FailureKind::Closed, "closed") };
            let text = format!("the peer {did} the connection {}", self.how_far(kept));
            return Err(Failure::new(kind, text));
        }
        self.first.get_or_insert(self.last);
        self.received += bytes.len() as u64;
        let progress = self.reader.feed(bytes, kept).map_err(|malformed| match malformed {
            Malformed::NotHttp(text) => {
                Failure::new(FailureKind::Protocol, format!("the answer is not HTTP/1.1: {text}"))
            }
            Malformed::HeadTooLong => {
                Failure::new(FailureKind::TooLarge, "the head of the answer is longer than 256 KiB")
            }
        })?;
        if let Progress::Complete { used } = progress {
            self.spoilt |= used < bytes.len();
        }
        Ok(progress)
    }

    fn broken(&mut self, error: &std::io::Error, kept: &Kept, now: &dyn Fn() -> Timestamp) -> Failure {
        self.last = now();
        let kind = failure_of_io(error);
        // TLS says goodbye before it closes, so that nobody can pass off a part as the whole.
        let text = if error.kind() == ErrorKind::UnexpectedEof {
            format!("the peer closed the connection without a TLS close_notify {}", self.how_far(kept))
        } else {
            format!("reading the answer: {}", story_of_io(error))
        };
        Failure::new(kind, text)
    }

    /// How much of the answer has come.
    fn how_far(&self, kept: &Kept) -> String {
        match (self.received, self.reader.has_head()) {
            (0, _) => "without an answer".to_owned(),
            (_, false) => "within the head of its answer".to_owned(),
            (_, true) => format!("after {} bytes of the body", kept.body_bytes),
        }
    }
}
