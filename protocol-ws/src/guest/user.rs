//! A guest's user: what is asked of its connection one after the other, and messages, which are received beside that.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Phase, Random, Reply, Scope, Session, Settled, Timestamp,
    Traced, Wanted,
};
use prony_transport::Deadline;
use send_wrapper::SendWrapper;

use super::asks::Asks;
use super::words::{Asked, GuestArrived, GuestRequest, read};
use crate::connection::{Connection, SharedConnection, State};
use crate::driver::SharedPart;
use crate::reply::{Arrived, Kept};
use crate::session::{Patience, WsSession};
use crate::step::{Action, Message, Payload, Step};

/// One user's WebSocket. Clones are the same user.
#[derive(Clone)]
pub struct GuestUser {
    pub(super) user: u32,
    pub(super) part: SharedPart,
    pub(super) connection: SharedConnection,
    /// What is asked of it waits for what was asked before.
    pub(super) session: Arc<tokio::sync::Mutex<(WsSession, Random)>>,
    /// Requests whose answers the guest knows.
    pub(super) asks: SharedAsks,
}

type SharedAsks = SendWrapper<Rc<RefCell<Asks>>>;

/// A request whose answer the guest knows, until it has its end.
struct Asking<'a> {
    asks: &'a SharedAsks,
    key: &'a str,
    number: u64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.asks.borrow_mut().forget(self.key, self.number);
    }
}

/// A request and its end, with the answer.
pub struct Performed {
    /// The figures, for the host to record.
    pub exchange: Exchange,
    /// The answer; empty after a failure, but for a refused handshake.
    pub reply: Box<dyn Reply>,
}

/// Why there is nothing.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The kind.
    pub kind: FailureKind,
    /// HTTP's status of a refusal, or the code of a CLOSE.
    pub status: Option<u16>,
    /// The story.
    pub story: Box<str>,
}

impl From<crate::connection::Trouble> for Trouble {
    fn from(trouble: crate::connection::Trouble) -> Self {
        Self { kind: trouble.kind, status: trouble.status, story: trouble.story }
    }
}

impl GuestUser {
    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.borrow().state() == State::Up
    }

    /// A new iteration begins, which is told what the wall time at the clock's origin is: a connection that is an iteration's own is
    /// let go when the next thing is asked for.
    pub fn begin_iteration(&self, wall_origin: Duration) {
        self.part.wall_origin.set(wall_origin);
        // Whoever is in the middle of something has not left its iteration.
        if let Ok(mut held) = self.session.try_lock() {
            held.0.begin_iteration();
        }
    }

    /// Performs a request, due at `due` and in its place of a trace. The host records it.
    pub async fn perform(&self, request: GuestRequest, due: Timestamp, trace: Option<Traced>) -> Performed {
        let asked = match read(request, &self.part.compiled.settings) {
            Ok(asked) => asked,
            Err(text) => return self.refused(due, trace, text),
        };
        let step = &asked.step;
        // What need not wait for others goes beside the steps.
        match (&step.action, &asked.key) {
            (Action::Receive(_), _) => {
                let mut outcome = Outcome::due(due).traced(trace);
                let got = self.receive(step, &mut outcome).await;
                self.performed(got.map(Kept::Message), outcome)
            }
            (Action::Send(message), _) => {
                let mut outcome = Outcome::due(due).traced(trace);
                let sent = self.send(step, message, &mut outcome).await;
                self.performed(sent.map(|()| Kept::Nothing), outcome)
            }
            (Action::Request(message, _), Some(key)) => {
                let mut outcome = Outcome::due(due).traced(trace);
                let answered = self.ask(step, message, key, &mut outcome).await;
                self.performed(answered.map(|()| Kept::Nothing), outcome)
            }
            _ => self.step(asked, due, trace).await,
        }
    }

    /// The end of what was done beside the steps.
    fn performed(&self, ended: Result<Kept, crate::connection::Trouble>, mut outcome: Outcome) -> Performed {
        if outcome.finished <= outcome.intended {
            outcome.finished = self.part.clock.now();
        }
        let (reply, detail) = match ended {
            Ok(reply) => {
                outcome.status = Some(0);
                (reply, None)
            }
            Err(trouble) => {
                outcome.failure = Some(trouble.kind);
                outcome.status = trouble.status;
                (Kept::Nothing, Some(trouble.story))
            }
        };
        let exchange = Exchange { outcome, detail, settled: Settled::Now };
        Performed { exchange, reply: Box::new(reply) }
    }

    async fn step(&self, asked: Asked, due: Timestamp, trace: Option<Traced>) -> Performed {
        let mut held = self.session.lock().await;
        let (session, random) = &mut *held;
        let mut scope = Scope { trace, ..self.scope(random, due) };
        if let Some(opening) = asked.opening {
            session.introduce_as(opening);
        }
        // On the heap: it is the largest part of what a request under way holds, and everything around it moves.
        let mut exchange = Box::pin(session.take_step(&asked.step, &mut scope, due)).await;
        exchange.outcome.trace = scope.trace;
        Performed { exchange, reply: session.take_reply() }
    }

    /// A request that was never made.
    fn refused(&self, due: Timestamp, trace: Option<Traced>, text: String) -> Performed {
        let outcome = Outcome {
            finished: self.part.clock.now(),
            failure: Some(FailureKind::Request),
            ..Outcome::due(due).traced(trace)
        };
        let exchange = Exchange { outcome, detail: Some(text.into()), settled: Settled::Now };
        Performed { exchange, reply: Box::new(Kept::Nothing) }
    }

    /// Waits for a message.
    async fn receive(
        &self,
        step: &Step,
        outcome: &mut Outcome,
    ) -> Result<Arrived, crate::connection::Trouble> {
        let began = self.part.clock.now();
        let mut from = 0;
        // What came before the connection was lost is there all the same.
        let here = self.connection.borrow_mut().inbox.take(&mut from, |_| true);
        let arrived = match here {
            Some(arrived) => arrived,
            None => {
                let mut deadline = Deadline::default();
                let away = self.connection.borrow().state() == State::Away;
                if away {
                    self.patience(&mut deadline, step.timeout).back().await?;
                }
                self.stand(step, outcome).await?;
                let mut patience = self.patience(&mut deadline, step.timeout);
                patience.until("no message came", |one| one.inbox.take(&mut from, |_| true)).await?
            }
        };
        outcome.sent = Some(began);
        outcome.finished = arrived.at.max(began);
        outcome.traffic.received += arrived.length;
        outcome.body_bytes = arrived.size;
        Ok(arrived)
    }

    /// Sends a message, and waits until all of it is written.
    async fn send(
        &self,
        step: &Step,
        message: &Message,
        outcome: &mut Outcome,
    ) -> Result<(), crate::connection::Trouble> {
        self.stand(step, outcome).await?;
        let upto = self.hand_over(step, message, outcome).await?;
        let mut deadline = Deadline::default();
        let mut patience = self.patience(&mut deadline, step.timeout);
        let epoch = patience.epoch;
        // Counted from its own begin, another connection's bytes are no measure.
        let is_written = |one: &mut Connection| (one.epoch() == epoch && one.written() >= upto).then_some(());
        patience.until("the server did not read the message", is_written).await?;
        outcome.finished = self.part.clock.now();
        Ok(())
    }

    /// Sends a message, and waits until the guest has said when its answer came.
    async fn ask(
        &self,
        step: &Step,
        message: &Message,
        key: &str,
        outcome: &mut Outcome,
    ) -> Result<(), crate::connection::Trouble> {
        self.stand(step, outcome).await?;
        let number = self.asks.borrow_mut().ask(key, self.part.clock.now());
        let _asking = Asking { asks: &self.asks, key, number };
        self.hand_over(step, message, outcome).await?;
        let mut deadline = Deadline::default();
        let mut patience = self.patience(&mut deadline, step.timeout);
        let at = patience.until("no answer came", |_| self.asks.borrow_mut().take(number)).await?;
        let sent = outcome.sent.unwrap_or(outcome.intended);
        outcome.finished = at.max(sent);
        outcome.phases.set(Phase::Wait, outcome.finished.nanos_since(sent));
        Ok(())
    }

    /// The guest has seen the answer to the oldest request with this key, which came at that moment. False when there is none that
    /// was sent before.
    #[must_use]
    pub fn answered(&self, key: &str, at: Timestamp) -> bool {
        // A guest that speaks of the future means now.
        let found = self.asks.borrow_mut().answer(key, at.min(self.part.clock.now()));
        if found {
            self.connection.borrow_mut().tell();
        }
        found
    }

    /// Sees to it that there is a connection.
    async fn stand(&self, step: &Step, outcome: &mut Outcome) -> Result<(), crate::connection::Trouble> {
        let held = match self.session.try_lock() {
            // Who is in the middle of something has a connection, or is about to.
            Err(_) if self.is_connected() => return Ok(()),
            Err(_) => None,
            Ok(held) => Some(held),
        };
        let mut held = match held {
            Some(held) => held,
            None => self.session.lock().await,
        };
        let (session, random) = &mut *held;
        let mut scope = Scope { trace: outcome.trace, ..self.scope(random, outcome.intended) };
        let stands = Box::pin(session.ready(step, &mut scope, outcome)).await;
        outcome.trace = scope.trace;
        stands
    }

    /// Puts a message on its way. How many bytes of the connection will have been written by its end.
    async fn hand_over(
        &self,
        step: &Step,
        message: &Message,
        outcome: &mut Outcome,
    ) -> Result<u64, crate::connection::Trouble> {
        let Payload::Constant(payload) = &message.payload else {
            return Err(crate::connection::Trouble::new(
                FailureKind::Request,
                "a guest's message is no template",
            ));
        };
        if !self.connection.borrow().has_room() {
            let mut deadline = Deadline::default();
            self.patience(&mut deadline, step.timeout).room().await?;
        }
        outcome.sent = Some(self.part.clock.now());
        let (length, upto) = self.connection.borrow_mut().put(message.is_text, payload, message.fragments);
        Connection::write_now(&self.connection);
        outcome.traffic.sent += length;
        Ok(upto)
    }

    fn patience<'a>(&'a self, deadline: &'a mut Deadline, limit: Duration) -> Patience<'a> {
        let epoch = self.connection.borrow().epoch();
        Patience { clock: self.part.clock, connection: &self.connection, epoch, deadline, limit }
    }

    fn scope<'a>(&self, random: &'a mut Random, due: Timestamp) -> Scope<'a> {
        let wall = self.part.wall_origin.get() + Duration::from_nanos(due.as_nanos());
        Scope {
            values: &[],
            user: self.user,
            iteration: 0,
            random,
            wall,
            message: None,
            filter: None,
            trace: None,
        }
    }

    /// The next message of the stream that the server pushes; `None` when the load does not want the user any more, or there is no
    /// connection.
    ///
    /// # Errors
    /// When the connection is lost for good.
    pub async fn next(&self, wanted: &Wanted) -> Result<Option<GuestArrived>, Trouble> {
        let mut ended = std::pin::pin!(wanted.over(self.part.clock, tokio::time::sleep));
        let mut from = 0;
        std::future::poll_fn(|context| {
            let mut connection = self.connection.borrow_mut();
            if let Some(arrived) = connection.inbox.take(&mut from, |_| true) {
                return Poll::Ready(Ok(Some(arrived.into())));
            }
            if connection.state() == State::Idle {
                return Poll::Ready(
                    connection.take_trouble().map_or(Ok(None), |trouble| Err(trouble.into())),
                );
            }
            connection.wait(context.waker());
            drop(connection);
            ended.as_mut().poll(context).map(|()| Ok(None))
        })
        .await
    }

    /// Closes the connection in good order.
    pub fn leave(&self) -> BoxFuture<'static, ()> {
        let session = Arc::clone(&self.session);
        Box::pin(async move { session.lock().await.0.leave().await })
    }
}
