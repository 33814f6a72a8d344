//! Think time: how long a user pauses.

use std::time::Duration;

use prony_core::{Diagnostic, Node, Random, units};

/// A distribution of pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Think {
    Constant(Duration),
    Uniform { from: Duration, to: Duration },
    Normal { mean: Duration, deviation: Duration },
    Exponential { mean: Duration },
}

/// The longest pause that is drawn: a year. Exponential and normal tails are endless.
const LONGEST: f64 = 366.0 * 86_400.0;

impl Think {
    pub(crate) fn parse(node: &Node) -> Result<Self, Diagnostic> {
        if node.is_map() {
            return Self::structured(node);
        }
        let text = node.text()?;
        let expected = "a pause such as `1s`, `1s..3s` or `{exponential: {mean: 2s}}`";
        let duration = |text: &str| units::parse_duration(text).map_err(|_| node.unexpected(expected));
        match text.split_once("..") {
            None => Ok(Self::Constant(duration(text)?)),
            Some((from, to)) => Self::range(duration(from)?, duration(to)?, node),
        }
    }

    fn structured(node: &Node) -> Result<Self, Diagnostic> {
        let mut entries = node.entries();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(node.unexpected("one of `constant`, `uniform`, `normal` and `exponential`"));
        };
        let part = |name: &str| value.get(name).map_or(Ok(Duration::ZERO), Node::duration);
        match key.name.as_str() {
            "constant" => Ok(Self::Constant(value.duration()?)),
            "uniform" => Self::range(part("from")?, part("to")?, value),
            "normal" => Ok(Self::Normal { mean: part("mean")?, deviation: part("deviation")? }),
            _ => Ok(Self::Exponential { mean: part("mean")? }),
        }
    }

    fn range(from: Duration, to: Duration, node: &Node) -> Result<Self, Diagnostic> {
        if from > to {
            Err(node.unexpected("the shorter pause first"))
        } else {
            Ok(Self::Uniform { from, to })
        }
    }

    /// Draws a pause.
    pub(crate) fn sample(self, random: &mut Random) -> Duration {
        let seconds = |value: f64| Duration::from_secs_f64(value.clamp(0.0, LONGEST));
        match self {
            Self::Constant(pause) => pause,
            Self::Uniform { from, to } => from + (to - from).mul_f64(random.unit()),
            Self::Normal { mean, deviation } => {
                seconds(mean.as_secs_f64() + deviation.as_secs_f64() * random.normal())
            }
            Self::Exponential { mean } => seconds(mean.as_secs_f64() * random.exponential()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::{Source, document};

    fn read(text: &str) -> Result<Think, String> {
        let node = document::parse(&Source::new("plan", text)).expect("yaml");
        Think::parse(&node).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn pauses_read_as_written() {
        let s = Duration::from_secs;
        assert_eq!(read("1s"), Ok(Think::Constant(s(1))));
        assert_eq!(read("1s..3s"), Ok(Think::Uniform { from: s(1), to: s(3) }));
        assert_eq!(
            read("{normal: {mean: 2s, deviation: 1s}}"),
            Ok(Think::Normal { mean: s(2), deviation: s(1) })
        );
        assert!(read("3s..1s").expect_err("refused").contains("the shorter pause first"));
        assert!(read("soon").expect_err("refused").contains("expected a pause"));
    }

    #[test]
    fn pauses_have_their_means() {
        let mut random = Random::new(1, 0, 0);
        for (text, mean) in [
            ("2s", 2.0),
            ("1s..3s", 2.0),
            ("{normal: {mean: 2s, deviation: 200ms}}", 2.0),
            ("{exponential: {mean: 2s}}", 2.0),
        ] {
            let think = read(text).expect("reads");
            let seen = (0..20_000).map(|_| think.sample(&mut random).as_secs_f64()).sum::<f64>() / 20_000.0;
            assert!((seen - mean).abs() < 0.06, "{text}: {seen}");
        }
    }
}
