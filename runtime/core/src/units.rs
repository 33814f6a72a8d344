//! Quantities as people write them in plans and flags: `1m30s`, `500/s`, `10kb`, `0.1%`.

use std::fmt;
use std::time::Duration;

/// Starts per second. Always finite and positive or zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

impl PerSecond {
    /// A rate of `value` a second.
    ///
    /// # Errors
    /// When the value is negative or not finite.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value >= 0.0 { Ok(Self(value)) } else { Err(UnitError::rate()) }
    }

    /// The rate as a number a second.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/s", self.0)
    }
}

/// What a quantity should have looked like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct UnitError {
    /// In words, with examples.
    pub expected: &'static str,
}

impl UnitError {
    const fn duration() -> Self {
        Self { expected: "a duration such as `250ms`, `30s`, `1m30s` or `2h`" }
    }
    const fn rate() -> Self {
        Self { expected: "a rate such as `500/s`, `30/m` or `0.1/s`" }
    }
    const fn size() -> Self {
        Self { expected: "a size such as `512`, `64kb`, `16kib` or `1mb`" }
    }
    const fn share() -> Self {
        Self { expected: "a share such as `0.1%`, `50%` or `0.5`" }
    }
}

/// Parses a duration: one or more numbers with units `ns`, `us` (`µs`), `ms`, `s`, `m`, `h`, `d`, biggest first by custom.
///
/// # Errors
/// When the text is empty, a unit is missing or unknown, or the sum exceeds a century.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanoseconds = 0.0_f64;
    if rest.is_empty() {
        return Err(UnitError::duration());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or(UnitError::duration())?;
        let unit_length = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let scale = match &after[..unit_length] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            _ => return Err(UnitError::duration()),
        };
        nanoseconds += number * scale;
        rest = after[unit_length..].trim_start();
    }
    if nanoseconds > 100.0 * 366.0 * 86_400e9 {
        return Err(UnitError::duration());
    }
    Ok(Duration::from_nanos(nanoseconds.round() as u64))
}

/// Parses a rate: a number, `/`, and `s`, `m` or `h`.
///
/// # Errors
/// When the text is not of that form.
pub fn parse_rate(text: &str) -> Result<PerSecond, UnitError> {
    let (number, after) = leading_number(text.trim()).ok_or(UnitError::rate())?;
    let per = match after.trim_start().strip_prefix('/').map(str::trim) {
        Some("s" | "sec" | "second") => 1.0,
        Some("m" | "min" | "minute") => 60.0,
        Some("h" | "hour") => 3600.0,
        _ => return Err(UnitError::rate()),
    };
    PerSecond::new(number / per)
}

/// Parses a size in bytes: a whole number with an optional unit, decimal (`kb mb gb`) or binary (`kib mib gib`).
///
/// # Errors
/// When the text is not of that form or exceeds 64 bits.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, after) = leading_number(text.trim()).ok_or(UnitError::size())?;
    let scale = match after.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(UnitError::size()),
    };
    let bytes = number * scale;
    if bytes >= 1.8e19 || bytes.fract() != 0.0 { Err(UnitError::size()) } else { Ok(bytes as u64) }
}

/// Parses a share: `0.1%` or a plain fraction such as `0.001`. The answer is the fraction; it may exceed 1.
///
/// # Errors
/// When the text is neither.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let (number, after) = leading_number(text.trim()).ok_or(UnitError::share())?;
    match after.trim() {
        "" => Ok(number),
        "%" => Ok(number / 100.0),
        _ => Err(UnitError::share()),
    }
}

/// Splits a leading non-negative decimal number off `text`.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let length = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..length].parse().ok()?;
    Some((number, &text[length..]))
}

/// A duration as people read it: `1m 30s`, `250ms`, `1.25s`, `340µs`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        0.0 => "0s".to_owned(),
        s if s < 1e-6 => format!("{}ns", duration.as_nanos()),
        s if s < 1e-3 => format!("{}µs", three_digits(s * 1e6)),
        s if s < 1.0 => format!("{}ms", three_digits(s * 1e3)),
        s if s < 60.0 => format!("{}s", three_digits(s)),
        _ => {
            let whole = seconds.round() as u64;
            let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
            let mut parts = Vec::new();
            if hours > 0 {
                parts.push(format!("{hours}h"));
            }
            if minutes > 0 {
                parts.push(format!("{minutes}m"));
            }
            if rest > 0 {
                parts.push(format!("{rest}s"));
            }
            parts.join(" ")
        }
    }
}

/// A number with three significant digits and no trailing zeros.
#[must_use]
pub fn three_digits(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("250ms", 250_000_000),
            ("1m30s", 90_000_000_000),
            ("1h 2m", 3_720_000_000_000),
            ("1.5s", 1_500_000_000),
            ("10us", 10_000),
            ("10µs", 10_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1x", "1s!", "1e9s", "99999999999d", "1..2s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_sizes_and_shares_read_as_written() {
        assert_eq!(parse_rate("30/m").map(PerSecond::get), Ok(0.5));
        assert_eq!(parse_rate("0.1/s").map(PerSecond::get), Ok(0.1));
        assert!(parse_rate("500").is_err());
        assert_eq!(parse_size("64kb"), Ok(64_000));
        assert_eq!(parse_size("16 KiB"), Ok(16_384));
        assert!(parse_size("1.5").is_err());
        assert_eq!(parse_share("50%"), Ok(0.5));
        assert_eq!(parse_share("0.25"), Ok(0.25));
        assert!(parse_share("lots").is_err());
    }

    #[test]
    fn durations_are_shown_short() {
        for (text, shown) in
            [("90s", "1m 30s"), ("1234us", "1.23ms"), ("12345us", "12.3ms"), ("999900us", "1000ms")]
        {
            assert_eq!(parse_duration(text).map(show_duration), Ok(shown.to_owned()));
        }
    }
}
