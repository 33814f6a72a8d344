//! What must hold: `response_time.p99 < 500ms`, over the whole run or a sliding window.

mod observed;
mod parse;

pub(crate) use observed::Watch;
pub use parse::parse;

use std::time::Duration;

use prony_core::{ScenarioId, StepId};

/// A threshold, checked.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// As the person wrote it.
    pub expression: String,
    /// Where it looks.
    pub scope: Scope,
    /// What it looks at.
    pub metric: Metric,
    /// Whether it says what must hold or what must not happen.
    pub sense: Sense,
    /// How it compares.
    pub comparison: Comparison,
    /// With what: nanoseconds for times, a fraction for shares, else a plain number.
    pub bound: f64,
    /// Over the last so many seconds (a whole number of them) instead of the whole run. It slides by a second, or by a
    /// sixtieth of its length if that is longer.
    pub window: Option<Duration>,
    /// Whether to stop the run as soon as it does not hold.
    pub abort: bool,
}

/// Which way round a threshold is meant. It matters when there is nothing to look at: what must hold then does not, and
/// what must not happen has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// A plain threshold, and `expect:`.
    MustHold,
    /// `when:`.
    MustNotHappen,
}

/// Where a threshold looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the run.
    Run,
    /// One scenario.
    Scenario(ScenarioId),
    /// One step.
    Step(StepId),
}

/// A figure a threshold can look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A statistic of a latency.
    Time(Timing, Statistic),
    /// Requests that ended.
    Requests,
    /// Requests that ended, a second.
    RequestRate,
    /// Failed requests.
    Failures,
    /// Failed requests of one kind.
    FailuresOf(prony_core::FailureKind),
    /// Failed requests as a share of all.
    FailureShare,
    /// Checks that held as a share of all evaluated.
    CheckShare,
    /// Iterations that ended in full.
    Iterations,
    /// The same, a second.
    IterationRate,
    /// Starts that could not be made.
    Dropped,
    /// Bytes sent.
    BytesSent,
    /// Bytes received.
    BytesReceived,
}

/// Which latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// From the intended start.
    Response,
    /// From the actual send.
    Service,
    /// One phase.
    Phase(prony_core::Phase),
    /// Actual − intended start of iterations (scenario or run).
    Lag,
    /// A whole iteration (scenario or run).
    Iteration,
}

/// Which statistic of a latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The smallest.
    Min,
    /// The mean.
    Mean,
    /// The largest.
    Max,
    /// A quantile, 0 to 1.
    Quantile(f64),
}

/// How a threshold compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// How a threshold came out.
#[derive(Clone, Debug)]
pub struct ThresholdResult {
    /// As the person wrote it.
    pub expression: String,
    /// Where it looked.
    pub scope: Scope,
    /// What it saw: over the run, or in the window that decided (the last one when all held). `None` when there was
    /// nothing to look at.
    pub value: Option<f64>,
    /// The unit of `value` and the bound: `ns`, `share`, `/s`, `bytes` or nothing.
    pub unit: &'static str,
    /// The bound.
    pub bound: f64,
    /// Whether it held.
    pub passed: bool,
}

impl Threshold {
    /// Whether a figure passes; `None` is nothing to look at.
    #[must_use]
    pub fn passes(&self, value: Option<f64>) -> bool {
        match self.sense {
            Sense::MustHold => value.is_some_and(|value| self.comparison.holds(value, self.bound)),
            Sense::MustNotHappen => !value.is_some_and(|value| self.comparison.holds(value, self.bound)),
        }
    }
}

impl Comparison {
    /// Whether `value` compares so with `bound`.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::More => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => (value - bound).abs() <= f64::EPSILON * bound.abs(),
            Self::Unequal => (value - bound).abs() > f64::EPSILON * bound.abs(),
        }
    }
}

impl Metric {
    /// The unit of its values: `ns`, `share`, `/s`, `bytes` or nothing.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Time(..) => "ns",
            Self::RequestRate | Self::IterationRate => "/s",
            Self::FailureShare | Self::CheckShare => "share",
            Self::BytesSent | Self::BytesReceived => "bytes",
            Self::Requests | Self::Failures | Self::FailuresOf(_) | Self::Iterations | Self::Dropped => "",
        }
    }
}
