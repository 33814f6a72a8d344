//! The time in which a run was paused and nothing of it was under way: no figure a second is over it.
//!
//! Iterations under way when a run is paused go on to their end, and what they send and get counts. So the time until the last
//! of them has ended counts as well; where they never end, all of it does.

use std::time::Duration;

use prony_core::ScenarioId;

use super::coordinator::Coordinator;
use crate::threshold::Scope;

/// See the module's head. One stretch a pause at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet {
    stretches: Vec<(Duration, Duration)>,
    /// Whether nobody was busy at the end of the second before.
    idle: bool,
}

impl Quiet {
    /// Takes in the time between two moments, at the end of which `busy` says whether anybody was, and `last_end` when the last
    /// iteration ended.
    fn see(
        &mut self,
        (from, to): (Duration, Duration),
        pauses: impl Iterator<Item = (Duration, Option<Duration>)>,
        busy: bool,
        last_end: Duration,
    ) {
        let idle = std::mem::replace(&mut self.idle, !busy);
        for (begin, end) in pauses {
            let end = end.unwrap_or(to).min(to);
            let begin = match (idle && begin <= from, busy) {
                (true, _) => from,
                (false, false) => begin.max(from).max(last_end),
                (false, true) => continue,
            };
            if begin < end {
                self.add(begin, end);
            }
        }
    }

    fn add(&mut self, begin: Duration, end: Duration) {
        match self.stretches.last_mut() {
            Some(last) if last.1 >= begin => last.1 = last.1.max(end),
            _ => self.stretches.push((begin, end)),
        }
    }

    /// How much of the time between two moments.
    fn within(&self, from: Duration, to: Duration) -> Duration {
        self.stretches.iter().map(|(begin, end)| (*end).min(to).saturating_sub((*begin).max(from))).sum()
    }
}

impl Coordinator<'_> {
    /// Takes in the second from the last one's end to `to`.
    pub(super) fn keep_quiet(&mut self, to: Duration) {
        if self.course.is_straight() {
            self.quiet.iter_mut().for_each(|quiet| quiet.idle = false);
            return;
        }
        let (course, begin) = (&self.course, self.begin);
        let whole = (self.from, to);
        let (mut anybody, mut latest) = (false, Duration::ZERO);
        for (quiet, stats) in self.quiet.iter_mut().zip(&self.totals.scenarios) {
            let (busy, last_end) = (stats.users_now > 0, stats.last_end - begin);
            quiet.see(whole, course.pauses(), busy, last_end);
            (anybody, latest) = (anybody || busy, latest.max(last_end));
        }
        if let Some(run) = self.quiet.last_mut() {
            run.see(whole, course.pauses(), anybody, latest);
        }
    }

    /// How much of the time between two moments was quiet in `scope`.
    pub(super) fn quiet_in(&self, scope: Scope, from: Duration, to: Duration) -> Duration {
        let number = match scope {
            Scope::Run => self.spec.scenarios.len(),
            Scope::Scenario(ScenarioId(number)) => usize::from(number),
            Scope::Step(id) => match self.spec.catalog.steps.get(usize::from(id.0)) {
                Some(step) => usize::from(step.scenario.0),
                None => return Duration::ZERO,
            },
        };
        self.quiet.get(number).map_or(Duration::ZERO, |quiet| quiet.within(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Paused from 2.5 s to 5.5 s. By second: whether anybody was busy at its end, and when the last iteration ended.
    fn seen(seconds: &[(bool, u64)]) -> Quiet {
        let mut quiet = Quiet::default();
        for ((busy, last_end), second) in seconds.iter().zip(0..) {
            let whole = (ms(second * 1_000), ms(second * 1_000 + 1_000));
            let pauses = [(ms(2_500), (second > 4).then_some(ms(5_500)))];
            quiet.see(whole, pauses.into_iter().filter(|(begin, _)| *begin < whole.1), *busy, ms(*last_end));
        }
        quiet
    }

    #[test]
    fn a_pause_is_quiet_from_the_last_end_to_the_first_start() {
        let quiet = seen(&[
            (true, 900),
            (true, 1_900),
            (true, 2_900),
            (false, 3_200),
            (false, 3_200),
            (true, 3_200),
            (true, 6_900),
        ]);
        assert_eq!(quiet.stretches, [(ms(3_200), ms(5_500))]);
        assert_eq!(
            (quiet.within(ms(0), ms(7_000)), quiet.within(ms(4_000), ms(5_000))),
            (ms(2_300), ms(1_000))
        );
    }

    #[test]
    fn who_never_ends_is_never_quiet() {
        assert_eq!(seen(&[(true, 0); 7]).stretches, []);
    }

    #[test]
    fn who_was_idle_before_is_quiet_from_the_pause_on() {
        let quiet = seen(&[
            (true, 900),
            (true, 1_900),
            (false, 2_400),
            (false, 2_400),
            (false, 2_400),
            (false, 5_800),
            (true, 6_900),
        ]);
        assert_eq!(quiet.stretches, [(ms(2_500), ms(5_500))]);
    }
}
