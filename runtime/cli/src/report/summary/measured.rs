//! What requests and checks came to.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How many of how many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Evaluated.
    pub evaluated: u64,
    /// Held.
    pub passed: u64,
    /// `passed` of `evaluated`, 0 to 1; `None` when none was evaluated.
    pub share: Option<f64>,
}

/// What requests came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Requests that ended, failed ones included.
    pub requests: u64,
    /// The same, a second of the measured time.
    pub requests_per_second: f64,
    /// Requests that failed.
    pub failures: Failures,
    /// Requests by the protocol's status; `other` are the rare ones beyond the first 64 different.
    pub statuses: IndexMap<String, u64>,
    /// From the intended start to the end.
    pub response_time_us: Distribution,
    /// From the actual send to the end.
    pub service_time_us: Distribution,
    /// By phase. One that did not happen in a request (`connect` on a kept connection) is not counted for it.
    pub phases: PhaseTimes,
    /// Bytes of the application protocol, before encryption.
    pub bytes: Bytes,
}

/// Requests that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// Of any kind.
    pub total: u64,
    /// Of all requests, 0 to 1; `None` without requests.
    pub share: Option<f64>,
    /// By kind; only those that occurred.
    pub by_kind: IndexMap<String, u64>,
}

/// A distribution of durations, in microseconds, read from a histogram with 3 significant digits. All but `count` are
/// `None` when nothing was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many durations.
    pub count: u64,
    /// The smallest.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p999: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// Durations by phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTimes {
    /// Turning a name into addresses.
    pub dns_us: Distribution,
    /// The TCP handshake.
    pub connect_us: Distribution,
    /// The TLS handshake.
    pub tls_us: Distribution,
    /// From the first byte sent to the last.
    pub send_us: Distribution,
    /// From the last byte sent to the first of the answer.
    pub wait_us: Distribution,
    /// From the first byte of the answer to its last.
    pub receive_us: Distribution,
}

/// Bytes of the application protocol, before encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Sent by Prony.
    pub sent: u64,
    /// Received by Prony.
    pub received: u64,
}

/// How often a check was evaluated and held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The step whose check it is; empty for one that is the scenario's own, as a plugin may have.
    pub step: String,
    /// As the plan has it, or as the plugin calls it.
    pub expression: String,
    /// How often.
    #[serde(flatten)]
    pub share: Share,
}
