//! The vocabulary of Prony: the words every room speaks, and the seams between rooms.
//!
//! Nothing here does I/O, reads a clock, or knows an async runtime, a protocol or a plan key of its own. What
//! is here: moments and durations ([`time`]), units as people write them ([`units`]), the plan as a tree that
//! remembers where each word stands ([`document`], [`shape`], [`diagnostic`]), texts with holes ([`template`]),
//! what came of a request ([`outcome`], [`reply`]), who wants to know ([`meter`], [`catalog`]), what drivers share
//! ([`commons`]), which trace a request is of ([`trace`]), and the two
//! seams: a journey ([`journey`]) and a protocol ([`protocol`]).

pub mod catalog;
pub mod commons;
pub mod delivery;
pub mod diagnostic;
pub mod document;
pub mod guest;
pub mod journey;
pub mod meter;
pub mod outcome;
pub mod protocol;
pub mod random;
pub mod reply;
pub mod shape;
pub mod template;
pub mod thread;
pub mod time;
pub mod trace;
pub mod units;

pub use catalog::{Catalog, CheckId, GroupId, MetricId, ScenarioId, StepId};
pub use commons::Commons;
pub use diagnostic::{Diagnostic, Place, Source};
pub use document::Node;
pub use guest::{GuestEnd, GuestEvent};
pub use journey::{
    IterationEnd, Journey, JourneyWorker, Journeys, Seat, SetupError, Start, Stopping, Wanted,
};
pub use meter::{ConnectionEvent, Marks, Meter, Recording};
pub use outcome::{FailureKind, Outcome, Phase, Phases, Traffic};
pub use protocol::{
    Driver, DriverBuilder, DriverWorker, Exchange, Protocol, ReplyNeeds, Session, Settled, StepIndex,
};
pub use random::Random;
pub use reply::{Filter, Message, Reply};
pub use shape::Shape;
pub use template::{Scope, Template, Variables};
pub use thread::OnThread;
pub use time::{Clock, FineTimer, Timestamp, Waiting};
pub use trace::{Spans, TRACEPARENT, Trace, Traced, Traceparent};

/// A boxed future that may be sent to another thread, although a worker's futures never are.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
