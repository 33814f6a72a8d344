//! A load in words, as people wrote it or shorter.

use std::fmt::Write as _;
use std::time::Duration;

use prony_core::units::show_duration;
use prony_engine::{Arrivals, ClosedLoad, Load, OpenLoad, RateStage, Starts, UserStage};

use super::AboutScenario;
use super::figures;

/// More stages than this are told by their number and their highest.
const MOST_STAGES: usize = 3;

/// `500/s for 2m, poisson arrivals`; `50 users for 3m`; `0 to 50 users over 1m, then 50 for 3m`.
pub(crate) fn in_words(scenario: &AboutScenario) -> String {
    let mut text = match &scenario.load {
        Load::Open(OpenLoad { starts, .. }) => open(starts),
        Load::Closed(closed) => in_closed_words(closed),
    };
    if !scenario.start_after.is_zero() {
        let _ = write!(text, ", after {}", show_duration(scenario.start_after));
    }
    if !scenario.warmup.is_zero() {
        let _ = write!(text, ", {} of warm-up not measured", show_duration(scenario.warmup));
    }
    text
}

fn open(starts: &Starts) -> String {
    match starts {
        Starts::Replay(path) => format!("starts replayed from {}", path.display()),
        Starts::Rate { stages, arrivals } => {
            let text = rate_stages(stages);
            match arrivals {
                Arrivals::Uniform => text,
                Arrivals::Poisson => format!("{text}, poisson arrivals"),
            }
        }
    }
}

fn rate_stages(stages: &[RateStage]) -> String {
    if stages.len() > MOST_STAGES {
        let highest = stages.iter().map(|stage| stage.from.get().max(stage.to.get())).fold(0.0, f64::max);
        let length: Duration = stages.iter().map(|stage| stage.over).sum();
        let (count, length) = (stages.len(), show_duration(length));
        return format!("{count} stages of up to {}/s in {length}", figures::rate(highest));
    }
    let stages = stages.iter().map(|stage| {
        let (from, to) = (figures::rate(stage.from.get()), figures::rate(stage.to.get()));
        let over = show_duration(stage.over);
        if from == to { format!("{to}/s for {over}") } else { format!("{from}/s to {to}/s over {over}") }
    });
    stages.collect::<Vec<_>>().join(", then ")
}

fn in_closed_words(closed: &ClosedLoad) -> String {
    let at_most = |limit: &Option<Duration>| {
        limit.map_or(String::new(), |limit| format!(", at most {}", show_duration(limit)))
    };
    match closed {
        ClosedLoad::Users { users, start_rate, lasting } => {
            let coming = start_rate
                .map_or(String::new(), |rate| format!(", coming at {}/s,", figures::rate(rate.get())));
            format!("{}{coming} for {}", some_users(*users), show_duration(*lasting))
        }
        ClosedLoad::Stages(stages) => user_stages(stages),
        ClosedLoad::IterationsEach { users, iterations, at_most: limit } => {
            format!(
                "{}, {} {} each{}",
                some_users(*users),
                figures::count(*iterations),
                if *iterations == 1 { "iteration" } else { "iterations" },
                at_most(limit)
            )
        }
        ClosedLoad::SharedIterations { users, iterations, at_most: limit } => {
            format!(
                "{}, {} iterations together{}",
                some_users(*users),
                figures::count(*iterations),
                at_most(limit)
            )
        }
    }
}

fn some_users(users: u32) -> String {
    match users {
        1 => "1 user".to_owned(),
        users => format!("{} users", figures::count(u64::from(users))),
    }
}

fn user_stages(stages: &[UserStage]) -> String {
    if stages.len() > MOST_STAGES {
        let highest = stages.iter().map(|stage| stage.users).max().unwrap_or(0);
        let length: Duration = stages.iter().map(|stage| stage.over).sum();
        return format!(
            "{} stages of up to {} in {}",
            stages.len(),
            some_users(highest),
            show_duration(length)
        );
    }
    let mut before = 0;
    let mut parts = Vec::new();
    for stage in stages {
        if !stage.over.is_zero() {
            let over = show_duration(stage.over);
            parts.push(if before == stage.users {
                format!("{} for {over}", some_users(stage.users))
            } else {
                format!("{before} to {} over {over}", some_users(stage.users))
            });
        }
        before = stage.users;
    }
    parts.join(", then ")
}

#[cfg(test)]
mod tests {
    use prony_core::units::PerSecond;

    use super::*;

    fn words(load: Load) -> String {
        in_words(&AboutScenario { load, start_after: Duration::ZERO, warmup: Duration::ZERO })
    }

    fn rate_stage(from: f64, to: f64, seconds: u64) -> RateStage {
        let rate = |value| PerSecond::new(value).expect("a rate");
        RateStage { from: rate(from), to: rate(to), over: Duration::from_secs(seconds) }
    }

    #[test]
    fn open_loads_read_as_written() {
        let load = |stages, arrivals| {
            Load::Open(OpenLoad { starts: Starts::Rate { stages, arrivals }, max_users: 10 })
        };
        let constant = vec![rate_stage(500.0, 500.0, 120)];
        assert_eq!(words(load(constant.clone(), Arrivals::Poisson)), "500/s for 2m, poisson arrivals");
        let ramp = vec![rate_stage(0.0, 0.5, 30), rate_stage(0.5, 0.5, 60)];
        assert_eq!(words(load(ramp, Arrivals::Uniform)), "0/s to 0.5/s over 30s, then 0.5/s for 1m");
        let many = vec![rate_stage(0.0, 20_000.0, 30); 4];
        assert_eq!(words(load(many, Arrivals::Uniform)), "4 stages of up to 20,000/s in 2m");
        let late = AboutScenario {
            load: load(constant, Arrivals::Uniform),
            start_after: Duration::from_secs(90),
            warmup: Duration::from_secs(5),
        };
        assert_eq!(in_words(&late), "500/s for 2m, after 1m 30s, 5s of warm-up not measured");
    }

    #[test]
    fn closed_loads_read_as_written() {
        let second = Duration::from_secs;
        let load = |closed| words(Load::Closed(closed));
        let users =
            |users, start_rate, seconds| ClosedLoad::Users { users, start_rate, lasting: second(seconds) };
        assert_eq!(load(users(1, None, 180)), "1 user for 3m");
        let rate = PerSecond::new(100.0).ok();
        assert_eq!(load(users(5_000, rate, 600)), "5,000 users, coming at 100/s, for 10m");
        let stages = [(50, 60), (50, 180), (0, 60)];
        let stages = stages.map(|(users, over)| UserStage { users, over: second(over) }).to_vec();
        assert_eq!(
            load(ClosedLoad::Stages(stages)),
            "0 to 50 users over 1m, then 50 users for 3m, then 50 to 0 users over 1m"
        );
        let each = ClosedLoad::IterationsEach { users: 10, iterations: 1_000, at_most: Some(second(60)) };
        assert_eq!(load(each), "10 users, 1,000 iterations each, at most 1m");
        let shared = ClosedLoad::SharedIterations { users: 10, iterations: 1_000, at_most: None };
        assert_eq!(load(shared), "10 users, 1,000 iterations together");
    }
}
