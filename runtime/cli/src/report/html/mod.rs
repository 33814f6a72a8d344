//! A stored run as one HTML file to look at: everything in it, nothing fetched, no script but its own.
//!
//! It is made from the files of a stored run when the load is over, so it costs the load nothing, and `prony report` makes
//! the same one later. The summary is embedded as it is in `summary.json`; what is beside it (`data`) is read from the
//! timeline and the histograms, thinned out to a bounded size by merging seconds, never by averaging percentiles.

mod bins;
mod columns;
mod data;
mod histograms;
pub(crate) mod live;
mod page;
mod timeline;

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use prony_core::Diagnostic;

use super::stored::problem;
pub(crate) use data::Report;
#[cfg(test)]
pub(super) use page::own_script;

/// How every report begins. A file that begins otherwise is somebody's, and not written over.
const BEGINNING: &str = "<!doctype html><!-- a report of prony -->";

/// Makes the report of the run stored in `run`, with the one in `against` beside it, and writes it to `file`: all of it
/// or none.
///
/// # Errors
/// When there is no run, or the file cannot be written.
pub(crate) fn write(run: &Path, against: Option<&Path>, file: &Path) -> Result<(), Diagnostic> {
    writable(file)?;
    let data = data::Report::read(run, against)?;
    let page = page::page(&data);
    let partial = PathBuf::from(format!("{}.partial", file.display()));
    let written = std::fs::write(&partial, page).and_then(|()| std::fs::rename(&partial, file));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&partial);
        unwritable(file, &error)
    })
}

/// Finds out before the load whether a report could be written to `file`: its folder is there, and it is no other file.
///
/// # Errors
/// When it could not.
pub(crate) fn writable(file: &Path) -> Result<(), Diagnostic> {
    let advice = "name another file by `--html`; a report is written over a report only";
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("there is no folder {} for {}", folder.display(), file.display());
        return Err(problem(message, "make the folder, or name another file by `--html`"));
    }
    let mut head = Vec::new();
    match std::fs::File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(file, &error)),
        Ok(_) if file.is_dir() => Err(problem(format!("{} is a folder", file.display()), advice)),
        Ok(old) => match old.take(BEGINNING.len() as u64).read_to_end(&mut head) {
            Ok(_) if head.is_empty() || head == BEGINNING.as_bytes() => Ok(()),
            Ok(_) => Err(problem(format!("{} is there and is no report", file.display()), advice)),
            Err(error) => Err(unwritable(file, &error)),
        },
    }
}

fn unwritable(file: &Path, error: &std::io::Error) -> Diagnostic {
    problem(
        format!("{}: the report cannot be written: {error}", file.display()),
        "name a file that this user may write by `--html`",
    )
}

#[cfg(test)]
mod tests;
