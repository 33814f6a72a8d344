//! A server's half of a call: head, messages, trailers, held to the rules.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use prony_core::FailureKind;

use super::failure::{Failure, Fault};
use crate::step::fields_length;
use crate::wire::details::Details;
use crate::wire::{Code, Compression, Decoder, code_text, printable, status};

/// Names that are looked for in each answer, so that they are not parsed each time.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What comes next.
#[derive(Debug)]
pub(crate) enum Event {
    /// The initial metadata.
    Head(HeaderMap),
    /// A message, decompressed, and the length of it as it came.
    Message(Bytes, usize),
    /// The server's last word.
    End(Said),
}

/// A server's status.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) trailers: HeaderMap,
}

/// A server's half of a call.
pub(crate) struct Incoming {
    stage: Stage,
    decoder: Decoder,
    compression: Compression,
    limit: usize,
    /// Bytes that were read and still count as unread to the server.
    unread: usize,
    /// Bytes of heads and trailers.
    pub(crate) fields_length: u64,
}

/// Whether messages are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Takes,
    Pauses,
}

enum Stage {
    Head(ResponseFuture),
    /// The status stood in the head, and nothing else comes.
    Ending(Option<Said>),
    /// A status that stood in a head which was not the end.
    Body(RecvStream, Option<HeaderValue>),
    Trailers(RecvStream, Option<HeaderValue>),
    Over,
}

impl Incoming {
    pub(crate) fn new(response: ResponseFuture, limit: usize) -> Self {
        Self {
            stage: Stage::Head(response),
            decoder: Decoder::new(limit),
            compression: Compression::Identity,
            limit,
            unread: 0,
            fields_length: 0,
        }
    }

    /// What comes next. Nothing comes after the end, nor after a fault.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Fault>> {
        self.advance(context, Reader::Takes)
    }

    /// The end, when that comes next: no message is taken, and the server is not told that there is room for more.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Fault>> {
        self.advance(context, Reader::Pauses)
    }

    fn advance(&mut self, context: &mut Context<'_>, reader: Reader) -> Poll<Result<Event, Fault>> {
        loop {
            match &mut self.stage {
                Stage::Head(response) => {
                    let Poll::Ready(response) = std::pin::Pin::new(response).poll(context) else {
                        return Poll::Pending;
                    };
                    return Poll::Ready(self.head(response?));
                }
                Stage::Ending(said) => {
                    let said = said.take();
                    self.stage = Stage::Over;
                    return match said {
                        Some(said) => Poll::Ready(Ok(Event::End(said))),
                        None => Poll::Pending,
                    };
                }
                Stage::Body(..) if reader == Reader::Pauses && self.decoder.has_message()? => {
                    return Poll::Pending;
                }
                Stage::Body(body, _) => {
                    if reader == Reader::Takes
                        && let Some(message) = self.decoder.next_message()?
                    {
                        let length = message.bytes.len();
                        let message = message.open(self.compression, self.limit)?;
                        return Poll::Ready(Ok(Event::Message(message, length)));
                    }
                    if reader == Reader::Takes && self.unread > 0 {
                        body.flow_control().release_capacity(std::mem::take(&mut self.unread))?;
                    }
                    match body.poll_data(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Some(piece)) => {
                            let piece = piece?;
                            self.unread += piece.len();
                            self.decoder.push(piece);
                        }
                        Poll::Ready(None) => {
                            self.decoder.finish()?;
                            if let Stage::Body(body, early) = std::mem::replace(&mut self.stage, Stage::Over)
                            {
                                self.stage = Stage::Trailers(body, early);
                            }
                        }
                    }
                }
                Stage::Trailers(body, early) => {
                    let Poll::Ready(trailers) = body.poll_trailers(context) else { return Poll::Pending };
                    let (trailers, early) = (trailers?, early.take());
                    self.stage = Stage::Over;
                    return Poll::Ready(self.trailers(trailers, early));
                }
                Stage::Over => return Poll::Pending,
            }
        }
    }

    fn head(&mut self, response: Response<RecvStream>) -> Result<Event, Fault> {
        let (head, body) = response.into_parts();
        let headers = head.headers;
        self.fields_length += fields_length(&headers);
        let status = headers.get(GRPC_STATUS).cloned();
        let is_end = body.is_end_stream();
        if head.status != StatusCode::OK && !(is_end && status.is_some()) {
            return Err(Failure::http(head.status.as_u16()).into());
        }
        // A status is believed whatever the type: proxies make answers of a head alone, with a type or without.
        if !(is_end && status.is_some()) {
            check_type(headers.get(http::header::CONTENT_TYPE))?;
        }
        if is_end {
            let Some(status) = status else {
                return Err(Failure::protocol(
                    "the answer ended with its head, and there is no grpc-status in it",
                )
                .into());
            };
            let said = Said { status: number(&status)?, trailers: headers.clone() };
            self.stage = Stage::Ending(Some(said));
            return Ok(Event::Head(headers));
        }
        if let Some(name) = headers.get(GRPC_ENCODING) {
            self.compression = Compression::by_name(name.as_bytes()).ok_or_else(|| {
                let text = format!(
                    "the answer has `grpc-encoding: {}`, which was not offered",
                    printable(&String::from_utf8_lossy(name.as_bytes()))
                );
                Failure::new(FailureKind::Decode, Code::Internal, text)
            })?;
        }
        self.stage = Stage::Body(body, status);
        Ok(Event::Head(headers))
    }

    fn trailers(&mut self, trailers: Option<HeaderMap>, early: Option<HeaderValue>) -> Result<Event, Fault> {
        let trailers = trailers.unwrap_or_default();
        self.fields_length += fields_length(&trailers);
        let status = trailers.get(GRPC_STATUS).cloned().or(early);
        let Some(status) = status else {
            let text = if trailers.is_empty() {
                "the answer ended without trailers, so there is no grpc-status"
            } else {
                "the answer's trailers have no grpc-status"
            };
            return Err(Failure::protocol(text).into());
        };
        Ok(Event::End(Said { status: number(&status)?, trailers }))
    }
}

fn number(status: &HeaderValue) -> Result<u16, Fault> {
    status::parse(status.as_bytes()).ok_or_else(|| {
        let found = printable(&String::from_utf8_lossy(status.as_bytes()));
        Failure::protocol(format!("the answer has `grpc-status: {found}`, which is no number")).into()
    })
}

/// `application/grpc`, perhaps with a format or parameters behind it.
fn check_type(value: Option<&HeaderValue>) -> Result<(), Failure> {
    let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let rest = text.as_deref().and_then(|text| text.strip_prefix("application/grpc"));
    match (rest, text.as_deref()) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with(['+', ';']) => Ok(()),
        (_, Some(found)) => Err(Failure::protocol(format!(
            "the answer is of type `{}`, where gRPC's is `application/grpc`; is this a gRPC server?",
            printable(found)
        ))),
        (_, None) => {
            Err(Failure::protocol("the answer has no content-type, where gRPC's is `application/grpc`"))
        }
    }
}

impl Said {
    /// The status in words, with the server's message and details.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("the server says {}", code_text(self.status));
        if let Some(message) = self.trailers.get("grpc-message").filter(|message| !message.is_empty()) {
            let message = status::percent_decode(message.as_bytes());
            story.push_str(&format!(": {}", printable(&message)));
        }
        let details = self.trailers.get("grpc-status-details-bin");
        if let Some(details) = details.and_then(|details| Details::from_header(details.as_bytes())) {
            story.push_str(&format!(" (details: {details})"));
        }
        story
    }
}
