//! What must hold: `response_time.p99 < 500ms`, over the whole run or a sliding window.

mod named;
mod observed;
mod parse;
mod watch;

pub use parse::parse;
pub(crate) use watch::Watch;

use std::time::Duration;

use prony_core::catalog::MetricKind;
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
#[derive(Clone, Debug, PartialEq)]
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
    /// Iterations that ended early: by a failed step, by an error of a plugin's journey, with a guest that was ended.
    IterationsFailed,
    /// Starts that could not be made.
    Dropped,
    /// Bytes sent.
    BytesSent,
    /// Bytes received.
    BytesReceived,
    /// Guests that were ended, for whatever reason (scenario or run).
    GuestsEnded,
    /// Users who lost an iteration with another user's guest (scenario or run).
    LostUsers,
    /// A figure of the metric that guests call so (scenario or run).
    Named(String, Figure),
    /// A figure of the metric that a protocol's driver calls so (scenario or run), and what the bound was given in.
    Driver(String, Figure, Given),
}

/// What the bound of a driver's metric was given in. The metric's unit must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A plain number, in the metric's own unit.
    Number,
    /// A duration: the metric is in seconds, and so is the bound.
    Duration,
    /// A size: the metric is in bytes.
    Size,
}

/// The unit of metrics that are times.
const SECONDS: &str = "s";
/// The unit of metrics that are sizes.
const BYTES: &str = "B";

impl Given {
    /// Whether a metric of this unit can be compared with it.
    #[must_use]
    pub fn fits(self, unit: &str) -> bool {
        match self {
            Self::Number => true,
            Self::Duration => unit == SECONDS,
            Self::Size => unit == BYTES,
        }
    }
}

/// Which figure of a guest's metric, or of a driver's. Not every kind of metric has every figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// What a metric of a driver's is read for: a counter's sum, a gauge's latest value.
    Plain,
    /// What a counter adds up to.
    Sum,
    /// The same, a second.
    Rate,
    /// A gauge's latest value.
    Last,
    /// A statistic of a trend's values; of a gauge's, the smallest and the largest.
    Of(Statistic),
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
    /// A guest computing at a stretch (scenario or run).
    Guest,
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
    /// The unit of `value` and the bound: `ns`, `share`, `/s`, `bytes`, `own` (the metric's) or nothing.
    pub unit: &'static str,
    /// The bound.
    pub bound: f64,
    /// Whether it held.
    pub passed: bool,
    /// Why there was nothing to look at, where that may be a mistake in the plan.
    pub help: Option<String>,
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
    /// The unit of its values: `ns`, `share`, `/s`, `bytes`, `own` (that of the guest's or driver's metric) or nothing.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Time(..) => "ns",
            Self::RequestRate
            | Self::IterationRate
            | Self::Named(_, Figure::Rate)
            | Self::Driver(_, Figure::Rate, _) => "/s",
            Self::FailureShare | Self::CheckShare => "share",
            Self::BytesSent | Self::BytesReceived => "bytes",
            Self::Named(..) | Self::Driver(..) => "own",
            Self::Requests
            | Self::Failures
            | Self::FailuresOf(_)
            | Self::Iterations
            | Self::IterationsFailed
            | Self::Dropped
            | Self::GuestsEnded
            | Self::LostUsers => "",
        }
    }

    /// Whether it is of requests, which steps have, and not of iterations, guests or what those measure.
    #[must_use]
    pub const fn is_of_requests(&self) -> bool {
        !matches!(
            self,
            Self::Time(Timing::Lag | Timing::Iteration | Timing::Guest, _)
                | Self::Iterations
                | Self::IterationRate
                | Self::IterationsFailed
                | Self::Dropped
                | Self::GuestsEnded
                | Self::LostUsers
                | Self::Named(..)
                | Self::Driver(..)
        )
    }
}

impl Figure {
    /// Whether metrics of this kind have it.
    #[must_use]
    pub const fn fits(self, kind: MetricKind) -> bool {
        match self {
            Self::Plain => !matches!(kind, MetricKind::Trend),
            Self::Sum | Self::Rate => matches!(kind, MetricKind::Counter),
            Self::Last => matches!(kind, MetricKind::Gauge),
            Self::Of(Statistic::Min | Statistic::Max) => !matches!(kind, MetricKind::Counter),
            Self::Of(Statistic::Mean | Statistic::Quantile(_)) => matches!(kind, MetricKind::Trend),
        }
    }

    /// The figures that metrics of this kind have, in words.
    #[must_use]
    pub const fn of(kind: MetricKind) -> &'static str {
        match kind {
            MetricKind::Counter => "`count` and `rate`",
            MetricKind::Gauge => "`last`, `min` and `max`",
            MetricKind::Trend => "`min`, `mean`, `max` and percentiles such as `p99`",
        }
    }
}
