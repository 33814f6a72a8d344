//! HTTP/2 requests over the shared connection.

use std::task::{Context, Poll};

use prony_core::{FailureKind, Phase};
use prony_transport::Stream;
use prony_transport::h2::{Ended, H2Connection, ended_by};

use crate::session::outgoing::Outgoing;
use crate::session::{Counted, Desk, Failure, within};

/// A connection that speaks HTTP/2.
#[derive(Clone)]
pub(crate) struct Http2 {
    connection: H2Connection,
}

impl Http2 {
    pub(super) async fn open(stream: Stream, counted: Counted) -> Result<Self, Failure> {
        match H2Connection::open(stream, move || drop(counted)).await {
            Ok(connection) => Ok(Self { connection }),
            Err(ended) => Err(failure(&ended)),
        }
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.connection.stands()
    }

    /// How many streams the peer allows at a time.
    pub(crate) fn most_streams(&self) -> usize {
        self.connection.most_streams()
    }

    /// Sends the request and reads its answer, on a connection that others use at the same time.
    pub(super) async fn exchange(&mut self, outgoing: &Outgoing, desk: &mut Desk<'_>) -> Result<(), Failure> {
        let result = self.transfer(outgoing, desk, &|| {}).await;
        self.finish(result, desk)
    }

    /// The same on a connection that nobody else uses.
    pub(super) async fn exchange_alone(
        &mut self,
        outgoing: &Outgoing,
        desk: &mut Desk<'_>,
    ) -> Result<(), Failure> {
        let driving = self.connection.drive();
        let result = driving.attend(self.transfer(outgoing, desk, &|| driving.move_bytes())).await;
        drop(driving);
        self.finish(result, desk)
    }

    fn finish(&self, result: Result<(), Fault>, desk: &mut Desk<'_>) -> Result<(), Failure> {
        if desk.outcome.finished <= desk.outcome.sent.unwrap_or_default() {
            desk.outcome.finished = desk.clock.now();
        }
        desk.outcome.body_bytes = desk.kept.body_bytes;
        desk.outcome.traffic.received += desk.kept.body_bytes;
        // A stream fails as its connection does; the connection knows why.
        result.map_err(|fault| match fault {
            Fault::Timeout(state) => {
                Failure::new(FailureKind::Timeout, format!("{state} within the time-out"))
            }
            Fault::Other(failure) => failure,
            // It names the last stream that was or might be processed; those beyond it were not (RFC 9113, section 6.8).
            Fault::Http2(error) if error.is_go_away() && error.is_remote() => {
                let _ = self.connection.leave();
                Failure { unprocessed: true, ..failure(&ended_by(&error)) }
            }
            Fault::Http2(error) => match self.connection.ended() {
                Some(ended) if error.get_io().is_none() && !error.is_reset() => failure(&ended),
                _ => failure(&ended_by(&error)),
            },
        })
    }

    /// `drive` moves the connection's bytes, where that is this task's business.
    async fn transfer(
        &mut self,
        outgoing: &Outgoing,
        desk: &mut Desk<'_>,
        drive: &(dyn Fn() + Sync),
    ) -> Result<(), Fault> {
        let (request, body) = outgoing.http2().map_err(Fault::Other)?;
        let clock = desk.clock;
        let requests = self.connection.requests();
        let ready = std::future::poll_fn(|context| requests.poll_ready(context));
        within(desk.deadline, &clock, driven(drive, ready))
            .await
            .ok_or(Fault::Timeout("no stream was free"))??;
        let began = clock.now();
        desk.outcome.sent.get_or_insert(began);
        let length = body.len() as u64;
        let head = head_length(&request);
        let (response, mut stream) = requests.send_request(request, body.is_empty())?;
        if length > 0 {
            stream.send_data(body, true)?;
        }
        desk.outcome.traffic.sent += head + length;
        let sent = clock.now();
        desk.outcome.phases.set(Phase::Send, sent.nanos_since(began));
        let response = within(desk.deadline, &clock, driven(drive, response))
            .await
            .ok_or(Fault::Timeout("no answer came"))??;
        let first = clock.now();
        desk.outcome.phases.set(Phase::Wait, first.nanos_since(sent));
        let (head, mut body) = response.into_parts();
        desk.outcome.status = Some(head.status.as_u16());
        desk.outcome.traffic.received += fields_length(&head.headers);
        for (name, value) in &head.headers {
            desk.kept.header(name.as_str(), value.as_bytes());
        }
        while !body.is_end_stream() {
            let data = std::future::poll_fn(|context| body.poll_data(context));
            let Some(piece) = within(desk.deadline, &clock, driven(drive, data)).await.ok_or(CUT)? else {
                break;
            };
            let piece = piece?;
            desk.kept.body(&piece);
            body.flow_control().release_capacity(piece.len())?;
            if desk.kept.body_bytes > desk.max_body {
                let text = format!("the body is longer than `max_body`, {} bytes", desk.max_body);
                return Err(Fault::Other(Failure::new(FailureKind::TooLarge, text)));
            }
        }
        if !body.is_end_stream() {
            let trailers =
                std::future::poll_fn(|context: &mut Context<'_>| -> Poll<_> { body.poll_trailers(context) });
            if let Some(trailers) =
                within(desk.deadline, &clock, driven(drive, trailers)).await.ok_or(CUT)??
            {
                for (name, value) in &trailers {
                    desk.kept.trailer(name.as_str(), value.as_bytes());
                }
            }
        }
        desk.outcome.finished = clock.now();
        desk.outcome.phases.set(Phase::Receive, desk.outcome.finished.nanos_since(first));
        Ok(())
    }
}

/// `future`, with the connection's bytes moved before each look at it.
async fn driven<T>(drive: &(dyn Fn() + Sync), future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        drive();
        future.as_mut().poll(context)
    })
    .await
}

/// A request's head before HPACK makes it shorter: method, target and fields.
fn head_length(request: &http::Request<()>) -> u64 {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    (request.method().as_str().len() + target + authority) as u64 + fields_length(request.headers())
}

fn fields_length(fields: &http::HeaderMap) -> u64 {
    fields.iter().map(|(name, value)| (name.as_str().len() + value.len()) as u64).sum()
}

/// The time-out came within an answer.
const CUT: Fault = Fault::Timeout("the answer was not complete");

enum Fault {
    Http2(::h2::Error),
    Timeout(&'static str),
    Other(Failure),
}

impl From<::h2::Error> for Fault {
    fn from(error: ::h2::Error) -> Self {
        Self::Http2(error)
    }
}

fn failure(ended: &Ended) -> Failure {
    Failure::new(ended.kind, ended.detail.clone())
}
