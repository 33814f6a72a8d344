//! The seam between plan steps (or guests) and a protocol.
//!
//! Made once: [`Protocol`] is a static of its crate; a [`DriverBuilder`] compiles a scenario's steps and becomes a
//! [`Driver`] once a run; a [`DriverWorker`] is made once a worker (connection pools), a [`Session`] once a user.

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::BoxFuture;
use crate::catalog::{Attribute, Entries, StepId, TooMany};
use crate::commons::Commons;
use crate::diagnostic::Diagnostic;
use crate::document::Node;
use crate::journey::{Seat, SetupError};
use crate::outcome::Outcome;
use crate::reply::Reply;
use crate::shape::Shape;
use crate::template::{Scope, Variables};
use crate::time::Timestamp;

/// The number of a compiled step in its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepIndex(pub u32);

/// A protocol: its words in a plan and the way to its drivers.
pub trait Protocol: Sync {
    /// The key of its steps and of its settings in a plan, and of its sub-command: `http`.
    fn name(&self) -> &'static str;

    /// What may stand after the step key (`- http: …`).
    fn step_shape(&self) -> Shape;

    /// What may stand under the protocol's key at the top of a plan or in a scenario: connection policy, version, …
    fn settings_shape(&self) -> Shape;

    /// The kinds of [`Reply::field`] that checks and captures may name: `header`, `cookie`.
    fn reply_fields(&self) -> &'static [&'static str];

    /// The kinds of a [`crate::Message`]'s fields that its requests can take: `header`, `query`.
    fn message_fields(&self) -> &'static [&'static str];

    /// The steps that a step is short for, each a map as in a plan; `None` when it stands for itself.
    ///
    /// # Errors
    /// When the step makes no sense.
    fn expand(&self, _step: &Node) -> Result<Option<Vec<Node>>, Diagnostic> {
        Ok(None)
    }

    /// Begins a scenario's driver.
    ///
    /// # Errors
    /// When the target or the settings make no sense; the diagnostic points at the plan.
    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic>;
}

/// The parts of a plan that tell a driver where to and how.
#[derive(Clone, Copy, Debug)]
pub struct Wiring<'a> {
    /// `target:` of the scenario, or else of the plan.
    pub target: Option<&'a Node>,
    /// The protocol's settings: the plan's, overlaid by the scenario's, key by key.
    pub settings: Option<&'a Node>,
    /// `tls:` likewise.
    pub tls: Option<&'a Node>,
    /// `network:` likewise.
    pub network: Option<&'a Node>,
    /// The folder that relative paths of the plan start from.
    pub folder: &'a Path,
    /// What drivers of several scenarios share.
    pub commons: &'a Commons,
}

/// What checks and captures will ask of a step's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyNeeds {
    /// Named parts ([`Reply::field`]).
    pub fields: bool,
    /// The body; without it, it is counted and thrown away.
    pub body: bool,
    /// A check looks at the status: then a status such as HTTP 404 is no failure by itself.
    pub judges_status: bool,
    /// Something looks at the answer or at its time, so the step must wait for it.
    pub waits: bool,
}

/// A driver in the making.
pub trait DriverBuilder {
    /// Compiles one step. Called in plan order, so the first gets index 0.
    ///
    /// # Errors
    /// When the step makes no sense.
    fn step(
        &mut self,
        step: &Node,
        needs: ReplyNeeds,
        variables: &Variables,
    ) -> Result<StepIndex, Diagnostic>;

    /// Whether the step compiled last waits for a message that something else may cause. Such a step is handed the plan's `where`
    /// ([`Scope::filter`]), and its reply says when it came ([`Reply::arrived`]).
    fn waits_for_a_message(&self) -> bool {
        false
    }

    /// Whether its users keep connections that may be lost for good while they do nothing ([`Session::poll_lost`]).
    fn keeps_connections(&self) -> bool {
        false
    }

    /// The name of the step compiled last, when its plan gives none: `GET /items/{{id}}`.
    fn default_name(&self) -> String;

    /// What traces say of the requests of the step compiled last, in the words of OpenTelemetry's semantic conventions, as far as the
    /// plan tells.
    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        Vec::new()
    }

    /// The step has got its number in the run's catalog. Here a driver that measures more than requests adds its names.
    ///
    /// # Errors
    /// When there are too many names.
    fn entered(&mut self, _step: StepIndex, _id: StepId, _entries: &mut Entries<'_>) -> Result<(), TooMany> {
        Ok(())
    }

    /// The finished driver. Reads files the settings name (certificates) and resolves what is resolved once.
    ///
    /// # Errors
    /// When something outside the plan is missing or wrong.
    fn build(self: Box<Self>) -> Result<Arc<dyn Driver>, SetupError>;
}

/// A scenario's driver, shared by all workers.
pub trait Driver: Send + Sync {
    /// A worker's part. Called on the worker's thread, inside its runtime.
    ///
    /// # Errors
    /// When something the worker needs cannot be had.
    fn worker(&self, seat: &Seat) -> Result<Box<dyn DriverWorker>, SetupError>;
}

/// A worker's part of a driver.
pub trait DriverWorker {
    /// A user's session. Opens nothing yet.
    fn session(&mut self, seat: &Seat) -> Box<dyn Session>;
}

/// One user's connections in one protocol.
pub trait Session: Send {
    /// Performs the step, due at `intended`, rendering its templates in `scope`.
    ///
    /// Dropping the future cuts the request off; the session must stay usable.
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange>;

    /// The answer of the last request, until the next begins.
    fn reply(&self) -> &dyn Reply;

    /// The same to keep: the session's own is empty from then on.
    fn take_reply(&mut self) -> Box<dyn Reply>;

    /// A new iteration begins: a session whose policy is a connection each iteration lets go of its old one.
    fn begin_iteration(&mut self);

    /// Ready when the user's connection is lost for good and no step has told it: with the failure, which is told once. For who
    /// waits and asks for nothing. Where each request brings its connection, and where a lost one comes back by itself, it never is.
    fn poll_lost(&mut self, _context: &mut Context<'_>) -> Poll<Exchange> {
        Poll::Pending
    }

    /// The user goes away, for a while or for good: what is under way is waited for, connections are closed in good order.
    /// The session must stay usable. May take as long as the scenario's graceful stop.
    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A request and its end.
#[derive(Debug)]
pub struct Exchange {
    /// The figures.
    pub outcome: Outcome,
    /// For a failure: what happened, in the peer's or the system's own words, unless the outcome's status says it all. Shown once
    /// per kind.
    pub detail: Option<Box<str>>,
    /// Who records it.
    pub settled: Settled,
}

/// Whether a request's end is known when its step is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settled {
    /// It is; the journey records the outcome.
    #[default]
    Now,
    /// It is not: the answer comes while the user goes on. The session records the outcome under the number that
    /// [`DriverBuilder::entered`] told it.
    Later,
}
