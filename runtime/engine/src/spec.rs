//! What the engine is asked to run.

use std::sync::Arc;
use std::time::Duration;

use prony_core::{Catalog, Journeys};

use crate::load::Load;
use crate::threshold::Threshold;
use crate::traces::Tracing;

/// A run, all of it.
pub struct RunSpec {
    /// The plan's names and numbers; guests may make up as many more as it allows.
    pub catalog: Catalog,
    /// One for each scenario of the catalog, in its order.
    pub scenarios: Vec<ScenarioSpec>,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// How many workers; at least 1. So many more for each scenario whose journeys are apart.
    pub threads: u32,
    /// Where all randomness comes from.
    pub seed: u64,
    /// How a worker waits for the next start.
    pub pacing: Pacing,
    /// What traces need.
    pub tracing: Tracing,
}

/// One scenario of a run.
pub struct ScenarioSpec {
    /// How much load.
    pub load: Load,
    /// What its users do.
    pub journeys: Arc<dyn Journeys>,
    /// How long after the run's beginning its load begins.
    pub start_after: Duration,
    /// Iterations that are due within this time of the scenario's beginning are left out of the statistics.
    pub warmup: Duration,
    /// How long iterations under way may go on when the load has ended, before they are cut off and counted.
    pub graceful_stop: Duration,
    /// Closed load: at least this long from one iteration's start to the next of the same user.
    pub iteration_every: Option<Duration>,
    /// Every iteration is a trace, and this share of them (0 to 1) is sampled; `None` has no traces.
    pub trace: Option<f64>,
}

/// How a worker waits for the next start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// A kernel timer, and polling only in the last tens of microseconds.
    #[default]
    Normal,
    /// Polling all the time: takes a core a worker, and starts come as near to their time as can be.
    Precise,
}
