//! Numbers as people read them. Nothing here hides a difference that matters: what is not zero never reads as zero, and
//! what is not everything never reads as 100 %.

use std::time::Duration;

use prony_core::units::{show_duration, three_digits};

/// A time in microseconds with three significant digits: `1.20ms`, `340µs`, `12.3s`, `2m 4s`.
pub(crate) fn time(microseconds: f64) -> String {
    let mut scaled = microseconds;
    for (unit, next) in [("µs", 1e3), ("ms", 1e3), ("s", 120.0)] {
        let text = digits(scaled);
        // Rounding may reach the next unit: 999.96 µs are 1.00ms.
        if text.parse::<f64>().is_ok_and(|shown| shown < next) {
            return format!("{text}{unit}");
        }
        scaled /= 1e3;
    }
    show_duration(Duration::from_nanos((microseconds * 1e3) as u64))
}

/// Three significant digits, zeros kept: columns of figures are easier to compare when their precision is the same.
fn digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v > 0.0 => format!("{v:.2}"),
        _ => "0".to_owned(),
    }
}

/// A time, or a dash when nothing was counted.
pub(crate) fn time_or_dash(microseconds: Option<f64>) -> String {
    microseconds.map_or_else(|| "–".to_owned(), time)
}

/// A whole number with its thousands apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate without its `/s`: `0.5`, `33.3`, `20,000`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 99.95 { count(per_second.round() as u64) } else { three_digits(per_second) }
}

/// A number whose unit Prony does not know: whole ones in full, others with three significant digits.
pub(crate) fn number(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    match value.abs() {
        size if size >= 1e15 => format!("{value:.2e}"),
        size if size.fract() == 0.0 => format!("{sign}{}", count(size as u64)),
        size if size < 0.01 => format!("{value:.1e}"),
        size => format!("{sign}{}", rate(size)),
    }
}

/// A share of 0 to 1 as a percentage: `0 %`, `0.034 %`, `12.5 %`, `99.998 %`, `100 %`.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    // As many decimals as keep the smaller side of the share visible.
    let side = percent.min(100.0 - percent);
    let text = match side {
        s if s <= 0.0 => format!("{percent:.0}"),
        s if s < 0.001 && percent < 50.0 => return "<0.001 %".to_owned(),
        s if s < 0.001 => return ">99.999 %".to_owned(),
        s if s < 0.1 => format!("{percent:.3}"),
        s if s < 1.0 => format!("{percent:.2}"),
        _ => format!("{percent:.1}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A number of bytes: `512 B`, `1.2 kB`, `3.45 GB`.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1e3;
        unit = next;
    }
    format!("{} {unit}", three_digits(scaled))
}

/// `1 user`, `2 users`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_the_unit_that_fits() {
        for (microseconds, text) in [
            (0.0, "0µs"),
            (0.25, "0.25µs"),
            (1.0, "1.00µs"),
            (12.34, "12.3µs"),
            (999.4, "999µs"),
            (999.6, "1.00ms"),
            (1_234.0, "1.23ms"),
            (99_990.0, "100ms"),
            (999_700.0, "1.00s"),
            (64_200_000.0, "64.2s"),
            (119_800_000.0, "2m"),
            (3_600_000_000.0, "1h"),
        ] {
            assert_eq!(time(microseconds), text, "{microseconds}");
        }
    }

    #[test]
    fn shares_hide_neither_a_failure_nor_a_success() {
        for (value, text) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.000_001, "<0.001 %"),
            (0.999_999, ">99.999 %"),
            (0.000_34, "0.034 %"),
            (0.125, "12.5 %"),
            (0.999_98, "99.998 %"),
            (0.995, "99.5 %"),
            (0.5, "50 %"),
        ] {
            assert_eq!(share(value), text, "{value}");
        }
    }

    #[test]
    fn counts_rates_and_sizes_are_short() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let numbers = [0.0, -3.0, 1234.0, 1234.56, 0.125, -7.777, 0.000_12, 9e15].map(number);
        assert_eq!(numbers, ["0", "-3", "1,234", "1,235", "0.12", "-7.78", "1.2e-4", "9.00e15"]);
        assert_eq!([0.1, 33.333, 99.97, 200_000.0].map(rate), ["0.1", "33.3", "100", "200,000"]);
        assert_eq!(
            [12, 999, 1_000, 999_600, 3_450_000_000].map(bytes),
            ["12 B", "999 B", "1 kB", "1 MB", "3.45 GB"]
        );
    }
}
