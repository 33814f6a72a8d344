//! A guest's stream: messages in bytes or in JSON on a stream that stays open ([`crate::stream`]).

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use prony_core::{Exchange, FailureKind, Marks, Outcome, Scope, Settled, StepId, Timestamp};
use send_wrapper::SendWrapper;

use super::known::Known;
use super::user::{Asked, GuestUser, Performed};
use super::words::GuestMessage;
use crate::config::NAME;
use crate::driver::WorkerPart;
use crate::message;
use crate::metrics::count;
use crate::reply::Kept;
use crate::session::{Failure, Lent};
use crate::step::{OwnedKey, framed};
use crate::stream::{self, Ended, Keeping, Measures, OnEnd, OpenStream, Opening, Trouble};

/// A stream. Clones are the same one; it is reset when the last of the guest's is gone.
#[derive(Clone)]
pub struct GuestStream {
    stream: OpenStream,
    known: Arc<Known>,
    part: Arc<WorkerPart>,
    timed: SendWrapper<Rc<Timed>>,
}

/// Where the answers to a stream's messages are timed: its name, until the first of them makes a line in results of it.
struct Timed {
    name: String,
    step: OnceCell<Option<StepId>>,
}

impl Ended {
    /// What whoever waits for a message is told.
    fn verdict(&self) -> Result<Option<Bytes>, Trouble> {
        self.trouble().map_or(Ok(None), Err)
    }

    fn performed(&self) -> Performed {
        let mut kept = Kept::default();
        self.tell(&mut kept);
        let Exchange { outcome, detail, settled } = &self.exchange;
        let exchange = Exchange { outcome: *outcome, detail: detail.clone(), settled: *settled };
        Performed { exchange, reply: Box::new(kept) }
    }
}

/// A key that a guest gives.
fn owned(key: &str) -> OwnedKey {
    OwnedKey::Bytes(key.as_bytes().into())
}

impl GuestStream {
    /// Opens one; `on_end` hears of its end, also when there was none to be had.
    pub(super) async fn open(
        user: &GuestUser,
        asked: Asked,
        name: String,
        due: Timestamp,
        on_end: OnEnd,
        scope: &mut Scope<'_>,
    ) -> Result<Self, Trouble> {
        let part = &user.part;
        let ends = part.clock.now() + asked.wishes.timeout;
        let opening = Opening {
            part,
            lines: Lent::Together(&user.lines),
            head: &asked.known.step.head,
            due,
            begins: ends,
            ends: Some(ends),
            // The guest's memory is bounded, and so is what waits for it.
            keeping: Keeping::Holds,
            measures: Measures::default(),
            is_told_answers: true,
            expected: asked.wishes.expected,
        };
        match opening.open(scope).await {
            Ok(opened) => Ok(Self {
                stream: opened.run(on_end),
                known: asked.known,
                part: Arc::clone(part),
                timed: SendWrapper::new(Rc::new(Timed { name, step: OnceCell::new() })),
            }),
            Err(exchange) => {
                on_end(&exchange);
                let Exchange { outcome, detail, settled: Settled::Now | Settled::Later } = exchange;
                let kind = outcome.failure.unwrap_or(FailureKind::Request);
                Err(Trouble { kind, story: detail.unwrap_or_default() })
            }
        }
    }

    /// Sends a message; waits as long as the server's flow control says. One that cannot be made ends the stream.
    ///
    /// # Errors
    /// When the stream has ended, or ends by it.
    pub async fn send(&self, message: GuestMessage) -> Result<(), Trouble> {
        self.put(message, stream::Asked::Nothing).await
    }

    /// The same for one that asks for an answer, which the guest will know by `key`.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn ask(&self, key: &str, message: GuestMessage) -> Result<(), Trouble> {
        self.put(message, stream::Asked::By(Some(owned(key)))).await
    }

    async fn put(&self, message: GuestMessage, asked: stream::Asked) -> Result<(), Trouble> {
        let due = self.part.clock.now();
        match message.encode(&self.known) {
            Ok(bytes) => {
                let message = framed(&bytes, self.part.compiled.settings.compression);
                self.stream.send(message, due, asked).await.map(drop)
            }
            Err(text) => Err(self.stream.fail(Failure::request(text))),
        }
    }

    /// The guest has seen the answer to the oldest message that was asked under this key: it came at that moment. False when there
    /// is none that was sent before.
    #[must_use]
    pub fn answered(&self, key: &str, at: Timestamp) -> bool {
        let part = &self.part;
        // A guest that speaks of the future means now.
        let at = at.min(part.clock.now());
        let Some(sent) = self.stream.answered(&owned(key), at) else {
            count(&part.tallies.unmatched, 1);
            return false;
        };
        let Timed { name, step } = &**self.timed;
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
        self.stream.arrived()
    }

    /// Tells the server that no more messages come.
    pub async fn finish(&self) {
        self.stream.finish().await;
    }

    /// The next message; `None` when the stream has ended as expected.
    ///
    /// # Errors
    /// When it has ended otherwise.
    pub async fn next(&self) -> Result<Option<Bytes>, Trouble> {
        match self.stream.next(|_| true).await {
            Ok(message) => Ok(Some(message.bytes)),
            Err(end) => end.verdict(),
        }
    }

    /// The next message in proto3 JSON. One that cannot be read ends the stream.
    ///
    /// # Errors
    /// As [`Self::next`], and when the message cannot be read.
    pub async fn next_json(&self) -> Result<Option<String>, Trouble> {
        if let Err(text) = self.known.described() {
            return Err(self.stream.fail(Failure::request(text)));
        }
        let Some(bytes) = self.next().await? else { return Ok(None) };
        let read = self.known.described().and_then(|method| message::decode(&bytes, &method.output));
        match read {
            Ok(message) => Ok(Some(message::to_json(&message))),
            Err(text) => {
                let text = format!("a message cannot be read: {text}");
                Err(self.stream.fail(Failure::protocol(text)))
            }
        }
    }

    /// Wants no more of it: it is reset, which is no failure.
    pub fn cancel(&self) {
        self.stream.cancel();
    }

    /// Waits for the stream's end. Nothing more is sent, and messages that still come are let go.
    pub async fn end(&self) -> Performed {
        self.stream.end().await.performed()
    }
}
