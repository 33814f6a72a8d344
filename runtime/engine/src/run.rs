//! A run from its first start to its result: sets workers up, merges their seconds, judges, and tells.

use prony_core::SetupError;

use crate::event::{Event, RunResult};
use crate::spec::RunSpec;

/// A handle by which others stop a run: a signal handler, a live page.
#[derive(Clone, Debug, Default)]
pub struct Control {}

impl Control {
    /// A handle for one run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the load now: no more starts, iterations under way get at most two seconds, everything measured is kept.
    pub fn interrupt(&self) {}
}

/// Runs `spec` on this thread and its workers, and tells `listen` what happens.
///
/// # Errors
/// When a worker cannot be set up: nothing has been sent then.
pub fn run(spec: RunSpec, control: &Control, listen: &mut dyn FnMut(Event)) -> Result<RunResult, SetupError> {
    let _ = (spec, control, listen);
    Err(SetupError("not built yet".to_owned()))
}
