//! What a plugin measured, and what its guests cost.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Distribution;

/// A metric that a plugin has made up. Which figures there are depends on its kind; the others are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// `counter`, `gauge` or `trend`.
    pub kind: String,
    /// What its values are in: any word, or empty.
    pub unit: String,
    /// How many values came.
    pub count: u64,
    /// Counter: what they add up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Counter: the same, a second of the measured time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Gauge: the value that came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Gauge and trend: the smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Trend: the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Trend: the median, from a histogram with 3 significant digits as all percentiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// Trend: the 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// Trend: the 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// Trend: the 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// Trend: the 99.9th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<f64>,
    /// Gauge and trend: the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A scenario's guests: its plugin's instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuestSummary {
    /// How long they computed at a stretch. In no latency.
    pub guest_time_us: Distribution,
    /// All of that as a share of the CPU time of the workers they live on, 0 to 1; `None` when these used none.
    pub share_of_cpu: Option<f64>,
    /// Instances made.
    pub made: u64,
    /// Instances ended before their time.
    pub ended: GuestsEnded,
    /// Users beside the culprits who lost an iteration with them.
    pub lost_users: u64,
    /// Their memory.
    pub memory_bytes: GuestMemory,
    /// Lines of their log beyond the limit.
    pub log_dropped: u64,
    /// Values of metrics that were not counted: too many names, another kind or unit, no number.
    pub metrics_dropped: u64,
}

/// Instances ended before their time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestsEnded {
    /// For whatever reason.
    pub total: u64,
    /// By reason; only those that occurred.
    pub by_reason: IndexMap<String, u64>,
}

/// Guests' memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestMemory {
    /// The most at once: exact for a worker, added up over workers, so an upper bound.
    pub max: u64,
}
