//! What the end of a call means: its status, whether that is a failure, and the story.

use prony_core::{FailureKind, Outcome};

use super::call::Done;
use super::failure::Failure;
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::reply::Kept;
use crate::wire::Code;

/// The statuses that are no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected(u32);

impl Expected {
    /// OK alone.
    pub(crate) const OK: Self = Self(1);
    /// Whatever comes: somebody else looks at it.
    pub(crate) const ANY: Self = Self(u32::MAX);
    /// None yet.
    pub(crate) const NONE: Self = Self(0);

    /// The same with `code`.
    pub(crate) const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code.number())
    }

    /// Whether a status is no failure. Numbers that gRPC does not know are expected by who expects anything.
    pub(crate) fn has(self, status: u16) -> bool {
        match Code::by_number(status) {
            Some(code) => self.0 >> code.number() & 1 == 1,
            None => self.0 == Self::ANY.0,
        }
    }
}

/// Writes down what a call's end means. True when the server has said OK, or the caller wanted no more: then the answer is worth a
/// look. Otherwise, for a failure, there is its story; that of a server's status only if `is_news` says so.
pub(crate) fn judge(
    done: Result<Done, Failure>,
    expected: Expected,
    part: &WorkerPart,
    kept: &mut Kept,
    outcome: &mut Outcome,
    is_news: &dyn Fn(u16) -> bool,
) -> Result<(), Option<Box<str>>> {
    let refused = |status: u16, kind: FailureKind| (!expected.has(status)).then_some(kind);
    match done {
        Ok(Done::Said(said)) => {
            part.tallies.said(said.status);
            outcome.status = Some(said.status);
            outcome.failure = refused(said.status, FailureKind::Status);
            let is_ok = said.status == 0 && outcome.failure.is_none();
            let story = (!is_ok && is_news(said.status)).then(|| said.story().into());
            if kept.fields {
                kept.trailers = said.trailers;
            }
            if is_ok { Ok(()) } else { Err(story) }
        }
        Ok(Done::Cancelled) => {
            part.tallies.made(Code::Cancelled);
            outcome.status = Some(Code::Cancelled.number());
            Ok(())
        }
        Err(failure) => {
            part.tallies.made(failure.code);
            if failure.kind == FailureKind::Reset {
                count(&part.tallies.resets, 1);
            }
            outcome.failure = Some(failure.kind);
            if failure.shows_code {
                outcome.status = Some(failure.code.number());
                outcome.failure = refused(failure.code.number(), failure.kind);
            }
            Err(Some(failure.detail))
        }
    }
}
