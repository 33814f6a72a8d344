//! A guest's stream: what it sends and reads as it likes. A task of the worker takes what comes ([`super::pump`]), so that a stream's
//! end is known when it happens, whatever the guest is at.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use prony_core::{Exchange, FailureKind, Marks, Outcome, StepId, Timestamp};
use send_wrapper::SendWrapper;
use tokio::sync::Mutex;

use super::known::Known;
use super::user::{Performed, Trouble};
use super::words::GuestMessage;
use crate::config::NAME;
use crate::driver::WorkerPart;
use crate::message;
use crate::metrics::count;
use crate::reply::Kept;
use crate::session::{Failure, Matching, SentAt};
use crate::step::{OwnedKey, framed};
use crate::wire::Code;

pub(super) use super::pump::Opening;

/// What hears of a stream's end.
pub type OnEnd = Box<dyn FnOnce(&Exchange) + Send + Sync>;

/// A stream. Clones are the same one; it is reset when the last of the guest's is gone.
#[derive(Clone)]
pub struct GuestStream {
    pub(super) inner: SharedInner,
    /// Messages go out one after the other, and come one after the other.
    sending: Arc<Mutex<()>>,
    receiving: Arc<Mutex<()>>,
    _hold: Arc<Hold>,
}

pub(super) type SharedInner = SendWrapper<Rc<Inner>>;

/// What the guest and the task share. Nobody holds a part of it over an `await`.
pub(super) struct Inner {
    pub(super) part: Arc<WorkerPart>,
    pub(super) known: Arc<Known>,
    pub(super) stream: RefCell<SendStream<Bytes>>,
    pub(super) state: RefCell<State>,
    /// Where the answers to its messages are timed.
    pub(super) timed: Timed,
}

/// How far a stream is.
#[derive(Default)]
pub(super) struct State {
    /// Messages that came and were not asked for yet, with the moments they came at, and their bytes.
    pub(super) inbox: VecDeque<(Bytes, Timestamp)>,
    pub(super) held: usize,
    /// Nobody asks for messages any more.
    pub(super) drains: bool,
    /// The guest has said that it sends no more.
    pub(super) finished: bool,
    /// The guest's wish to end it, until the task has seen it.
    pub(super) wish: Option<Wish>,
    pub(super) end: Option<Rc<Ended>>,
    /// When the first message was handed over.
    pub(super) first: Option<Timestamp>,
    pub(super) sent: u64,
    pub(super) bytes: u64,
    /// When the message came that the guest was given last.
    arrived: Timestamp,
    /// Messages whose answers the guest knows.
    pub(super) asked: Matching,
    /// The guest's tasks that wait for something.
    waiting: Vec<Waker>,
    pub(super) task: Option<Waker>,
}

/// Where the answers to a stream's messages are timed: its name, until the first of them makes a line in results of it.
pub(super) struct Timed {
    pub(super) name: String,
    pub(super) step: OnceCell<Option<StepId>>,
}

/// How a guest ends a stream.
pub(super) enum Wish {
    Cancel,
    Fail(Failure),
}

/// A stream's end.
pub(super) struct Ended {
    pub(super) exchange: Exchange,
    pub(super) metadata: HeaderMap,
    pub(super) trailers: HeaderMap,
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|known| known.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }

    /// Wakes the guest's tasks.
    pub(super) fn tell(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Wakes the stream's task.
    fn poke(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Ends it, unless it has an end.
    fn end_by(&mut self, wish: Wish) {
        if self.end.is_none() && self.wish.is_none() {
            self.wish = Some(wish);
            self.inbox.clear();
            self.held = 0;
            self.poke();
        }
    }
}

/// A message on its way out.
struct Leaving<'a> {
    inner: &'a SharedInner,
    rest: Bytes,
    length: usize,
    /// Since when there is no room for it.
    stalled: Option<Timestamp>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        // Nothing can follow a part of a message.
        if !self.rest.is_empty() && self.rest.len() < self.length {
            let failure = Failure::request("a message was given up when a part of it was sent");
            self.inner.state.borrow_mut().end_by(Wish::Fail(failure));
        }
    }
}

/// The guest's hold on a stream.
struct Hold(SharedInner);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state.borrow_mut().end_by(Wish::Cancel);
    }
}

impl Ended {
    /// Whether it is an answer: the server's status, or the guest's own end.
    fn is_answer(&self) -> bool {
        matches!(self.exchange.outcome.failure, None | Some(FailureKind::Status))
    }

    /// What whoever waits for a message is told.
    fn verdict(&self) -> Result<Option<Bytes>, Trouble> {
        match self.exchange.outcome.failure {
            None => Ok(None),
            Some(kind) => Err(Trouble { kind, story: self.story() }),
        }
    }

    fn story(&self) -> Box<str> {
        self.exchange.detail.clone().unwrap_or_else(|| "the stream has ended".into())
    }

    /// What whoever wants to send a message is told.
    fn refusal(&self) -> Trouble {
        let Some(kind) = self.exchange.outcome.failure else {
            let status = self.exchange.outcome.status.and_then(Code::by_number).map_or("", Code::name);
            let story = format!("the stream has ended with {status}; nothing can be sent on it").into();
            return Trouble { kind: FailureKind::Closed, story };
        };
        Trouble { kind, story: self.story() }
    }

    fn performed(&self) -> Performed {
        let mut kept = Kept::default();
        if self.is_answer() {
            kept.metadata.clone_from(&self.metadata);
            kept.trailers.clone_from(&self.trailers);
            (kept.received, kept.sent) = (self.received, self.sent);
        }
        let Exchange { outcome, detail, settled } = &self.exchange;
        let exchange = Exchange { outcome: *outcome, detail: detail.clone(), settled: *settled };
        Performed { exchange, reply: Box::new(kept) }
    }
}

impl GuestStream {
    pub(super) fn new(inner: SharedInner) -> Self {
        let hold = Arc::new(Hold(inner.clone()));
        Self { inner, sending: Arc::default(), receiving: Arc::default(), _hold: hold }
    }

    /// Sends a message; waits as long as the server's flow control says. One that cannot be made ends the stream.
    ///
    /// # Errors
    /// When the stream has ended, or ends by it.
    pub async fn send(&self, message: GuestMessage) -> Result<(), Trouble> {
        self.put(message, None).await
    }

    /// The same for one that asks for an answer, which the guest will know by `key`.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn ask(&self, key: &str, message: GuestMessage) -> Result<(), Trouble> {
        self.put(message, Some(key)).await
    }

    async fn put(&self, message: GuestMessage, key: Option<&str>) -> Result<(), Trouble> {
        let due = self.inner.part.clock.now();
        let _turn = self.sending.lock().await;
        if self.inner.state.borrow().finished {
            return Err(self.fail(FailureKind::Request, "a message after the stream was finished".to_owned()));
        }
        let bytes = match message.encode(&self.inner.known) {
            Ok(bytes) => bytes,
            Err(text) => return Err(self.fail(FailureKind::Request, text)),
        };
        let rest = framed(&bytes, self.inner.part.compiled.settings.compression);
        let mut leaving = Leaving { inner: &self.inner, length: rest.len(), rest, stalled: None };
        std::future::poll_fn(|context| self.poll_send(context, &mut leaving)).await?;
        let at = self.inner.part.clock.now();
        let mut state = self.inner.state.borrow_mut();
        state.sent += 1;
        state.first.get_or_insert(at);
        let tallies = &self.inner.part.tallies;
        count(&tallies.messages_sent, 1);
        if let Some(key) = key {
            let key = OwnedKey::Bytes(key.as_bytes().into());
            if !state.asked.sent(Some(key), SentAt { due, at }) {
                count(&tallies.untimed, 1);
            }
        }
        Ok(())
    }

    /// The guest has seen the answer to the oldest message that was asked under this key: it came at that moment. False when there
    /// is none that was sent before.
    #[must_use]
    pub fn answered(&self, key: &str, at: Timestamp) -> bool {
        let part = &self.inner.part;
        // A guest that speaks of the future means now.
        let at = at.min(part.clock.now());
        let key = OwnedKey::Bytes(key.as_bytes().into());
        let found = self.inner.state.borrow_mut().asked.answered_at(&key, at);
        let Some(sent) = found else {
            count(&part.tallies.unmatched, 1);
            return false;
        };
        let Timed { name, step } = &self.inner.timed;
        let step =
            step.get_or_init(|| part.meter.delivery_named(part.scenario, &format!("message {name}"), NAME));
        if let Some(step) = *step {
            let mut outcome = Outcome::due(sent.due);
            outcome.sent = Some(sent.at);
            outcome.finished = at;
            outcome.status = Some(0);
            part.meter.request(step, &outcome, Marks::default());
        }
        true
    }

    /// When the message came that [`Self::next`] gave last.
    #[must_use]
    pub fn arrived(&self) -> Timestamp {
        self.inner.state.borrow().arrived
    }

    fn poll_send(&self, context: &mut Context<'_>, leaving: &mut Leaving<'_>) -> Poll<Result<(), Trouble>> {
        let (clock, tallies) = (self.inner.part.clock, &self.inner.part.tallies);
        let mut state = self.inner.state.borrow_mut();
        let mut stream = self.inner.stream.borrow_mut();
        let Leaving { rest, stalled, .. } = leaving;
        loop {
            if let Some(end) = &state.end {
                return Poll::Ready(Err(end.refusal()));
            }
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            stream.reserve_capacity(rest.len());
            let piece = stream.capacity().min(rest.len());
            if piece == 0 {
                match stream.poll_capacity(context) {
                    Poll::Ready(Some(Ok(_))) => continue,
                    // The server takes no more; why, the task hears.
                    Poll::Ready(None | Some(Err(_))) | Poll::Pending => {}
                }
                stalled.get_or_insert_with(|| clock.now());
                state.wait(context);
                return Poll::Pending;
            }
            if let Some(since) = stalled.take() {
                count(&tallies.stalls, 1);
                count(&tallies.stalled, clock.now().nanos_since(since));
            }
            if stream.send_data(rest.split_to(piece), false).is_err() {
                state.wait(context);
                return Poll::Pending;
            }
            state.bytes += piece as u64;
        }
    }

    /// Tells the server that no more messages come.
    pub async fn finish(&self) {
        let _turn = self.sending.lock().await;
        self.half_close();
    }

    fn half_close(&self) {
        let mut state = self.inner.state.borrow_mut();
        if !std::mem::replace(&mut state.finished, true) && state.end.is_none() {
            // Refused only when the server has ended the stream, which it says itself.
            let _ = self.inner.stream.borrow_mut().send_data(Bytes::new(), true);
        }
    }

    /// The next message; `None` when the stream has ended as expected.
    ///
    /// # Errors
    /// When it has ended otherwise.
    pub async fn next(&self) -> Result<Option<Bytes>, Trouble> {
        let _turn = self.receiving.lock().await;
        std::future::poll_fn(|context| {
            let mut state = self.inner.state.borrow_mut();
            if let Some((message, at)) = state.inbox.pop_front() {
                state.held -= message.len();
                state.arrived = at;
                state.poke();
                return Poll::Ready(Ok(Some(message)));
            }
            if let Some(end) = &state.end {
                return Poll::Ready(end.verdict());
            }
            state.wait(context);
            Poll::Pending
        })
        .await
    }

    /// The next message in proto3 JSON. One that cannot be read ends the stream.
    ///
    /// # Errors
    /// As [`Self::next`], and when the message cannot be read.
    pub async fn next_json(&self) -> Result<Option<String>, Trouble> {
        if let Err(text) = self.inner.known.described() {
            return Err(self.fail(FailureKind::Request, text));
        }
        let Some(bytes) = self.next().await? else { return Ok(None) };
        let read = self.inner.known.described().and_then(|method| message::decode(&bytes, &method.output));
        match read {
            Ok(message) => Ok(Some(message::to_json(&message))),
            Err(text) => Err(self.fail(FailureKind::Protocol, format!("a message cannot be read: {text}"))),
        }
    }

    /// Wants no more of it: it is reset, which is no failure.
    pub fn cancel(&self) {
        self.inner.state.borrow_mut().end_by(Wish::Cancel);
    }

    /// Waits for the stream's end. Nothing more is sent, and messages that still come are let go.
    pub async fn end(&self) -> Performed {
        let turn = self.sending.lock().await;
        self.half_close();
        drop(turn);
        std::future::poll_fn(|context| {
            let mut state = self.inner.state.borrow_mut();
            if let Some(end) = &state.end {
                return Poll::Ready(end.performed());
            }
            state.drains = true;
            state.inbox.clear();
            state.held = 0;
            state.poke();
            state.wait(context);
            Poll::Pending
        })
        .await
    }

    fn fail(&self, kind: FailureKind, text: String) -> Trouble {
        let failure = Failure::new(kind, Code::Internal, text.clone());
        self.inner.state.borrow_mut().end_by(Wish::Fail(failure));
        Trouble { kind, story: text.into() }
    }
}
