//! The statuses that are no failure, as a plan writes them: `404`, `200..299`, several after commas.

use std::ops::RangeInclusive;

/// What [`Request::expect`](super::Request::expect) takes: `404`, `200..=299`, `[200, 404]`, or a text (`"200..299,404"`).
pub trait Statuses {
    /// The statuses in the words of a plan.
    fn words(&self) -> String;
}

impl Statuses for u16 {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Statuses for RangeInclusive<u16> {
    fn words(&self) -> String {
        format!("{}..{}", self.start(), self.end())
    }
}

impl Statuses for &str {
    fn words(&self) -> String {
        (*self).to_owned()
    }
}

impl<S: Statuses, const N: usize> Statuses for [S; N] {
    fn words(&self) -> String {
        self.each_ref().map(Statuses::words).join(",")
    }
}
