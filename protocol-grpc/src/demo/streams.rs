//! The shop's streams: events at a pace, and a chat whose replies may come out of order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use prony_core::Timestamp;
use prony_transport::target::{Alarm, Until, clock};
use send_wrapper::SendWrapper;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::generated::{ChatMessage, ChatReply, Event, WatchRequest};

/// The most later messages that a reply waits for.
const LONGEST_HOLD: u32 = 1_000;

/// The most bytes of payload that a stream holds back.
const MOST_HELD: usize = 16_000_000;

/// Events at a steady pace. It is polled on the thread that made it.
pub(super) struct Watch {
    alarm: SendWrapper<Rc<Alarm>>,
    wait: Option<SendWrapper<Until>>,
    begun: Option<Timestamp>,
    interval: Duration,
    count: u64,
    sequence: u64,
    payload: Bytes,
}

impl Watch {
    pub(super) fn new(request: &WatchRequest, alarm: Rc<Alarm>) -> Self {
        Self {
            alarm: SendWrapper::new(alarm),
            wait: None,
            begun: None,
            interval: Duration::from_micros(request.interval_us),
            count: request.count,
            sequence: 0,
            payload: vec![0; request.size as usize].into(),
        }
    }

    /// When the next event is due: counted from the first one, so that no delay adds up.
    fn due(&mut self) -> Timestamp {
        let begun = *self.begun.get_or_insert_with(clock::now);
        let nanoseconds = self.interval.as_nanos().saturating_mul(u128::from(self.sequence));
        begun + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl Stream for Watch {
    type Item = Result<Event, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.count > 0 && this.sequence == this.count {
            return Poll::Ready(None);
        }
        if !this.interval.is_zero() {
            let due = this.due();
            let wait = this.wait.get_or_insert_with(|| SendWrapper::new(Until::new(&this.alarm, due)));
            ready!(Pin::new(&mut **wait).poll(context));
            this.wait = None;
        }
        this.sequence += 1;
        let made = clock::time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default();
        Poll::Ready(Some(Ok(Event {
            sequence: this.sequence,
            made_us: u64::try_from(made.as_micros()).unwrap_or(u64::MAX),
            payload: this.payload.clone(),
        })))
    }
}

/// A reply for each message.
pub(super) struct Chat {
    /// None when all have come.
    messages: Option<Streaming<ChatMessage>>,
    sequence: u64,
    due: VecDeque<ChatReply>,
    held: Vec<Held>,
    held_bytes: usize,
}

/// A reply that waits until the message of this place has come.
struct Held {
    until: u64,
    reply: ChatReply,
}

impl Chat {
    pub(super) fn new(messages: Streaming<ChatMessage>) -> Self {
        Self { messages: Some(messages), sequence: 0, due: VecDeque::new(), held: Vec::new(), held_bytes: 0 }
    }

    fn take(&mut self, message: ChatMessage) -> Result<(), Status> {
        let ChatMessage { key, payload, hold } = message;
        self.sequence += 1;
        let reply = ChatReply { key, payload, sequence: self.sequence };
        if hold > LONGEST_HOLD {
            return Err(Status::invalid_argument(format!(
                "hold: expected at most {LONGEST_HOLD}, found {hold}"
            )));
        }
        if hold == 0 {
            self.due.push_back(reply);
        } else {
            self.held_bytes += reply.payload.len() + reply.key.len();
            if self.held_bytes > MOST_HELD {
                return Err(Status::resource_exhausted(format!(
                    "replies that are held may have {MOST_HELD} bytes together"
                )));
            }
            self.held.push(Held { until: self.sequence + u64::from(hold), reply });
        }
        self.release(self.sequence);
        Ok(())
    }

    /// Has all replies sent that wait for message `sequence` or one before it, those first that wait for an earlier one.
    fn release(&mut self, sequence: u64) {
        if self.held.iter().all(|held| held.until > sequence) {
            return;
        }
        self.held.sort_by_key(|held| held.until);
        let count = self.held.partition_point(|held| held.until <= sequence);
        for held in self.held.drain(..count) {
            self.held_bytes -= held.reply.payload.len() + held.reply.key.len();
            self.due.push_back(held.reply);
        }
    }
}

impl Stream for Chat {
    type Item = Result<ChatReply, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(reply) = self.due.pop_front() {
                return Poll::Ready(Some(Ok(reply)));
            }
            let Some(messages) = &mut self.messages else {
                return Poll::Ready(None);
            };
            let failed = match ready!(Pin::new(messages).poll_next(context)) {
                Some(Ok(message)) => self.take(message).err(),
                Some(Err(status)) => Some(status),
                None => {
                    self.messages = None;
                    self.release(u64::MAX);
                    None
                }
            };
            if let Some(status) = failed {
                self.messages = None;
                return Poll::Ready(Some(Err(status)));
            }
        }
    }
}
