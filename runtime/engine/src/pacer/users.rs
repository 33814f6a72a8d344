//! When each user of a staged closed load is wanted: a pure function of the stages.

use std::time::Duration;

use crate::load::UserStage;

/// The stretches in which user number `user` (from 0) is wanted: while the number of users wanted, which changes
/// linearly within each stage, is above `user`.
pub(crate) fn wanted_between(stages: &[UserStage], user: u32) -> Vec<(Duration, Duration)> {
    let mut stretches: Vec<(Duration, Duration)> = Vec::new();
    let (mut begin, mut from) = (Duration::ZERO, 0.0_f64);
    let level = f64::from(user);
    for stage in stages {
        let to = f64::from(stage.users);
        let crossing = || stage.over.mul_f64(((level - from) / (to - from)).clamp(0.0, 1.0));
        let (start, end) = match (from > level, to > level) {
            (true, true) => (Duration::ZERO, stage.over),
            (false, true) => (crossing(), stage.over),
            (true, false) => (Duration::ZERO, crossing()),
            (false, false) => (Duration::ZERO, Duration::ZERO),
        };
        if start < end {
            match stretches.last_mut() {
                Some(last) if last.1 == begin + start => last.1 = begin + end,
                _ => stretches.push((begin + start, begin + end)),
            }
        }
        begin += stage.over;
        from = to;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(parts: &[(u32, u64)]) -> Vec<UserStage> {
        parts
            .iter()
            .map(|(users, seconds)| UserStage { users: *users, over: Duration::from_secs(*seconds) })
            .collect()
    }

    fn seconds(stages: &[UserStage], user: u32) -> Vec<(f64, f64)> {
        wanted_between(stages, user).iter().map(|(a, b)| (a.as_secs_f64(), b.as_secs_f64())).collect()
    }

    #[test]
    fn users_come_and_go_one_by_one() {
        let ramp = stages(&[(50, 50), (50, 100), (0, 50)]);
        assert_eq!(seconds(&ramp, 0), [(0.0, 200.0)]);
        assert_eq!(seconds(&ramp, 10), [(10.0, 190.0)]);
        assert_eq!(seconds(&ramp, 49), [(49.0, 151.0)]);
        assert_eq!(seconds(&ramp, 50), []);
    }

    #[test]
    fn a_stage_without_length_is_a_jump() {
        let jump = stages(&[(20, 0), (20, 10), (5, 0), (5, 10)]);
        assert_eq!(seconds(&jump, 4), [(0.0, 20.0)]);
        assert_eq!(seconds(&jump, 19), [(0.0, 10.0)]);
    }

    #[test]
    fn a_user_may_be_wanted_twice() {
        let twice = stages(&[(10, 10), (0, 10), (10, 10)]);
        assert_eq!(seconds(&twice, 5), [(5.0, 15.0), (25.0, 30.0)]);
    }
}
