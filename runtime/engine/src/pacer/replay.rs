//! Recorded start times: one timestamp a line, decimal seconds, ascending. The first line is time zero.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use prony_core::SetupError;

/// The longest line, in bytes. More is no file of timestamps, and perhaps without an end.
const LONGEST_LINE: u64 = 1_000;

/// The due times in a file, one after the other; read as it goes, never whole.
#[derive(Debug)]
pub(super) struct Recorded {
    reader: BufReader<File>,
    first: Option<f64>,
    last: Duration,
}

impl Recorded {
    pub(super) fn open(path: &Path) -> Result<Self, SetupError> {
        let file = File::open(path).map_err(|error| {
            SetupError(format!(
                "replay file {}: {error}; expected a readable file of timestamps",
                path.display()
            ))
        })?;
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), first: None, last: Duration::ZERO })
    }

    /// The next due time. A line that is no timestamp, or goes back, is refused by [`validate`] before the run; a file
    /// that changes under the run ends the load.
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.try_next().ok().flatten()
    }

    fn try_next(&mut self) -> Result<Option<Duration>, String> {
        loop {
            let mut line = String::new();
            match (&mut self.reader).take(LONGEST_LINE).read_line(&mut line) {
                Ok(0) => return Ok(None),
                Ok(length) if length as u64 == LONGEST_LINE => {
                    return Err(format!("a line of {LONGEST_LINE} bytes or more, expected a number"));
                }
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
            // Some editors begin a file with a byte order mark.
            let text = line.trim_start_matches('\u{feff}').trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let seconds: f64 = text
                .parse()
                .ok()
                .filter(|seconds: &f64| seconds.is_finite())
                .ok_or_else(|| format!("found `{text}`, expected seconds as a decimal number"))?;
            let first = *self.first.get_or_insert(seconds);
            let due = Duration::try_from_secs_f64(seconds - first).ok().filter(|due| *due >= self.last);
            self.last = due
                .ok_or_else(|| format!("`{text}` lies before the line above it; expected ascending times"))?;
            return Ok(Some(self.last));
        }
    }
}

/// Reads the whole file once.
///
/// # Errors
/// When it cannot be read, holds no timestamp, or a line is none or goes back; names file and line.
pub fn validate(path: &Path) -> Result<(), SetupError> {
    let mut recorded = Recorded::open(path)?;
    let mut count = 0_u64;
    loop {
        match recorded.try_next() {
            Ok(Some(_)) => count += 1,
            Ok(None) if count > 0 => return Ok(()),
            Ok(None) => {
                return Err(SetupError(format!(
                    "replay file {} is empty; expected one timestamp a line",
                    path.display()
                )));
            }
            Err(problem) => {
                return Err(SetupError(format!(
                    "replay file {}, timestamp {}: {problem}",
                    path.display(),
                    count + 1
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    #[test]
    fn the_first_line_is_time_zero() {
        let file = file("\u{feff}1700000000.5\n# recorded\n1700000000.5\n1700000000.75\n\n1700000002.5\n");
        validate(file.path()).expect("valid");
        let mut recorded = Recorded::open(file.path()).expect("opens");
        let due: Vec<_> = std::iter::from_fn(|| recorded.next()).map(|due| due.as_millis()).collect();
        assert_eq!(due, [0, 0, 250, 2_000]);
    }

    #[test]
    fn mistakes_name_the_line() {
        let message = |text: &str| validate(file(text).path()).expect_err("refused").to_string();
        assert!(message("").contains("is empty"));
        assert!(message("1\n2\n1.5\n").contains("timestamp 3: `1.5` lies before"));
        assert!(message(&format!("1\n{}", "2".repeat(5_000))).contains("timestamp 2: a line of 1000 bytes"));
        assert!(message("1\nnoon\n").contains("timestamp 2: found `noon`"));
        assert!(validate(Path::new("/nowhere/starts.txt")).is_err());
    }
}
