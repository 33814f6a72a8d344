//! `trace:` of a plan or a scenario: whether iterations are traces, and how many of them are sampled.

use prony_core::units::parse_share;
use prony_core::{Diagnostic, Node, Shape};

/// What may stand there.
pub(super) fn shape() -> Shape {
    let structured = Shape::map().required(
        "share",
        Shape::share(),
        "The share of iterations that are sampled: `1%`. With `0%` all are traces and none is sampled.",
    );
    Shape::either(vec![Shape::share().example("1%"), structured])
}

/// The share of iterations that are sampled, 0 to 1.
///
/// # Errors
/// When it is none.
pub(super) fn parse(node: &Node) -> Result<f64, Diagnostic> {
    let share = node.get("share").unwrap_or(node);
    let expected = "a share from 0% to 100%";
    share.share().ok().filter(|share| *share <= 1.0).ok_or_else(|| share.unexpected(expected))
}

/// The same from a flag.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = parse_share(text).map_err(|error| error.to_string())?;
    if share <= 1.0 { Ok(share) } else { Err("expected a share from 0% to 100%".to_owned()) }
}
