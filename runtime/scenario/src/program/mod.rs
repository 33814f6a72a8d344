//! A scenario's steps as a flat program with jumps: no recursion and no nested futures when a user walks through it.

mod causes;
mod compile;

pub use compile::{CompileError, ScenarioSource, compile};

use std::sync::Arc;
use std::time::Duration;

use prony_core::template::Template;
use prony_core::{GroupId, StepId, StepIndex};
use prony_plugin_host::{UseId, VarNames};

use crate::capture::Capture;
use crate::check::Check;
use crate::comparison::Comparison;
use crate::think::Think;

/// A program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) operations: Vec<Operation>,
    pub(crate) requests: Vec<Request>,
    /// How many `once` there are.
    pub(crate) onces: usize,
    /// How many beats a user keeps.
    pub(crate) beats: usize,
    /// Where connections count that are lost while their users stay, where there are such.
    pub(crate) stay: Option<StepId>,
    /// How many loop counters a user needs.
    pub(crate) loops: usize,
    /// How many causes a user keeps, from which the time of later steps counts.
    pub(crate) causes: usize,
}

/// One operation. Addresses are numbers of operations.
#[derive(Debug)]
pub(crate) enum Operation {
    Request(usize),
    Think(Think),
    /// Sets loop counter `counter` and leaps to `end` when there is nothing to repeat.
    LoopBegin {
        counter: usize,
        times: u64,
        end: usize,
    },
    /// Goes back to `body` until the counter is used up.
    LoopEnd {
        counter: usize,
        body: usize,
    },
    /// Leaps to `otherwise` when the condition does not hold.
    Branch {
        condition: Condition,
        otherwise: usize,
    },
    Jump(usize),
    /// Leaps to one of the addresses; weights are added up.
    Choose(Vec<(u64, usize)>),
    /// Leaps to `end` when the user has come to the matching [`Operation::OnceDone`] since it was last away.
    Once {
        number: usize,
        end: usize,
    },
    OnceDone(usize),
    /// Waits until the load wants the user no longer.
    Stay {
        at_most: Option<Duration>,
        on_failure: OnFailure,
    },
    /// Waits for the first beat, or leaps to `end` when there is none.
    EveryBegin {
        beat: Beat,
        end: usize,
    },
    /// Waits for the next beat and goes back to `body`, as long as there is one.
    EveryEnd {
        beat: Beat,
        body: usize,
    },
    GroupBegin(GroupId),
    GroupEnd,
}

/// A beat of a user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) number: usize,
    pub(crate) period: Duration,
    pub(crate) phase: Phase,
    /// How many; `None` goes on as long as the user is wanted.
    pub(crate) times: Option<u64>,
}

/// Where in its period the first beat lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Start,
    Random,
}

/// A request of a protocol with what is asked of its answer.
#[derive(Debug)]
pub(crate) struct Request {
    /// Which of the scenario's drivers.
    pub(crate) driver: usize,
    pub(crate) index: StepIndex,
    pub(crate) id: StepId,
    pub(crate) name: String,
    pub(crate) checks: Vec<Check>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) on_failure: OnFailure,
    /// Which messages it takes, where it waits for one: all of these hold.
    pub(crate) conditions: Vec<Check>,
    /// It is a cause: later steps count their time from it.
    pub(crate) cause: Option<usize>,
    /// The cause from which its own time counts.
    pub(crate) since: Option<Since>,
    pub(crate) generate: Option<FunctionUse>,
    /// Its answer stands behind the checks'.
    pub(crate) validate: Option<FunctionUse>,
}

/// The earlier step from which a step's time counts.
#[derive(Debug)]
pub(crate) struct Since {
    /// The cause's number.
    pub(crate) cause: usize,
    /// Its step's name.
    pub(crate) name: String,
}

/// A plugin's function in a step.
#[derive(Debug)]
pub(crate) struct FunctionUse {
    pub(crate) id: UseId,
    /// Variables it may set.
    pub(crate) sets: Vec<usize>,
    /// All variables by name, as the function sees them.
    pub(crate) names: Arc<VarNames>,
}

/// What a failure does to its iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Continue,
    EndIteration,
}

/// The condition of an `if`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) left: Template,
    pub(crate) comparison: Comparison,
}
