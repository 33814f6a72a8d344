//! A stored run, read again.

use std::io::ErrorKind;
use std::path::Path;

use prony_core::{Diagnostic, Place, Source};
use serde::Deserialize;

use super::summary::{Summary, VERSION};
use crate::output::files;

/// Reads the summary of the run stored in `folder`.
///
/// # Errors
/// When there is no such folder, no summary in it, or one that this program cannot read.
pub fn load(folder: &Path) -> Result<Summary, Diagnostic> {
    let path = folder.join(files::SUMMARY);
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(folder, &path, &error))?;
    let version: Version = serde_json::from_str(&text).map_err(|error| malformed(&path, &text, &error))?;
    match version.version {
        Some(VERSION) => serde_json::from_str(&text).map_err(|error| malformed(&path, &text, &error)),
        Some(other) => Err(problem(
            format!("{} is of version {other}; this program reads version {VERSION}", path.display()),
            "read it with the version of prony named under its key `prony`",
        )),
        None => Err(problem(
            format!("{} has no `version`: it is not the summary of a run", path.display()),
            "name the folder that was given as `--out`",
        )),
    }
}

/// The one key that all versions have.
#[derive(Deserialize)]
struct Version {
    version: Option<u64>,
}

fn unreadable(folder: &Path, path: &Path, error: &std::io::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::NotFound if !folder.exists() => problem(
            format!("there is no folder {}", folder.display()),
            "name the folder that was given as `--out`",
        ),
        ErrorKind::NotFound if folder.join(files::TIMELINE).exists() => problem(
            format!(
                "the run in {} has no {}: it was killed before its end",
                folder.display(),
                files::SUMMARY
            ),
            format!("{} and {} there hold what was measured until then", files::TIMELINE, files::INTERVALS),
        ),
        ErrorKind::NotFound => problem(
            format!("{} holds no run: it has no {}", folder.display(), files::SUMMARY),
            "name the folder that was given as `--out`",
        ),
        ErrorKind::NotADirectory => problem(
            format!("{} is not a folder", folder.display()),
            "a stored run is a folder; name the one that was given as `--out`",
        ),
        _ => problem(
            format!("{} cannot be read: {error}", path.display()),
            "look at the file and its permissions",
        ),
    }
}

fn malformed(path: &Path, text: &str, error: &serde_json::Error) -> Diagnostic {
    let source = Source::new(path.display().to_string(), text);
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut start = (before + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let place = Place { source, start, end: (start + 1).min(text.len()) };
    Diagnostic::at(&place, format!("not a summary of a run: {error}"), "here")
        .help("the file was changed or cut short; without it, the other files of the folder still hold what was measured")
}

pub(super) fn problem(message: String, help: impl Into<String>) -> Diagnostic {
    Diagnostic { message, place: None, label: String::new(), help: Some(help.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and the advice for a folder with these files.
    fn refused(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let diagnostic = load(folder.path()).expect_err("no run");
        assert!(diagnostic.help.is_some(), "{diagnostic}");
        diagnostic.to_string()
    }

    #[test]
    fn every_folder_without_a_run_says_what_is_wrong_with_it() {
        let gone = load(Path::new("no/such/folder")).expect_err("no run").to_string();
        assert!(gone.starts_with("there is no folder no/such/folder"), "{gone}");
        assert!(refused(&[]).contains("holds no run"));
        assert!(refused(&[(files::TIMELINE, "{}")]).contains("killed before its end"));
        let newer = refused(&[(files::SUMMARY, "{\"version\": 7, \"surprise\": 1}")]);
        assert!(newer.contains("of version 7; this program reads version 1"), "{newer}");
        assert!(refused(&[(files::SUMMARY, "{\"seed\": 7}")]).contains("has no `version`"));
        let short = refused(&[(files::SUMMARY, "{\n  \"version\": 1,\n  \"plan\": \"sh")]);
        assert!(short.contains("summary.json:3:"), "{short}");
        let odd = refused(&[(files::SUMMARY, "{\n  \"version\": 1,\n  \"plan\": 5}")]);
        assert!(odd.contains("summary.json:3:") && odd.contains("expected a string"), "{odd}");
        assert!(refused(&[(files::SUMMARY, "")]).contains("not a summary of a run"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(load(file.path()).expect_err("no run").to_string().contains("is not a folder"));
    }
}
