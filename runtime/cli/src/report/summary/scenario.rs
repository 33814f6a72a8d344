//! What a scenario came to.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Check, Distribution, GuestSummary, Measured, MetricSummary};

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// What was asked for.
    pub load: LoadSummary,
    /// The time its figures a second are over: from the end of its warm-up to the end of its load, or of its last iteration
    /// where that was later, or where the load was stopped before its time.
    pub measured_us: f64,
    /// The time that starts a second are over: from the end of its warm-up to the end of its load, or to the last start where
    /// it was stopped before its time or the plan does not say.
    pub starting_us: f64,
    /// Starts that were due (open load) or made (closed), dropped ones included, warm-up left out.
    pub due: u64,
    /// Iterations by their end.
    pub iterations: Iterations,
    /// Starts that could not be made.
    pub dropped: Dropped,
    /// Its users.
    pub users: Users,
    /// Its connections.
    pub connections: Connections,
    /// Actual − intended start of iterations.
    pub lag_us: Distribution,
    /// From an iteration's intended start to its end.
    pub iteration_time_us: Distribution,
    /// Requests of all its steps.
    #[serde(flatten)]
    pub measured: Measured,
    /// Checks of all its steps, and those that are its own.
    pub checks: Vec<Check>,
    /// What its plugin measured, by name.
    #[serde(default)]
    pub metrics: IndexMap<String, MetricSummary>,
    /// Its plugin's guests; `None` without a plugin.
    #[serde(default)]
    pub guests: Option<GuestSummary>,
    /// What was told while it ran: the first failure of each kind and cause.
    pub notices: Vec<String>,
    /// Messages that came, by subscription, in the order of the plan. They are their senders' requests, and in no other figure.
    #[serde(default)]
    pub deliveries: IndexMap<String, DeliverySummary>,
    /// By name, in the order of the plan, or in which a plugin came to them.
    pub groups: IndexMap<String, GroupSummary>,
    /// By name, in the order of the plan, or in which a plugin came to them.
    pub steps: IndexMap<String, StepSummary>,
}

/// The load asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// `open` or `closed`.
    pub model: String,
    /// In words: `500/s for 2m, poisson arrivals`.
    pub text: String,
    /// The most users at a time.
    pub max_users: u32,
    /// How long it lasts as far as the plan says.
    pub lasts_us: Option<f64>,
    /// From the run's beginning to the load's.
    pub start_after_us: f64,
    /// From the load's beginning: what is due in this time is not measured.
    pub warmup_us: f64,
}

/// Iterations by their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iterations {
    /// Begun, warm-up left out.
    pub started: u64,
    /// Ended in full.
    pub completed: u64,
    /// Ended early by a failed step.
    pub failed: u64,
    /// Cut off at the end of the run.
    pub cut: u64,
    /// Begun during warm-up: in no other figure.
    pub warmup: u64,
}

/// Starts that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// For whatever reason.
    pub total: u64,
    /// By reason: `users_busy`.
    pub by_reason: IndexMap<String, u64>,
}

/// The users of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// The most busy at once: exact for a worker, added up over workers, so an upper bound.
    pub max: u64,
}

/// The connections of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Opened.
    pub opened: u64,
    /// Closed by whoever.
    pub closed: u64,
    /// TLS handshakes in full.
    pub handshakes_full: u64,
    /// TLS handshakes that resumed a session.
    pub handshakes_resumed: u64,
}

/// Messages that came by one subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliverySummary {
    /// Its protocol.
    pub protocol: String,
    /// What is counted here.
    #[serde(default)]
    pub kind: DeliveryKind,
    /// How many came, each counted once, of those whose sending is known.
    pub messages: u64,
    /// The same, a second of the measured time.
    pub messages_per_second: f64,
    /// From when the message was due at its sender.
    pub response_time_us: Distribution,
    /// From when it was sent.
    pub service_time_us: Distribution,
    /// Bytes received with them.
    pub bytes_received: u64,
}

/// What is counted and timed beside requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// Messages, by their age when they came.
    #[default]
    Messages,
    /// Times of messages that are counted elsewhere, such as how long after the last one each came.
    Times,
}

/// One group of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Passages that ended.
    pub count: u64,
    /// Of those, with a failed request in them.
    pub failed: u64,
    /// How long they took.
    pub time_us: Distribution,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Its protocol; `unknown` where only a threshold knows the step, for the plugin never came to it.
    pub protocol: String,
    /// Its requests.
    #[serde(flatten)]
    pub measured: Measured,
    /// In its order, a plugin's behind the plan's.
    pub checks: Vec<Check>,
}
