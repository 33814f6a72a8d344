//! A user's WebSocket: what each step does with the user's connection.

mod exchange;
mod wait;

pub(crate) use wait::Patience;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Reply, Scope, Session, Settled, StepIndex, TRACEPARENT,
    Template, Timestamp,
};
use prony_transport::Deadline;

use crate::config::Policy;
use crate::connection::{Connection, Loss, SharedConnection, State, Trouble, open};
use crate::driver::SharedPart;
use crate::guest::GuestOpening;
use crate::reply::Kept;
use crate::step::{Action, Rendered, Step};

/// One user's WebSocket.
pub(crate) struct WsSession {
    part: SharedPart,
    connection: SharedConnection,
    kept: Kept,
    deadline: Deadline,
    /// A new iteration has begun, which wants a connection of its own.
    renews: bool,
    /// What a guest says in its handshakes beside the plan.
    opening: Option<Box<GuestOpening>>,
}

/// The longest that a server's CLOSE is waited for by who leaves.
const GOODBYE: Duration = Duration::from_secs(2);

impl WsSession {
    pub(crate) fn new(part: SharedPart, user: u32) -> Self {
        let connection = Connection::new(&part, user);
        Self {
            part,
            connection,
            kept: Kept::Nothing,
            deadline: Deadline::default(),
            renews: false,
            opening: None,
        }
    }

    /// The connection, for who looks at it beside the steps.
    pub(crate) fn connection(&self) -> SharedConnection {
        self.connection.clone()
    }

    /// What is said in handshakes from now on, where it differs from the plan.
    pub(crate) fn introduce_as(&mut self, opening: GuestOpening) {
        self.opening = Some(Box::new(opening));
    }

    /// Takes a step, which need not be the plan's.
    pub(crate) async fn take_step(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        intended: Timestamp,
    ) -> Exchange {
        if let Some(origin) = scope.wall.checked_sub(Duration::from_nanos(intended.as_nanos())) {
            self.part.wall_origin.set(origin);
        }
        let mut outcome = Outcome::due(intended);
        self.kept = Kept::Nothing;
        // A request that was cut off may still be answered.
        self.give_up();
        if std::mem::take(&mut self.renews) {
            self.retire().await;
        }
        let ended = match &step.action {
            Action::Connect(path) => self.connect(step, path.as_ref(), scope, &mut outcome).await,
            Action::Send(message) => self.send(step, message, scope, &mut outcome).await,
            Action::Receive(count) => self.receive(step, *count, scope, &mut outcome).await,
            Action::Request(message, matching) => {
                self.request(step, message, matching, scope, &mut outcome).await
            }
            Action::Ping => self.ping(step, scope, &mut outcome).await,
            Action::Close { code, reason } => self.close(step, *code, reason, scope, &mut outcome).await,
        };
        if outcome.finished <= intended {
            outcome.finished = self.part.clock.now();
        }
        let detail = ended.err().map(|trouble| {
            outcome.status = trouble.status;
            // A check of the status replaces the rule that a refusal, or the server's CLOSE, fails.
            let judged = step.judges_status
                && trouble.status.is_some()
                && matches!(
                    trouble.kind,
                    FailureKind::Status
                        | FailureKind::StatusClient
                        | FailureKind::StatusServer
                        | FailureKind::GoAway
                );
            outcome.failure = (!judged).then_some(trouble.kind);
            trouble.story
        });
        Exchange { outcome, detail, settled: Settled::Now }
    }

    /// `connect`: a connection that stands is closed first.
    async fn connect(
        &mut self,
        step: &Step,
        path: Option<&Template>,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        self.retire().await;
        let rendered = self.part.compiled.identity.render(path, scope)?;
        self.open(rendered, step.timeout, scope, outcome).await?;
        outcome.status = Some(101);
        Ok(())
    }

    /// Makes a connection.
    async fn open(
        &mut self,
        mut rendered: Rendered,
        limit: Duration,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        if let Some(opening) = &self.opening {
            opening.put_on(&mut rendered);
        }
        // Who says by itself of which trace a handshake is has the last word.
        let says = |(name, _): &(String, String)| name.eq_ignore_ascii_case(TRACEPARENT);
        scope.trace = scope.trace.filter(|_| !rendered.headers.iter().any(says));
        rendered.traceparent = scope.trace.map(|traced| traced.parent());
        let mut rendered = Box::new(rendered);
        // On the heap, for it is the largest part of what a step under way holds.
        let opening = Box::pin(open(self.part.clone(), &rendered, limit, outcome, &mut self.kept));
        let opened = opening.await;
        rendered.traceparent = None;
        let opened = match opened {
            Ok(opened) => opened,
            Err(trouble) => {
                // What cannot be asked for never can be.
                if trouble.kind != FailureKind::Request {
                    Connection::try_again(&self.connection, rendered);
                }
                return Err(trouble);
            }
        };
        Connection::install(&self.connection, opened, rendered, outcome);
        Ok(())
    }

    /// Sees to it that there is a connection: steps but `connect` make one when there was none yet.
    async fn stand(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let state = self.connection.borrow().state();
        match state {
            State::Up => Ok(()),
            State::Away => {
                outcome.untried = true;
                let text = "the connection is lost; it comes back by itself, as `reconnect` says";
                Err(Trouble::new(FailureKind::Closed, text))
            }
            State::Idle => {
                let trouble = self.connection.borrow_mut().take_trouble();
                if let Some(trouble) = trouble {
                    outcome.untried = true;
                    return Err(trouble);
                }
                let rendered = self.part.compiled.identity.render(None, scope)?;
                self.open(rendered, step.timeout, scope, outcome).await?;
                // The step's own time and phases are its message's.
                outcome.finished = outcome.intended;
                self.kept = Kept::Nothing;
                Ok(())
            }
        }
    }

    /// Sees to it that there is a connection, for who goes on beside the steps.
    pub(crate) async fn ready(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        if std::mem::take(&mut self.renews) {
            self.retire().await;
        }
        self.stand(step, scope, outcome).await
    }

    /// Nobody waits for the answer to the last request any more. By order a late one would be taken for the next request's, so its
    /// connection ends.
    fn give_up(&mut self) {
        let is_mistakable = self.connection.borrow_mut().give_up();
        if is_mistakable {
            self.part.notice("late", &|| {
                "a request was not answered in time: its connection is closed, for by order a late answer would be taken for the \
                 next request's; with a key to `match` by it stays"
                    .to_owned()
            });
            self.connection.borrow_mut().put_close(1000, "");
            self.end();
        }
    }

    /// Closes a connection that stands, in good order, but does not wait for that for long.
    async fn retire(&mut self) {
        let state = self.connection.borrow().state();
        if state == State::Up {
            let epoch = self.connection.borrow().epoch();
            self.connection.borrow_mut().put_close(1000, "");
            Connection::write_now(&self.connection);
            let limit = GOODBYE.min(self.part.compiled.settings.timeout);
            let mut patience = self.patience(epoch, limit);
            // Who does not answer is left all the same.
            let _ = patience.until("no CLOSE came", |connection| connection.take_closed()).await;
        }
        if self.connection.borrow().state() != State::Idle {
            self.end();
        }
    }

    /// Ends the connection for good.
    fn end(&self) {
        let trouble = Trouble::new(FailureKind::Closed, "the user closed the connection");
        Connection::lost(&self.connection, trouble, Loss::Left);
    }

    fn patience(&mut self, epoch: u32, limit: Duration) -> Patience<'_> {
        Patience {
            clock: self.part.clock,
            connection: &self.connection,
            epoch,
            deadline: &mut self.deadline,
            limit,
        }
    }
}

impl Session for WsSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        let compiled = Arc::clone(&self.part.compiled);
        Box::pin(async move {
            let step = &compiled.steps[step.0 as usize];
            self.take_step(step, scope, intended).await
        })
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {
        self.renews = self.part.compiled.settings.policy == Policy::PerIteration;
    }

    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<Exchange> {
        self.connection.borrow_mut().poll_lost(context).map(|trouble| Exchange {
            outcome: Outcome::lost_before(self.part.clock.now(), trouble.kind, trouble.status),
            detail: Some(trouble.story),
            settled: Settled::Now,
        })
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.retire())
    }
}

impl Drop for WsSession {
    fn drop(&mut self) {
        // The pump and the heart hold the connection as well; it must not outlive its user.
        let connection: &Rc<_> = &self.connection;
        Connection::cut(connection);
    }
}
