//! When each user of a closed load is wanted: a pure function of its stages and of how it is steered.

use std::time::Duration;

use crate::course::Course;
use crate::load::UserStage;

/// A time in which the number of users wanted changes linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ramp {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) over: Duration,
}

/// The stages of a load that begins `after` the run, steered by `course`: each cut where the percentage changes. All of it is in
/// the plan's time, so pauses are not seen here.
pub(crate) fn ramps(stages: &[UserStage], course: &Course, after: Duration) -> Vec<Ramp> {
    let mut ramps = Vec::new();
    let (mut begin, mut from) = (Duration::ZERO, 0.0_f64);
    for stage in stages {
        let to = f64::from(stage.users);
        let level = |at: Duration| {
            let part = if stage.over.is_zero() { 1.0 } else { at.as_secs_f64() / stage.over.as_secs_f64() };
            from + (to - from) * part
        };
        let (mut inside, mut factor) = (Duration::ZERO, 1.0);
        for stretch in course.stretches() {
            let at = stretch.plan.saturating_sub(after).saturating_sub(begin);
            if at > Duration::ZERO && at >= stage.over {
                break;
            }
            if at > inside {
                ramps.push(Ramp { from: level(inside) * factor, to: level(at) * factor, over: at - inside });
                inside = at;
            }
            factor = f64::from(stretch.percent) / 100.0;
        }
        ramps.push(Ramp { from: level(inside) * factor, to: to * factor, over: stage.over - inside });
        begin += stage.over;
        from = to;
    }
    ramps
}

/// The stretches in which user number `user` (from 0) is wanted: while the number of users wanted is above `user`.
pub(crate) fn wanted_between(ramps: &[Ramp], user: u32) -> Vec<(Duration, Duration)> {
    let mut stretches: Vec<(Duration, Duration)> = Vec::new();
    let mut begin = Duration::ZERO;
    let level = f64::from(user);
    for Ramp { from, to, over } in ramps.iter().copied() {
        let crossing = || over.mul_f64(((level - from) / (to - from)).clamp(0.0, 1.0));
        let (start, end) = match (from > level, to > level) {
            (true, true) => (Duration::ZERO, over),
            (false, true) => (crossing(), over),
            (true, false) => (Duration::ZERO, crossing()),
            (false, false) => (Duration::ZERO, Duration::ZERO),
        };
        if start < end {
            match stretches.last_mut() {
                Some(last) if last.1 == begin + start => last.1 = begin + end,
                _ => stretches.push((begin + start, begin + end)),
            }
        }
        begin += over;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Action;

    fn stages(parts: &[(u32, u64)]) -> Vec<UserStage> {
        parts
            .iter()
            .map(|(users, seconds)| UserStage { users: *users, over: Duration::from_secs(*seconds) })
            .collect()
    }

    fn seconds(stages: &[UserStage], user: u32) -> Vec<(f64, f64)> {
        let ramps = ramps(stages, &Course::default(), Duration::ZERO);
        wanted_between(&ramps, user).iter().map(|(a, b)| (a.as_secs_f64(), b.as_secs_f64())).collect()
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

    #[test]
    fn a_percentage_holds_from_its_moment_on() {
        let second = Duration::from_secs;
        let mut course = Course::default();
        // The load begins 5 s after the run. 30 s into the ramp and at 70 s of the level; a pause changes nothing here.
        for (at, action) in [
            (35, Action::Load(50)),
            (40, Action::Pause),
            (50, Action::Resume),
            (85, Action::Load(200)),
            (95, Action::Load(100)),
        ] {
            course.turn(second(at), action).expect("a change");
        }
        let ramps = ramps(&stages(&[(50, 50), (50, 100), (0, 50)]), &course, second(5));
        let of = |user: u32| -> Vec<(f64, f64)> {
            let all = wanted_between(&ramps, user);
            all.iter().map(|(a, b)| (a.as_secs_f64(), b.as_secs_f64())).collect()
        };
        assert_eq!(of(0), [(0.0, 200.0)]);
        // Of 30 users 15 stay, and they are 25 when all had come; so number 20 comes back at 40 s.
        assert_eq!(of(20), [(20.0, 30.0), (40.0, 180.0)]);
        assert_eq!(of(40), [(70.0, 160.0)]);
        assert_eq!(of(49), [(70.0, 151.0)]);
    }

    #[test]
    fn nobody_is_wanted_twice_at_once() {
        let mut course = Course::default();
        course.turn(Duration::from_secs(3), Action::Load(30)).expect("a change");
        course.turn(Duration::from_secs(3), Action::Load(60)).expect("a change");
        let ramps = ramps(&stages(&[(10, 0), (10, 6)]), &course, Duration::ZERO);
        assert_eq!(ramps.iter().map(|ramp| ramp.over).sum::<Duration>(), Duration::from_secs(6));
        let ends = [5, 6].map(|user| wanted_between(&ramps, user));
        assert_eq!(
            ends,
            [vec![(Duration::ZERO, Duration::from_secs(6))], vec![(Duration::ZERO, Duration::from_secs(3))]]
        );
    }
}
