//! The seam between the engine and what users do: a journey is compiled plan steps or a guest, and the engine
//! knows neither.
//!
//! Three lifetimes: [`Journeys`] once a run, [`JourneyWorker`] once a worker, [`Journey`] once a user.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::BoxFuture;
use crate::catalog::ScenarioId;
use crate::meter::Meter;
use crate::random::Random;
use crate::time::{Clock, FineTimer, Timestamp};
use crate::trace::Trace;

/// Something that keeps a run, a worker or a user from being set up. It ends the run (exit code 3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(pub String);

/// A scenario's journeys, shared by all workers of a run.
pub trait Journeys: Send + Sync {
    /// The part a worker owns: feeders' readers, connection pools, guest instances. Called on the worker's thread,
    /// inside its runtime.
    ///
    /// # Errors
    /// When something the worker needs cannot be had.
    fn worker(&self, seat: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError>;

    /// Whether the scenario's users live on workers of their own, because somebody else's code runs in them: what it
    /// computes must delay no other scenario.
    fn apart(&self) -> bool {
        false
    }
}

/// A worker's part of a scenario.
pub trait JourneyWorker {
    /// A new user, sitting in `seat`.
    fn user(&mut self, seat: Seat) -> Box<dyn Journey>;
}

/// One user's journey, iteration after iteration.
pub trait Journey: Send {
    /// One iteration. Dropping the future cuts it off; a request under way is then recorded by the engine's word
    /// alone (see [`IterationEnd`]), so an implementation records `Cut` for it when dropped.
    fn iterate(&mut self, start: Start) -> BoxFuture<'_, IterationEnd>;

    /// The user is not wanted any more, for a while or for good: sessions let go of their connections in good order.
    /// An iteration may follow. Cut off when the scenario's graceful stop is over.
    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Who and where a user is. For [`Journeys::worker`] the user is the worker's first.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The scenario's number.
    pub scenario: ScenarioId,
    /// The user's number in its scenario, from 0, unique over all workers.
    pub user: u32,
    /// The worker's number, from 0.
    pub worker: u32,
    /// How many workers the scenario runs on.
    pub workers: u32,
    /// The most users the scenario can have over all workers.
    pub users: u32,
    /// The run's clock.
    pub clock: Clock,
    /// The worker's recorder.
    pub meter: Meter,
    /// The user's own random numbers.
    pub random: Random,
    /// The worker's finest timer.
    pub timer: FineTimer,
}

/// Somebody who knows when a load ends before its time, or has none, and when that time moves.
pub trait Stopping: Send + Sync {
    /// Whether it has ended.
    fn is_stopped(&self) -> bool;

    /// Ready when it has ended.
    fn stopped(&self) -> BoxFuture<'static, ()>;

    /// Until when user number `user` is wanted by what is known now, who was told `planned` when its iteration began.
    fn until(&self, user: u32, planned: Timestamp) -> Timestamp {
        let _ = user;
        planned
    }

    /// Ready when the load has ended, or [`Self::until`] may have changed.
    fn news(&self) -> BoxFuture<'static, ()> {
        self.stopped()
    }
}

/// Until when a user is wanted.
#[derive(Clone)]
pub struct Wanted {
    planned: Timestamp,
    user: u32,
    stopping: Arc<dyn Stopping>,
}

impl Wanted {
    /// User number `user`, until `planned`, or when `stopping` says so.
    #[must_use]
    pub fn new(planned: Timestamp, user: u32, stopping: Arc<dyn Stopping>) -> Self {
        Self { planned, user, stopping }
    }

    /// Never by itself, and nobody will say so.
    #[must_use]
    pub fn never() -> Self {
        struct Never;
        impl Stopping for Never {
            fn is_stopped(&self) -> bool {
                false
            }

            fn stopped(&self) -> BoxFuture<'static, ()> {
                Box::pin(std::future::pending())
            }
        }
        Self::new(Timestamp::from_nanos(u64::MAX), 0, Arc::new(Never))
    }

    /// Until when, as far as the plan says and somebody who steers the run has not said otherwise; far away when they do not.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.stopping.until(self.user, self.planned)
    }

    /// Whether the load has ended otherwise than by its plan: the run is told to stop, or there is nothing left to do.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopping.is_stopped()
    }

    /// Ready when the load ends otherwise than by its plan.
    #[must_use]
    pub fn stopped(&self) -> BoxFuture<'static, ()> {
        self.stopping.stopped()
    }

    /// Waits until the user is wanted no longer, for whatever reason. `sleep` is the async runtime's.
    pub async fn over<S: Future<Output = ()>>(&self, clock: Clock, sleep: impl Fn(Duration) -> S) {
        /// Timers have an end, and loads without one last for centuries.
        const LONGEST: Duration = Duration::from_secs(365 * 86_400);
        loop {
            let mut news = self.stopping.news();
            let left = self.until() - clock.now();
            if self.is_stopped() || left.is_zero() {
                return;
            }
            let mut slept = pin!(sleep(left.min(LONGEST)));
            std::future::poll_fn(|context| match news.as_mut().poll(context) {
                Poll::Pending => slept.as_mut().poll(context),
                ready => ready,
            })
            .await;
        }
    }
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Wanted").field(&self.planned).finish()
    }
}

/// The order to begin an iteration.
#[derive(Clone, Debug)]
pub struct Start {
    /// When the iteration was due.
    pub intended: Timestamp,
    /// The number of this iteration for this user, from 0.
    pub iteration: u64,
    /// Wall time at the clock's origin: add a [`Timestamp`] to know the time of day.
    pub wall_origin: Duration,
    /// When the load wants this user no longer.
    pub wanted: Wanted,
    /// The iteration's trace, where the plan asks for one.
    pub trace: Option<Trace>,
}

/// How an iteration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IterationEnd {
    /// All of it was done, whatever came of its requests.
    Complete,
    /// A failed step ended it early, as its plan asks.
    Failed,
    /// A data source that is told to stop at its end has no row left: the scenario ends here, this iteration does not count.
    OutOfData,
    /// Something is wrong that makes the whole run pointless; the run ends with this text (exit code 3).
    Fatal(String),
}
