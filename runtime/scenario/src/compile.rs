//! From the nodes of a scenario to its journeys.

use std::path::Path;
use std::sync::Arc;

use prony_core::catalog::TooMany;
use prony_core::protocol::Wiring;
use prony_core::shape::Definitions;
use prony_core::{Catalog, Diagnostic, Journeys, Node, ScenarioId, SetupError};

use crate::data::DataSources;

/// The parts of a plan that say what a scenario's users do.
#[derive(Clone, Copy)]
pub struct ScenarioSource<'a> {
    /// The scenario's number in the catalog.
    pub id: ScenarioId,
    /// The scenario's node: `steps` or `flows`, `vars`, `data`.
    pub node: &'a Node,
    /// `vars` of the plan.
    pub vars: Option<&'a Node>,
    /// Where to and how, for each protocol by name: settings differ, target, tls and network are the same.
    pub wiring: &'a dyn Fn(&str) -> Wiring<'a>,
    /// The folder that relative paths of the plan start from.
    pub folder: &'a Path,
}

/// Why a scenario could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The plan is wrong.
    #[error(transparent)]
    Plan(#[from] Diagnostic),
    /// There are too many names.
    #[error(transparent)]
    Names(#[from] TooMany),
    /// Something outside the plan is missing or wrong.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// The shapes that plans refer to by name: `step` and what stands in it.
#[must_use]
pub fn definitions() -> Definitions {
    Vec::new()
}

/// Compiles a scenario and adds its steps and groups to the catalog.
///
/// # Errors
/// The first thing that is wrong.
pub fn compile(
    source: &ScenarioSource<'_>,
    data: &Arc<DataSources>,
    catalog: &mut Catalog,
) -> Result<Arc<dyn Journeys>, CompileError> {
    let _ = (source, data, catalog);
    Err(SetupError("not built yet".to_owned()).into())
}
