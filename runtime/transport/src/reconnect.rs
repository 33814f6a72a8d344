//! How what was lost is tried again: pauses that double, and stray by chance so that thousands do not come back at once.

use std::time::Duration;

use prony_core::{Diagnostic, Node, Shape, units};

/// A policy of pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconnect {
    /// The first pause.
    pub after: Duration,
    /// Pauses double up to this.
    pub up_to: Duration,
    /// Up to which part of itself a pause is longer or shorter, 0 to 1.
    pub jitter: f64,
}

impl Reconnect {
    /// What may stand under `reconnect:` in a plan, where these are the defaults.
    #[must_use]
    pub fn shape(self) -> Shape {
        let told =
            |what: &str, default: Duration| format!("{what} Default {}.", units::show_duration(default));
        let structured = Shape::map()
            .key("after", Shape::duration(), &told("The first pause.", self.after))
            .key("up_to", Shape::duration(), &told("Pauses double up to this.", self.up_to))
            .key(
                "jitter",
                Shape::share(),
                &format!(
                    "Up to which part of itself a pause is longer or shorter, by chance. Default {}%.",
                    self.jitter * 100.0
                ),
            );
        Shape::either(vec![Shape::boolean(), structured])
    }

    /// Reads a plan's words, where these are the defaults; `None` for not at all.
    ///
    /// # Errors
    /// When they make no sense.
    pub fn read(self, node: &Node) -> Result<Option<Self>, Diagnostic> {
        if !node.is_map() {
            return Ok(node.boolean()?.then_some(self));
        }
        let after = node.get("after").map_or(Ok(self.after), Node::duration_above_zero)?;
        let up_to = node.get("up_to").map_or(Ok(self.up_to.max(after)), Node::duration_above_zero)?;
        if let Some(found) = node.get("up_to").filter(|_| up_to < after) {
            return Err(found.unexpected("at least as long as `after`"));
        }
        let jitter = node.get("jitter").map_or(Ok(self.jitter), Node::share)?;
        if let Some(found) = node.get("jitter").filter(|_| jitter > 1.0) {
            return Err(found.unexpected("a share of at most 100%"));
        }
        Ok(Some(Self { after, up_to, jitter }))
    }

    /// The pause before try number `tries` (from 0); `chance` is from 0 to 1.
    #[must_use]
    pub fn pause(&self, tries: u32, chance: f64) -> Duration {
        let doubled = self.after.saturating_mul(1 << tries.min(20)).min(self.up_to);
        doubled.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit_and_stray_by_chance() {
        let policy = Reconnect { after: Duration::from_secs(1), up_to: Duration::from_secs(5), jitter: 0.5 };
        let pauses: Vec<f64> = (0..4).map(|tries| policy.pause(tries, 0.5).as_secs_f64()).collect();
        assert_eq!(pauses, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(policy.pause(0, 0.0), Duration::from_millis(500));
        assert_eq!(policy.pause(40, 1.0), Duration::from_millis(7_500));
    }
}
