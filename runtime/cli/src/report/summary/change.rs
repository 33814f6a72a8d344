//! What somebody changed by hand while the run went on.

use prony_engine::{Action, Change};
use serde::{Deserialize, Serialize};

use super::super::micros;

/// A change of the load by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeSummary {
    /// From the run's beginning to when it took effect.
    pub at_us: f64,
    /// Where in the plan's time that is: it stands still while the run is paused.
    pub plan_at_us: f64,
    /// `pause`, `resume`, `load`, `stop`.
    pub change: String,
    /// Of a `load`: so many percent of the planned rate or users, from then on.
    pub percent: Option<u32>,
    /// From where: `terminal`, `web`.
    pub origin: String,
}

impl From<&Change> for ChangeSummary {
    fn from(change: &Change) -> Self {
        Self {
            at_us: micros(change.at),
            plan_at_us: micros(change.plan_at),
            change: change.action.name().to_owned(),
            percent: match change.action {
                Action::Load(percent) => Some(percent),
                Action::Pause | Action::Resume | Action::Stop => None,
            },
            origin: change.origin.name().to_owned(),
        }
    }
}

impl ChangeSummary {
    /// In words: `paused`, `load 150 %`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.change.as_str(), self.percent) {
            ("pause", _) => "paused".to_owned(),
            ("resume", _) => "resumed".to_owned(),
            ("stop", _) => "stopped".to_owned(),
            (_, Some(percent)) => format!("load {percent} %"),
            (other, None) => other.to_owned(),
        }
    }
}
