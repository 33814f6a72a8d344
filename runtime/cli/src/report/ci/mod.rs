//! What a CI system shows of a run: a JUnit file, a summary in Markdown, annotations. All three are made of the
//! [`Summary`](super::Summary) and fail when, and only when, its exit code is not 0.

mod annotations;
mod junit;
mod markdown;

pub(crate) use annotations::github;
pub(crate) use junit::junit;
pub(crate) use markdown::markdown;

use super::figures;
use super::summary::{Check, EndedWord, Summary, ThresholdSummary};

/// What stands against a run beside its thresholds, a line each: how it ended, and its verdict when it is INVALID.
fn troubles(summary: &Summary) -> Vec<(&'static str, String)> {
    let because = summary.ended_because.as_deref().unwrap_or_default();
    let mut troubles = Vec::new();
    match summary.ended {
        EndedWord::Finished => {}
        EndedWord::Aborted => troubles.push(("aborted", format!("aborted by the threshold {because}"))),
        EndedWord::Interrupted => {
            troubles.push(("interrupted", "interrupted: figures cover what had happened by then".to_owned()));
        }
        EndedWord::Failed => troubles.push(("failed", because.to_owned())),
    }
    if is_invalid(summary) {
        let reasons =
            summary.verdict.reasons.iter().map(|reason| format!("{}: {}", reason.rule, reason.text));
        troubles.push(("INVALID", format!("no result. {}", reasons.collect::<Vec<_>>().join("; "))));
    }
    troubles
}

fn is_invalid(summary: &Summary) -> bool {
    summary.verdict.status == super::summary::StatusWord::Invalid
}

/// `response_time.p99 < 500ms in run: saw 5.90ms`.
fn seen(threshold: &ThresholdSummary) -> String {
    let value = super::screen::value(threshold);
    match &threshold.help {
        Some(help) => format!("saw {value}: {help}"),
        None => format!("saw {value}"),
    }
}

/// `held 99.98 % (59,986 of 59,998)`.
fn held(check: &Check) -> String {
    match check.share.share {
        Some(share) => format!(
            "held {} ({} of {})",
            figures::share(share),
            figures::count(check.share.passed),
            figures::count(check.share.evaluated)
        ),
        None => "never evaluated".to_owned(),
    }
}
