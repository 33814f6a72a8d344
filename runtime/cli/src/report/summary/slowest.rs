//! The slowest requests, and what was sampled of traces.

use serde::{Deserialize, Serialize};

/// One of the slowest requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlowRequest {
    /// The scenario.
    pub scenario: String,
    /// The step.
    pub step: String,
    /// When it was due, from the run's beginning.
    pub at_us: f64,
    /// From when it was due to its end.
    pub response_time_us: f64,
    /// From when it was sent to its end; `None` when it never was.
    pub service_time_us: Option<f64>,
    /// The protocol's status; `None` when no answer came.
    pub status: Option<u16>,
    /// The kind of its failure; `None` when it did not fail.
    pub failure: Option<String>,
    /// Its place in a trace; `None` without one.
    pub trace: Option<TracePlace>,
}

/// A request's place in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracePlace {
    /// The trace's number, 32 digits.
    pub trace_id: String,
    /// The span's number, 16 digits.
    pub span_id: String,
    /// Whether the trace is sampled: then whoever answered was asked to keep its part of it.
    pub sampled: bool,
}

/// What was sampled of a run's traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracesSummary {
    /// Sampled iterations that ended.
    pub iterations: u64,
    /// Requests in them.
    pub requests: u64,
    /// Spans of both that came faster than they are handed on; no receiver has got them.
    pub lost: u64,
}
