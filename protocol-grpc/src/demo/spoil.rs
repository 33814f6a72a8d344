//! Sending an answer that something is to go wrong with.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use prony_transport::target::clock;
use tonic::Status;
use tonic::body::Body;

use super::answer::{Answer, Gone};
use super::exchange::grpc_head;
use super::fault::{Ending, Faults};
use super::messages::{Messages, PREFIX, made_up, unknown_field};
use super::shop::Trailers;
use super::status::{self, Form};
use super::worker::{Connection, Farewell};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What messages of a size to order are filled with.
static PATTERN: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// Bytes that fit into one frame of HTTP/2 whatever the client allows.
const FRAME: usize = 16 * 1024;

/// How long what has been sent has to get out before the stream or the connection breaks.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(2);

/// Sends `reply` as `faults` have it. Without one there are no messages but those that a fault makes.
pub(super) async fn send(
    answer: &mut Answer,
    reply: Option<Response<Body>>,
    faults: &Faults,
    connection: &Connection,
) -> Result<(), Gone> {
    let (head, body, more) = match reply {
        Some(reply) => {
            let (mut head, body) = reply.into_parts();
            let more = head.extensions.remove::<Trailers>().map(|Trailers(more)| more);
            (Response::from_parts(head, ()), Some(body), more.unwrap_or_default())
        }
        None => (grpc_head(), None, HeaderMap::new()),
    };
    let failed = head.headers().contains_key(Status::GRPC_STATUS);
    let head = match faults.ending {
        // The service has failed by itself and sends no message that could be held up.
        None if failed => return answer.head_only(head),
        // What is ordered is about an answer of headers, messages and trailers.
        Some(_) if failed => grpc_head(),
        _ => head,
    };
    let spoiled = Spoiled { answer, head, messages: Messages::new(body, more), faults, connection, sent: 0 };
    spoiled.send().await
}

struct Spoiled<'a> {
    answer: &'a mut Answer,
    head: Response<()>,
    messages: Messages,
    faults: &'a Faults,
    connection: &'a Connection,
    /// Messages sent so far.
    sent: u64,
}

impl Spoiled<'_> {
    async fn send(mut self) -> Result<(), Gone> {
        let Some(ending) = &self.faults.ending else {
            return self.rest(|message| message).await;
        };
        match ending {
            Ending::Status(status) if status.form == Form::TrailersOnly => {
                return self.answer.head_only(status.head());
            }
            Ending::HttpStatus(status) => {
                let mut head = Response::new(());
                *head.status_mut() = *status;
                head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                self.answer.head(head)?;
                let reason = status.canonical_reason().unwrap_or("no gRPC here");
                self.answer.data(Bytes::from_static(reason.as_bytes())).await?;
                return self.answer.end();
            }
            Ending::ContentType(value) => {
                self.head.headers_mut().insert(CONTENT_TYPE, value.clone());
                return self.rest(|message| message).await;
            }
            Ending::Flag(flag) => {
                self.head.headers_mut().remove(ENCODING);
                return self.rest(|message| flagged(&message, *flag)).await;
            }
            Ending::Encoding(name) => {
                self.head.headers_mut().insert(ENCODING, name.clone());
                return self.rest(|message| flagged(&message, 1)).await;
            }
            Ending::GoAway(None) => {
                self.connection.bid(Farewell::Graceful);
                return self.rest(|message| message).await;
            }
            _ => {}
        }
        if let Some(after) = self.faults.after {
            self.begin()?;
            self.pass(after).await?;
        }
        self.end(ending).await
    }

    /// The endings that come after so many messages.
    async fn end(mut self, ending: &Ending) -> Result<(), Gone> {
        match ending {
            Ending::Reset(reason) => {
                self.wait_for_what_is_sent().await?;
                self.answer.reset(*reason);
                Ok(())
            }
            Ending::GoAway(Some(reason)) => {
                self.wait_for_what_is_sent().await?;
                self.connection.bid(Farewell::Abrupt(*reason));
                self.wait_for_ever().await
            }
            Ending::Close => {
                // What the client has sent meanwhile (an acknowledgement, a window) is read by then. If it were not, the
                // kernel would make a reset of the close.
                self.wait_a_little().await?;
                self.connection.fate.close_now();
                self.wait_for_ever().await
            }
            Ending::Abort => {
                self.wait_for_what_is_sent().await?;
                self.connection.fate.reset_at_the_end();
                self.connection.fate.close_now();
                self.wait_for_ever().await
            }
            Ending::NoReply => self.wait_for_ever().await,
            Ending::HalfMessage => {
                self.begin()?;
                let message = self.message().await?;
                let half = PREFIX + (message.len() - PREFIX) / 2;
                // Of a message without content the half prefix is sent.
                let half = if half == message.len() { PREFIX / 2 } else { half };
                self.answer.data(message.slice(..half)).await?;
                self.answer.trailers(status::ok())
            }
            Ending::NoTrailers => {
                self.begin()?;
                if self.faults.after.is_none() {
                    self.pass(u64::MAX).await?;
                }
                self.answer.end()
            }
            Ending::Oversized(length) => {
                self.begin()?;
                let (head, mut left) = unknown_field(*length);
                self.answer.data(head).await?;
                while left > 0 {
                    let piece = (PATTERN.len() as u32).min(left);
                    left -= piece;
                    self.answer.data(Bytes::from_static(&PATTERN[..piece as usize])).await?;
                }
                self.answer.trailers(status::ok())
            }
            Ending::Endless => {
                self.begin()?;
                let message = self.message().await?;
                // Where nothing is waited for, messages share frames, as they do with any server that is busy: a client may
                // take a flood of tiny frames for an attack.
                let at_once = if self.faults.pause.is_some() { 1 } else { (FRAME / message.len()).max(1) };
                let messages = Bytes::from(message.repeat(at_once));
                loop {
                    self.pause().await?;
                    self.answer.data(messages.clone()).await?;
                    self.sent += at_once as u64;
                    // Others on this thread have their turn, however fast the client reads.
                    tokio::task::yield_now().await;
                }
            }
            Ending::Status(status) => {
                self.begin()?;
                self.answer.trailers(status.trailers())
            }
            // These have been sent.
            Ending::GoAway(None)
            | Ending::HttpStatus(_)
            | Ending::ContentType(_)
            | Ending::Flag(_)
            | Ending::Encoding(_) => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<(), Gone> {
        if self.answer.is_begun() {
            return Ok(());
        }
        self.answer.head(std::mem::replace(&mut self.head, Response::new(())))
    }

    /// Sends headers, all messages as `change` makes them, and trailers. A made-up message stands in where `change`
    /// would have none to change.
    async fn rest(mut self, change: impl Fn(Bytes) -> Bytes) -> Result<(), Gone> {
        self.begin()?;
        while let Some(message) = self.messages.next(self.answer).await? {
            self.pause().await?;
            self.answer.data(change(message)).await?;
            self.sent += 1;
        }
        if self.sent == 0 && matches!(self.faults.ending, Some(Ending::Flag(_) | Ending::Encoding(_))) {
            self.answer.data(change(made_up())).await?;
        }
        self.answer.trailers(self.messages.into_trailers())
    }

    /// Sends so many messages, or all if they are fewer.
    async fn pass(&mut self, count: u64) -> Result<(), Gone> {
        while self.sent < count {
            let Some(message) = self.messages.next(self.answer).await? else { break };
            self.pause().await?;
            self.answer.data(message).await?;
            self.sent += 1;
        }
        Ok(())
    }

    /// The next message, or a made-up one.
    async fn message(&mut self) -> Result<Bytes, Gone> {
        Ok(self.messages.next(self.answer).await?.unwrap_or_else(made_up))
    }

    /// Waits as long as is ordered between two messages.
    async fn pause(&mut self) -> Result<(), Gone> {
        let worker = &self.connection.worker;
        let Some(pause) = self.faults.pause.filter(|_| self.sent > 0) else {
            return Ok(());
        };
        let due = clock::now() + pause.draw(&mut worker.random.borrow_mut());
        self.answer.unless_gone(worker.alarm.until(due)).await
    }

    /// A break takes back what still waits to be written.
    async fn wait_for_what_is_sent(&mut self) -> Result<(), Gone> {
        if !self.answer.is_begun() {
            return Ok(());
        }
        self.wait_a_little().await
    }

    async fn wait_a_little(&mut self) -> Result<(), Gone> {
        let due = clock::now() + BEFORE_THE_BREAK;
        self.answer.unless_gone(self.connection.worker.alarm.until(due)).await
    }

    async fn wait_for_ever(&mut self) -> Result<(), Gone> {
        self.answer.unless_gone(std::future::pending()).await
    }
}

fn flagged(message: &Bytes, flag: u8) -> Bytes {
    let mut changed = BytesMut::from(&message[..]);
    if let Some(first) = changed.first_mut() {
        *first = flag;
    }
    changed.freeze()
}
