//! `prony report RUN`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::{Failure, print};
use crate::report;

/// Prints the summary of a stored run again, and ends with the exit code of the run.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The folder that `--out` named.
    run: PathBuf,
}

impl Report {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let summary = report::load(&self.run)?;
        let (coloured, width) = crate::show::standard_output();
        print(&report::render(&summary, coloured, width));
        Ok(summary.exit_code())
    }
}
