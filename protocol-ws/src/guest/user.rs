//! A guest's user: what is asked of its connection one after the other, and messages, which are received beside that.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Random, Reply, Scope, Session, Settled, Timestamp, Wanted,
};
use prony_transport::Deadline;

use super::words::{Asked, GuestMessage, GuestRequest, read};
use crate::connection::{SharedConnection, State};
use crate::driver::SharedPart;
use crate::reply::Kept;
use crate::session::{Patience, WsSession};
use crate::step::Action;

/// One user's WebSocket. Clones are the same user.
#[derive(Clone)]
pub struct GuestUser {
    pub(super) user: u32,
    pub(super) part: SharedPart,
    pub(super) connection: SharedConnection,
    /// What is asked of it waits for what was asked before.
    pub(super) session: Arc<tokio::sync::Mutex<(WsSession, Random)>>,
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

/// A year.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3_600);

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

    /// Performs a request, due at `due`. The host records it.
    pub async fn perform(&self, request: GuestRequest, due: Timestamp) -> Performed {
        let asked = match read(request, &self.part.compiled.settings) {
            Ok(asked) => asked,
            Err(text) => return self.refused(due, text),
        };
        if matches!(asked.step.action, Action::Receive(_)) && self.is_connected() {
            return self.receive(asked.step.timeout, due).await;
        }
        self.step(asked, due).await
    }

    async fn step(&self, asked: Asked, due: Timestamp) -> Performed {
        let mut held = self.session.lock().await;
        let (session, random) = &mut *held;
        let wall = self.part.wall_origin.get() + Duration::from_nanos(due.as_nanos());
        let mut scope = Scope { values: &[], user: self.user, iteration: 0, random, wall, message: None };
        if let Some(opening) = asked.opening {
            session.introduce_as(opening);
        }
        // On the heap: it is the largest part of what a request under way holds, and everything around it moves.
        let exchange = Box::pin(session.take_step(&asked.step, &mut scope, due)).await;
        Performed { exchange, reply: session.take_reply() }
    }

    /// A request that was never made.
    fn refused(&self, due: Timestamp, text: String) -> Performed {
        let outcome = Outcome {
            finished: self.part.clock.now(),
            failure: Some(FailureKind::Request),
            ..Outcome::due(due)
        };
        let exchange = Exchange { outcome, detail: Some(text.into()), settled: Settled::Now };
        Performed { exchange, reply: Box::new(Kept::Nothing) }
    }

    /// Waits for a message. Others may be asked for meanwhile, so it is no step.
    async fn receive(&self, limit: Duration, due: Timestamp) -> Performed {
        let clock = self.part.clock;
        let mut outcome = Outcome::due(due);
        outcome.sent = Some(clock.now());
        let mut deadline = Deadline::default();
        let epoch = self.connection.borrow().epoch();
        let mut patience =
            Patience { clock, connection: &self.connection, epoch, deadline: &mut deadline, limit };
        let mut from = 0;
        let got = patience.until("no message came", |one| one.inbox.take(&mut from, |_| true)).await;
        outcome.finished = clock.now();
        let mut reply = Kept::Nothing;
        let detail = match got {
            Ok(arrived) => {
                outcome.finished = outcome.finished.min(arrived.at.max(due));
                outcome.status = Some(0);
                outcome.traffic.received = arrived.length;
                outcome.body_bytes = arrived.size;
                reply = Kept::Message(arrived);
                None
            }
            Err(trouble) => {
                outcome.failure = Some(trouble.kind);
                outcome.status = trouble.status;
                Some(trouble.story)
            }
        };
        let exchange = Exchange { outcome, detail, settled: Settled::Now };
        Performed { exchange, reply: Box::new(reply) }
    }

    /// The next message of the stream that the server pushes; `None` when the load does not want the user any more, or there is no
    /// connection.
    ///
    /// # Errors
    /// When the connection is lost for good.
    pub async fn next(&self, wanted: &Wanted) -> Result<Option<GuestMessage>, Trouble> {
        let left = wanted.until - self.part.clock.now();
        let mut ended = std::pin::pin!(async {
            tokio::select! {
                () = wanted.stopped() => {}
                // Loads without an end last for centuries, which no timer does.
                () = tokio::time::sleep(left.min(LONGEST_WAIT)), if left < LONGEST_WAIT => {}
            }
        });
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
