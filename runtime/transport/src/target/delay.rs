//! Delays as users order them from a target: of one length, or drawn anew for each reply.

use std::time::Duration;

use prony_core::Random;
use prony_core::units::parse_duration;

/// How long replies wait, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always this long.
    Fixed(f64),
    /// Equally likely anywhere from the first to the second.
    Uniform(f64, f64),
    /// Mean and standard deviation; what would be negative is zero.
    Normal(f64, f64),
    /// The mean.
    Exponential(f64),
}

impl Delay {
    /// Reads `5ms`, `uniform(1ms,9ms)`, `normal(20ms,5ms)` or `exponential(10ms)`.
    ///
    /// # Errors
    /// In words, when it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`delay` expects a duration such as `5ms`, or `uniform(1ms,9ms)`, `normal(20ms,5ms)` or \
                 `exponential(10ms)`, found `{text}`"
            )
        };
        let nanoseconds =
            |text: &str| parse_duration(text).map(|time| time.as_nanos() as f64).map_err(|_| wrong());
        let Some((name, rest)) = text.trim().split_once('(') else {
            return nanoseconds(text).map(Self::Fixed);
        };
        let inside = rest.strip_suffix(')').ok_or_else(wrong)?;
        match (name.trim(), inside.split_once(',')) {
            ("uniform", Some((low, high))) => {
                let (low, high) = (nanoseconds(low)?, nanoseconds(high)?);
                if low <= high { Ok(Self::Uniform(low, high)) } else { Err(wrong()) }
            }
            ("normal", Some((mean, deviation))) => {
                Ok(Self::Normal(nanoseconds(mean)?, nanoseconds(deviation)?))
            }
            ("exponential", None) => nanoseconds(inside).map(Self::Exponential),
            _ => Err(wrong()),
        }
    }

    /// One delay.
    #[must_use]
    pub fn draw(self, random: &mut Random) -> Duration {
        let nanoseconds = match self {
            Self::Fixed(time) => time,
            Self::Uniform(low, high) => low + (high - low) * random.unit(),
            Self::Normal(mean, deviation) => mean + deviation * random.normal(),
            Self::Exponential(mean) => mean * random.exponential(),
        };
        // The conversion saturates: what is negative becomes zero.
        Duration::from_nanos(nanoseconds as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_their_means_and_are_never_negative() {
        let mut random = Random::new(1, 0, 0);
        for (text, mean) in
            [("5ms", 5e6), ("uniform(1ms,9ms)", 5e6), ("normal(20ms,5ms)", 20e6), ("exponential(10ms)", 10e6)]
        {
            let delay = Delay::parse(text).expect(text);
            let n = 20_000;
            let sum: f64 = (0..n).map(|_| delay.draw(&mut random).as_nanos() as f64).sum();
            assert!((sum / f64::from(n) / mean - 1.0).abs() < 0.03, "{text}");
        }
        let delay = Delay::Normal(0.0, 1e6);
        assert!((0..100).any(|_| delay.draw(&mut random).is_zero()));
    }
}
