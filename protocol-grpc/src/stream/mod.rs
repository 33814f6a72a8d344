//! A stream that stays open while its user does something else, a plan's or a guest's: what is sent on it and taken from it, as its
//! user likes. A task of the worker takes what comes ([`pump`]), so that a stream's end is known when it happens, whatever its user is at.

mod inbox;
mod pump;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use prony_core::{Exchange, FailureKind, Timestamp};
use send_wrapper::SendWrapper;
use tokio::sync::Mutex;

use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::reply::Kept;
use crate::session::{DIRECT, Failure, Matching, SentAt};
use crate::step::OwnedKey;
use crate::wire::Code;

pub(crate) use inbox::{Arrived, Inbox, Keeping};
pub(crate) use pump::{Measures, Opening};

/// What hears of a stream's end.
pub type OnEnd = Box<dyn FnOnce(&Exchange) + Send + Sync>;

/// Why there is nothing.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The kind.
    pub kind: FailureKind,
    /// The story.
    pub story: Box<str>,
}

/// A stream. Clones are the same one; it is reset when the last of its user's is gone.
#[derive(Clone)]
pub(crate) struct OpenStream {
    inner: SharedInner,
    /// Messages go out one after the other, and come one after the other.
    sending: Arc<Mutex<()>>,
    receiving: Arc<Mutex<()>>,
    _hold: Arc<Hold>,
}

/// How the answer to a message is found.
pub(crate) enum Asked {
    /// Nobody looks for one.
    Nothing,
    /// By this key; a message without one that its stream goes by cannot be found again.
    By(Option<OwnedKey>),
}

type SharedInner = SendWrapper<Rc<Inner>>;

/// What the user and the task share. Nobody holds a part of it over an `await`.
struct Inner {
    part: Arc<WorkerPart>,
    stream: RefCell<SendStream<Bytes>>,
    state: RefCell<State>,
}

/// How far a stream is.
struct State {
    inbox: Inbox,
    /// The user has said that it sends no more.
    finished: bool,
    /// The user's wish to end it, until the task has seen it.
    wish: Option<Wish>,
    end: Option<Rc<Ended>>,
    on_end: Option<OnEnd>,
    /// Messages that wait for their answers, where they are timed.
    matching: Option<Matching>,
    /// When the message came that was taken last.
    arrived: Timestamp,
    /// When the first message was handed over.
    first: Option<Timestamp>,
    sent: u64,
    bytes: u64,
    /// The user's tasks that wait for something.
    waiting: Vec<Waker>,
    task: Option<Waker>,
}

/// How a user ends a stream.
enum Wish {
    Cancel,
    Fail(Failure),
}

/// A stream's end.
pub(crate) struct Ended {
    pub(crate) exchange: Exchange,
    metadata: HeaderMap,
    trailers: HeaderMap,
    received: u64,
    sent: u64,
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|known| known.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }

    /// Wakes the user's tasks.
    fn tell(&mut self) {
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

/// The user's hold on a stream.
struct Hold(SharedInner);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state.borrow_mut().end_by(Wish::Cancel);
    }
}

impl Ended {
    /// Whether it is an answer: the server's status, or the user's own end.
    fn is_answer(&self) -> bool {
        matches!(self.exchange.outcome.failure, None | Some(FailureKind::Status))
    }

    /// Why it has ended, where that was not as expected.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.exchange.outcome.failure.map(|kind| Trouble { kind, story: self.story() })
    }

    fn story(&self) -> Box<str> {
        self.exchange.detail.clone().unwrap_or_else(|| self.status().into())
    }

    /// That it has ended, and with which status, where nothing went wrong.
    pub(crate) fn status(&self) -> String {
        match self.exchange.outcome.status.and_then(Code::by_number) {
            Some(code) => format!("the stream has ended with {}", code.name()),
            None => "the stream has ended".to_owned(),
        }
    }

    /// What whoever wants to send a message is told.
    fn refusal(&self) -> Trouble {
        self.trouble().unwrap_or_else(|| Trouble {
            kind: FailureKind::Closed,
            story: format!("{}; nothing can be sent on it", self.status()).into(),
        })
    }

    /// Puts what it has told of itself into `kept`.
    pub(crate) fn tell(&self, kept: &mut Kept) {
        if self.is_answer() {
            kept.metadata.clone_from(&self.metadata);
            kept.trailers.clone_from(&self.trailers);
            (kept.received, kept.sent) = (self.received, self.sent);
        }
    }
}

impl OpenStream {
    fn new(inner: SharedInner) -> Self {
        let hold = Arc::new(Hold(inner.clone()));
        Self { inner, sending: Arc::default(), receiving: Arc::default(), _hold: hold }
    }

    /// Sends a message in its frame; waits as long as the server's flow control says. When it was handed over. One whose answer is timed
    /// was due at `due`.
    ///
    /// # Errors
    /// When the stream has ended, or ends by it.
    pub(crate) async fn send(
        &self,
        message: Bytes,
        due: Timestamp,
        asked: Asked,
    ) -> Result<Timestamp, Trouble> {
        let _turn = self.sending.lock().await;
        if self.inner.state.borrow().finished {
            return Err(self.fail(Failure::request("a message after the stream was finished")));
        }
        let mut leaving = Leaving { inner: &self.inner, length: message.len(), rest: message, stalled: None };
        let mut asked = asked;
        std::future::poll_fn(|context| self.poll_send(context, &mut leaving, due, &mut asked)).await
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        leaving: &mut Leaving<'_>,
        due: Timestamp,
        asked: &mut Asked,
    ) -> Poll<Result<Timestamp, Trouble>> {
        let (clock, tallies) = (self.inner.part.clock, &self.inner.part.tallies);
        let mut state = self.inner.state.borrow_mut();
        let mut stream = self.inner.stream.borrow_mut();
        let Leaving { rest, stalled, length, .. } = leaving;
        loop {
            if let Some(end) = &state.end {
                return Poll::Ready(Err(end.refusal()));
            }
            let mut piece = rest.len();
            // As in a call of one step: a first small message does not wait to be told that there is room.
            if state.sent > 0 || *length > DIRECT {
                stream.reserve_capacity(rest.len());
                piece = stream.capacity().min(rest.len());
            }
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
            if rest.is_empty() {
                let at = clock.now();
                state.sent += 1;
                state.first.get_or_insert(at);
                count(&tallies.messages_sent, 1);
                if let Some(matching) = &mut state.matching
                    && let Asked::By(key) = std::mem::replace(asked, Asked::Nothing)
                    && (key.is_none() || !matching.sent(key, SentAt { due, at }))
                {
                    count(&tallies.untimed, 1);
                }
                return Poll::Ready(Ok(at));
            }
        }
    }

    /// Tells the server that no more messages come.
    pub(crate) async fn finish(&self) {
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

    /// The first message that `wanted` likes of those that came and were not taken yet; it is asked once about each. The end, when the
    /// stream has ended without one.
    pub(crate) async fn next(&self, mut wanted: impl FnMut(&Arrived) -> bool) -> Result<Arrived, Rc<Ended>> {
        let _turn = self.receiving.lock().await;
        let mut looked_at = 0;
        std::future::poll_fn(|context| {
            let mut state = self.inner.state.borrow_mut();
            if let Some(message) = state.inbox.take(&mut looked_at, &mut wanted) {
                state.arrived = message.at;
                state.poke();
                return Poll::Ready(Ok(message));
            }
            if let Some(end) = &state.end {
                return Poll::Ready(Err(Rc::clone(end)));
            }
            state.wait(context);
            Poll::Pending
        })
        .await
    }

    /// When the message came that was taken last.
    pub(crate) fn arrived(&self) -> Timestamp {
        self.inner.state.borrow().arrived
    }

    /// The oldest message that was sent under this key, before `at`, and has no answer yet.
    pub(crate) fn answered(&self, key: &OwnedKey, at: Timestamp) -> Option<SentAt> {
        self.inner.state.borrow_mut().matching.as_mut()?.answered_at(key, at)
    }

    /// Wants no more of it: it is reset, which is no failure.
    pub(crate) fn cancel(&self) {
        self.inner.state.borrow_mut().end_by(Wish::Cancel);
    }

    /// Waits for the stream's end. Nothing more is sent, and messages that still come are let go.
    pub(crate) async fn end(&self) -> Rc<Ended> {
        self.finish().await;
        self.inner.state.borrow_mut().inbox.drain();
        self.gone().await
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) -> Rc<Ended> {
        std::future::poll_fn(|context| {
            let mut state = self.inner.state.borrow_mut();
            if let Some(end) = &state.end {
                return Poll::Ready(Rc::clone(end));
            }
            state.poke();
            state.wait(context);
            Poll::Pending
        })
        .await
    }

    /// Its user is cut off: whoever was to hear of its end is let go.
    pub(crate) fn cut(&self) {
        drop(self.inner.state.borrow_mut().on_end.take());
        self.cancel();
    }

    /// Ends it as failed.
    pub(crate) fn fail(&self, failure: Failure) -> Trouble {
        let trouble = Trouble { kind: failure.kind, story: failure.detail.clone() };
        self.inner.state.borrow_mut().end_by(Wish::Fail(failure));
        trouble
    }

    /// The last message that came and was not taken.
    pub(crate) fn take_last(&self) -> Option<Arrived> {
        self.inner.state.borrow_mut().inbox.take_last()
    }
}
