//! A rate that changes linearly from stage to stage, its integral, and the inverse of that.

use std::time::Duration;

use crate::load::RateStage;

/// The rate of starts over time.
#[derive(Clone, Debug)]
pub(crate) struct RateCurve {
    segments: Vec<Segment>,
}

/// A stage with what came before it, in seconds and starts.
#[derive(Clone, Copy, Debug)]
struct Segment {
    begin: f64,
    length: f64,
    from: f64,
    to: f64,
    /// The integral up to this stage's beginning.
    before: f64,
    /// The integral up to its end.
    until: f64,
}

impl RateCurve {
    pub(crate) fn new(stages: &[RateStage]) -> Self {
        let mut segments = Vec::with_capacity(stages.len());
        let (mut begin, mut before) = (0.0, 0.0);
        for stage in stages {
            let (from, to, length) = (stage.from.get(), stage.to.get(), stage.over.as_secs_f64());
            let until = before + (from + to) / 2.0 * length;
            segments.push(Segment { begin, length, from, to, before, until });
            begin += length;
            before = until;
        }
        Self { segments }
    }

    /// The integral over all stages: how many starts there are, not rounded.
    pub(crate) fn total(&self) -> f64 {
        self.segments.last().map_or(0.0, |segment| segment.until)
    }

    /// The integral up to `moment`: how many starts there are until then, not rounded.
    pub(crate) fn reached(&self, moment: Duration) -> f64 {
        let seconds = moment.as_secs_f64();
        let at = self.segments.partition_point(|segment| segment.begin + segment.length <= seconds);
        let Some(segment) = self.segments.get(at) else { return self.total() };
        let inside = (seconds - segment.begin).max(0.0);
        segment.before + inside * (segment.from + (segment.to - segment.from) * inside / segment.length / 2.0)
    }

    /// When the integral reaches `amount`; `None` when it never does. Reaching the total itself is the end, not a start.
    pub(crate) fn reaches(&self, amount: f64) -> Option<Duration> {
        // Products such as 0.1 × 30 land a hair above the whole number that is meant.
        let slack = 1e-12 * amount.max(1.0);
        if amount + slack >= self.total() {
            return None;
        }
        let at = self.segments.partition_point(|segment| segment.until <= amount);
        let segment = self.segments.get(at)?;
        Some(Duration::from_secs_f64(segment.begin + segment.inverse(amount - segment.before)))
    }
}

impl Segment {
    /// The time into this stage at which `amount` starts have been reached. The root of the quadratic is taken in the
    /// form that loses no digits when the slope is small.
    fn inverse(&self, amount: f64) -> f64 {
        if amount <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.length;
        let root = (self.from * self.from + 2.0 * slope * amount).max(0.0).sqrt();
        (2.0 * amount / (self.from + root)).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::units::PerSecond;
    use proptest::prelude::*;

    fn stage(from: f64, to: f64, seconds: f64) -> RateStage {
        let rate = |value| PerSecond::new(value).expect("a rate");
        RateStage { from: rate(from), to: rate(to), over: Duration::from_secs_f64(seconds) }
    }

    fn starts(curve: &RateCurve) -> u64 {
        (0..).take_while(|index| curve.reaches(f64::from(*index)).is_some()).count() as u64
    }

    #[test]
    fn the_integral_is_the_number_of_starts() {
        for (stages, expected) in [
            (vec![stage(500.0, 500.0, 12.0)], 6_000),
            (vec![stage(0.0, 300.0, 2.0), stage(300.0, 300.0, 1.0), stage(300.0, 0.0, 2.0)], 900),
            (vec![stage(0.1, 0.1, 30.0)], 3),
            (vec![stage(0.1, 0.1, 5.0)], 1),
            (vec![stage(100.0, 100.0, 1.0), stage(0.0, 0.0, 5.0), stage(100.0, 100.0, 1.0)], 200),
            (vec![stage(200_000.0, 200_000.0, 1.0)], 200_000),
            (vec![], 0),
        ] {
            assert_eq!(starts(&RateCurve::new(&stages)), expected, "{stages:?}");
        }
    }

    #[test]
    fn starts_of_a_constant_rate_are_evenly_spread() {
        let curve = RateCurve::new(&[stage(500.0, 500.0, 120.0)]);
        assert_eq!(curve.reaches(0.0), Some(Duration::ZERO));
        assert_eq!(curve.reaches(500.0), Some(Duration::from_secs(1)));
        assert_eq!(curve.reaches(59_999.0), Some(Duration::from_millis(119_998)));
        assert_eq!(curve.reaches(60_000.0), None);
    }

    #[test]
    fn what_is_reached_at_a_moment_is_reached_then() {
        let curve = RateCurve::new(&[stage(0.0, 100.0, 2.0), stage(0.0, 0.0, 1.0), stage(50.0, 50.0, 2.0)]);
        for (seconds, amount) in
            [(0.0, 0.0), (1.0, 25.0), (2.0, 100.0), (2.5, 100.0), (4.0, 150.0), (9.0, 200.0)]
        {
            let reached = curve.reached(Duration::from_secs_f64(seconds));
            assert!((reached - amount).abs() < 1e-9, "{reached} at {seconds}");
        }
        assert_eq!(RateCurve::new(&[]).reached(Duration::from_secs(1)), 0.0);
    }

    #[test]
    fn a_pause_has_no_starts() {
        let curve = RateCurve::new(&[stage(10.0, 10.0, 1.0), stage(0.0, 0.0, 5.0), stage(10.0, 10.0, 1.0)]);
        assert_eq!(curve.reaches(9.0), Some(Duration::from_millis(900)));
        assert_eq!(curve.reaches(10.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn months_do_not_drift() {
        let curve = RateCurve::new(&[stage(1_000.0, 1_000.0, 90.0 * 86_400.0)]);
        let day = 86_400_u64;
        let due = curve.reaches((60 * day * 1_000) as f64).expect("within the run");
        assert!(due.abs_diff(Duration::from_secs(60 * day)) < Duration::from_micros(1), "{due:?}");
    }

    /// The integral of stages with whole rates and whole milliseconds, rounded up, without a floating-point number.
    fn exact(parts: &[(u32, u32, u32)]) -> u64 {
        let sum: u128 =
            parts.iter().map(|(from, to, ms)| (u128::from(*from) + u128::from(*to)) * u128::from(*ms)).sum();
        sum.div_ceil(2_000) as u64
    }

    /// The same by asking the curve, halving the distance instead of counting up.
    fn counted(curve: &RateCurve) -> u64 {
        let (mut reached, mut beyond) = (0_u64, curve.total() as u64 + 2);
        while reached < beyond {
            let middle = reached + (beyond - reached) / 2;
            match curve.reaches(middle as f64) {
                Some(_) => reached = middle + 1,
                None => beyond = middle,
            }
        }
        reached
    }

    #[test]
    fn slow_and_fast_rates_have_their_starts_to_the_unit() {
        let hour = 3_600_000;
        for (parts, expected) in [
            (vec![(200_000, 200_000, hour)], 720_000_000),
            (vec![(0, 200_000, hour), (200_000, 0, hour)], 720_000_000),
            (vec![(1, 1, 24 * hour)], 86_400),
            (vec![(1, 0, 30 * hour)], 54_000),
            (vec![(0, 1, 1)], 1),
        ] {
            let stages: Vec<_> = parts
                .iter()
                .map(|(from, to, ms)| stage(f64::from(*from), f64::from(*to), f64::from(*ms) / 1e3))
                .collect();
            assert_eq!((exact(&parts), counted(&RateCurve::new(&stages))), (expected, expected), "{parts:?}");
        }
        // 0.1/s for a day, and for a day less a hair.
        assert_eq!(counted(&RateCurve::new(&[stage(0.1, 0.1, 86_400.0)])), 8_640);
        assert_eq!(counted(&RateCurve::new(&[stage(0.1, 0.1, 86_399.999)])), 8_640);
        assert_eq!(counted(&RateCurve::new(&[stage(0.1, 0.1, 86_390.0)])), 8_639);
    }

    proptest! {
        #[test]
        fn the_integral_of_any_stages_is_the_number_of_starts_to_the_unit(
            parts in prop::collection::vec((0_u32..=200_000, 0_u32..=200_000, 0_u32..=600_000), 1..8)
        ) {
            let stages: Vec<_> = parts
                .iter()
                .map(|(from, to, ms)| stage(f64::from(*from), f64::from(*to), f64::from(*ms) / 1e3))
                .collect();
            prop_assert_eq!(counted(&RateCurve::new(&stages)), exact(&parts));
        }

        #[test]
        fn a_start_is_due_when_the_integral_reaches_its_number(
            parts in prop::collection::vec((0_u32..=200_000, 0_u32..=200_000, 1_u32..=60_000), 1..5),
            share in 0.0_f64..1.0
        ) {
            let stages: Vec<_> = parts
                .iter()
                .map(|(from, to, ms)| stage(f64::from(*from), f64::from(*to), f64::from(*ms) / 1e3))
                .collect();
            let curve = RateCurve::new(&stages);
            let index = (curve.total() * share).floor();
            if let Some(due) = curve.reaches(index) {
                let (mut left, mut integral) = (due.as_secs_f64(), 0.0);
                for stage in &stages {
                    let (length, from, to) = (stage.over.as_secs_f64(), stage.from.get(), stage.to.get());
                    let inside = left.clamp(0.0, length);
                    integral += inside * (from + (to - from) * inside / length / 2.0);
                    left -= inside;
                }
                // A nanosecond at 200,000/s is 0.0002 starts.
                prop_assert!((integral - index).abs() < 0.001, "{} for {}", integral, index);
            }
        }

        #[test]
        fn due_times_never_go_back_and_add_up(
            parts in prop::collection::vec((0.0_f64..500.0, 0.0_f64..500.0, 0.01_f64..10.0), 1..5)
        ) {
            let stages: Vec<_> = parts.iter().map(|(from, to, seconds)| stage(*from, *to, *seconds)).collect();
            let curve = RateCurve::new(&stages);
            let mut last = Duration::ZERO;
            let count = starts(&curve);
            for index in 0..count {
                let due = curve.reaches(index as f64).expect("counted");
                prop_assert!(due >= last);
                last = due;
            }
            prop_assert!((count as f64 - curve.total()).abs() <= 1.0, "{count} starts of {}", curve.total());
        }
    }
}
