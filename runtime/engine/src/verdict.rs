//! Whether the figures may be believed: the generator accuses itself.

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The worst of its reasons.
    pub status: Status,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<Reason>,
}

/// How far the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing speaks against them.
    Valid,
    /// The generator has left its marks on them; the reasons say which.
    Degraded,
    /// They say more about the generator than about the target.
    Invalid,
}

/// One thing that speaks against the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// How bad.
    pub status: Status,
    /// The rule's name, stable for machines: `lag`, `cpu`, `starved`, `dropped`, `ports`, `descriptors`, `interrupted`, …
    pub rule: &'static str,
    /// What was found, what the rule allows, and what to do.
    pub text: String,
}

impl Status {
    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Degraded => "DEGRADED",
            Self::Invalid => "INVALID",
        }
    }
}
