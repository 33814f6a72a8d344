//! `prony run PLAN`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::Failure;
use crate::execute::{self, RunOptions};
use crate::plan::{Plan, Setting};

/// Runs a plan.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The plan file.
    plan: PathBuf,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    options: RunOptions,
}

/// Values laid over a plan's own.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Replaces a value of the plan: `--set scenarios.browse.load.for=10s`. List items count from 0.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) settings: Vec<Setting>,
}

impl Run {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let plan = Plan::load(&self.plan, &self.settings.settings)?;
        execute::run(&plan, &self.options)
    }
}
