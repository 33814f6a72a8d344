//! One call's way back to its client: frames within its windows, and the news that it has gone.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Response};
use http_body::{Body, Frame};

/// The client has reset the stream, or the connection is gone: nobody is left to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

/// What is sent back on a stream.
pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    /// From the headers on.
    stream: Option<SendStream<Bytes>>,
}

impl Answer {
    pub(super) fn new(respond: SendResponse<Bytes>) -> Self {
        Self { respond, stream: None }
    }

    /// Sends the headers, and nothing else.
    pub(super) fn head(&mut self, head: Response<()>) -> Result<(), Gone> {
        self.stream = Some(self.respond.send_response(head, false)?);
        Ok(())
    }

    /// Sends headers that are the whole answer.
    pub(super) fn head_only(&mut self, head: Response<()>) -> Result<(), Gone> {
        self.stream = Some(self.respond.send_response(head, true)?);
        Ok(())
    }

    /// Whether the headers have been sent.
    pub(super) fn is_begun(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends `data`, as its windows allow.
    pub(super) async fn data(&mut self, mut data: Bytes) -> Result<(), Gone> {
        let stream = self.stream.as_mut().ok_or(Gone)?;
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let mut room = stream.capacity();
            if room == 0 {
                room = std::future::poll_fn(|context| poll_room(stream, context)).await?;
            }
            stream.send_data(data.split_to(room.min(data.len())), false)?;
        }
        Ok(())
    }

    /// Ends the stream with trailers.
    pub(super) fn trailers(&mut self, trailers: HeaderMap) -> Result<(), Gone> {
        Ok(self.stream.as_mut().ok_or(Gone)?.send_trailers(trailers)?)
    }

    /// Ends the stream without trailers.
    pub(super) fn end(&mut self) -> Result<(), Gone> {
        Ok(self.stream.as_mut().ok_or(Gone)?.send_data(Bytes::new(), true)?)
    }

    /// Ends the stream by RST_STREAM. What of it has not left yet never does.
    pub(super) fn reset(&mut self, reason: Reason) {
        match &mut self.stream {
            Some(stream) => stream.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
    }

    /// What comes of `future`, unless the client goes first.
    pub(super) async fn unless_gone<F: Future>(&mut self, future: F) -> Result<F::Output, Gone> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let reset = match &mut self.stream {
                Some(stream) => stream.poll_reset(context),
                None => self.respond.poll_reset(context),
            };
            reset.map(|_| Err(Gone))
        })
        .await
    }
}

fn poll_room(stream: &mut SendStream<Bytes>, context: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
    if stream.poll_reset(context).is_ready() {
        return Poll::Ready(Err(Gone));
    }
    match stream.poll_capacity(context) {
        Poll::Ready(Some(Ok(room))) => Poll::Ready(Ok(room)),
        Poll::Ready(_) => Poll::Ready(Err(Gone)),
        Poll::Pending => Poll::Pending,
    }
}

/// A request's body, whose window opens again as it is read.
pub(super) struct RequestBody(RecvStream);

impl RequestBody {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self(stream)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match self.0.poll_data(context) {
            Poll::Ready(Some(Ok(data))) => {
                // It fails only for more bytes than have come.
                let _ = self.0.flow_control().release_capacity(data.len());
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => {}
            Poll::Pending => return Poll::Pending,
        }
        self.0.poll_trailers(context).map(|trailers| trailers.transpose().map(|map| map.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
