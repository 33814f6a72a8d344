//! `grpc-timeout`: at most eight digits and a unit.

use std::time::Duration;

/// The most that eight digits can say.
const MOST: u128 = 99_999_999;

/// The header's value for a call that may take `left`. It is rounded up, so that a server never gives up before Prony does.
pub(crate) fn encode(left: Duration) -> String {
    let nanoseconds = left.as_nanos();
    for (unit, length) in [('n', 1), ('u', 1_000), ('m', 1_000_000), ('S', 1_000_000_000)] {
        let count = nanoseconds.div_ceil(length);
        if count <= MOST {
            return format!("{count}{unit}");
        }
    }
    let seconds = nanoseconds.div_ceil(1_000_000_000);
    let minutes = seconds.div_ceil(60);
    if minutes <= MOST { format!("{minutes}M") } else { format!("{}H", minutes.div_ceil(60).min(MOST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_take_the_finest_unit_that_has_room() {
        for (left, text) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_secs(30), "30000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_nanos(100_000_000_001), "100001m"),
            (Duration::from_secs(200_000), "200000S"),
            (Duration::from_secs(100_000_000), "1666667M"),
            (Duration::from_secs(u64::MAX), "99999999H"),
        ] {
            assert_eq!(encode(left), text, "{left:?}");
        }
    }
}
