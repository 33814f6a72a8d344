//! How much load: the words of a plan's `load:`, checked.

use std::path::PathBuf;
use std::time::Duration;

use prony_core::units::PerSecond;

/// The load of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Starts come when they are due, whatever the target does.
    Open(OpenLoad),
    /// Users begin an iteration when they have ended the one before.
    Closed(ClosedLoad),
}

/// An open load.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenLoad {
    /// When iterations start.
    pub starts: Starts,
    /// The most users at a time, over all workers. A start that finds all of them busy is dropped and counted.
    pub max_users: u32,
}

/// When the iterations of an open load start.
#[derive(Clone, Debug, PartialEq)]
pub enum Starts {
    /// By rate.
    Rate {
        /// One after the other. A constant rate is one stage that begins and ends with it.
        stages: Vec<RateStage>,
        /// How starts are spread.
        arrivals: Arrivals,
    },
    /// As recorded in a file: one timestamp a line, seconds as a decimal number, ascending; the first line is time zero.
    Replay(PathBuf),
}

/// A stretch in which the rate changes linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateStage {
    /// The rate at its beginning.
    pub from: PerSecond,
    /// The rate at its end.
    pub to: PerSecond,
    /// Its length.
    pub over: Duration,
}

/// How the starts of a rate are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly: start *i* is due when the integral of the rate reaches *i*.
    Uniform,
    /// As a Poisson process of that rate, from the run's seed.
    Poisson,
}

/// A closed load.
#[derive(Clone, Debug, PartialEq)]
pub enum ClosedLoad {
    /// So many users for so long.
    Users {
        /// How many.
        users: u32,
        /// How many come a second, one after the other; `None` is all at once.
        start_rate: Option<PerSecond>,
        /// How long, from when the first one comes.
        lasting: Duration,
    },
    /// A number of users that changes linearly, stage by stage. It begins with 0 users unless the first stage has
    /// length zero.
    Stages(Vec<UserStage>),
    /// Each user does so many iterations.
    IterationsEach {
        /// How many users.
        users: u32,
        /// Iterations of each.
        iterations: u64,
        /// The longest it may take.
        at_most: Option<Duration>,
    },
    /// All users together do so many iterations. Workers share them beforehand in proportion to their users; within a
    /// worker, whoever is free takes the next.
    SharedIterations {
        /// How many users.
        users: u32,
        /// Iterations of all together.
        iterations: u64,
        /// The longest it may take.
        at_most: Option<Duration>,
    },
}

/// A stretch in which the number of users changes linearly from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserStage {
    /// Users at its end.
    pub users: u32,
    /// Its length.
    pub over: Duration,
}

impl Load {
    /// The most users at a time, over all workers.
    #[must_use]
    pub fn most_users(&self) -> u32 {
        match self {
            Self::Open(open) => open.max_users,
            Self::Closed(
                ClosedLoad::Users { users, .. }
                | ClosedLoad::IterationsEach { users, .. }
                | ClosedLoad::SharedIterations { users, .. },
            ) => *users,
            Self::Closed(ClosedLoad::Stages(stages)) => {
                stages.iter().map(|stage| stage.users).max().unwrap_or(0)
            }
        }
    }

    /// Whether somebody who steers may ask for more or less of it: a rate and a number of users can be multiplied; recorded starts
    /// and a number of iterations are what they are.
    #[must_use]
    pub fn takes_percent(&self) -> bool {
        matches!(
            self,
            Self::Open(OpenLoad { starts: Starts::Rate { .. }, .. })
                | Self::Closed(ClosedLoad::Users { .. } | ClosedLoad::Stages(_))
        )
    }

    /// How long it lasts, as far as the plan says: without start delay and graceful stop.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Open(OpenLoad { starts: Starts::Rate { stages, .. }, .. }) => {
                Some(stages.iter().map(|stage| stage.over).sum())
            }
            Self::Open(OpenLoad { starts: Starts::Replay(_), .. }) => None,
            Self::Closed(ClosedLoad::Users { lasting, .. }) => Some(*lasting),
            Self::Closed(ClosedLoad::Stages(stages)) => Some(stages.iter().map(|stage| stage.over).sum()),
            Self::Closed(
                ClosedLoad::IterationsEach { at_most, .. } | ClosedLoad::SharedIterations { at_most, .. },
            ) => *at_most,
        }
    }
}
