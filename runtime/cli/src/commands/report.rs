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
    /// Another stored run to compare it with: a table of what differs, and its figures in the report's charts.
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// Writes the run as one page to look at.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Says in a sentence what each number is, above it.
    #[arg(long)]
    explain: bool,
}

impl Report {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let summary = report::load(&self.run)?;
        let (coloured, width) = crate::show::standard_output();
        let comparison = match &self.against {
            Some(other) => Some((report::Comparison::new(&summary, &report::load(other)?), other)),
            None => None,
        };
        if let Some(file) = &self.html {
            report::html::write(&self.run, self.against.as_deref(), file)?;
        }
        let text = report::render(&summary, coloured, width);
        print(&if self.explain { report::explain(&text, coloured, width) } else { text });
        if let Some((comparison, other)) = &comparison {
            print(&report::render_comparison(comparison, &other.display().to_string(), coloured, width));
        }
        if let Some(file) = &self.html {
            print(&format!("\nreport in {}\n", file.display()));
        }
        Ok(summary.exit_code())
    }
}
