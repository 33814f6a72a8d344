//! A scenario's steps as a flat program with jumps: no recursion and no nested futures when a user walks through it.

mod compile;

pub use compile::{CompileError, ScenarioSource, compile};

use std::sync::Arc;

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
    /// How many loop counters a user needs.
    pub(crate) loops: usize,
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
    GroupBegin(GroupId),
    GroupEnd,
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
    pub(crate) generate: Option<FunctionUse>,
    /// Its answer stands behind the checks'.
    pub(crate) validate: Option<FunctionUse>,
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
