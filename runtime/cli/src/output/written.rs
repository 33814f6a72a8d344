//! Files that a run leaves where its caller asked for them. That they can be written is found out before the run.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use prony_core::Diagnostic;
use prony_engine::event::Interval;

use super::csv::Csv;
use super::timeline::Timeline;

/// A file that is written at the run's end. Until then its old content stays.
pub(super) struct Reserved {
    path: PathBuf,
    file: File,
    /// It was not there before, and goes again if nothing comes of it.
    made: bool,
}

impl Reserved {
    /// Opens the file that `flag` names.
    pub(super) fn open(path: &Path, flag: &str) -> Result<Self, Diagnostic> {
        let made = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| unwritable(path, flag, &error))?;
        Ok(Self { path: path.to_owned(), file, made })
    }

    /// Writes all of it, in the place of what was there.
    pub(super) fn write(mut self, text: &str) -> Result<(), String> {
        let written = self.overwrite(text);
        self.made = false;
        written.map_err(|error| format!("{} could not be written: {error}", self.path.display()))
    }

    fn overwrite(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a terminal has no length to cut.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
            self.file.rewind()?;
        }
        self.file.write_all(text.as_bytes())?;
        self.file.flush()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A file with lines for every second.
pub(super) struct Seconds {
    path: PathBuf,
    lines: Lines,
    broken: bool,
}

enum Lines {
    Csv(Csv<BufWriter<File>>),
    Json(Timeline<BufWriter<File>>),
}

impl Seconds {
    /// A new CSV file.
    pub(super) fn csv(path: &Path) -> Result<Self, Diagnostic> {
        let file = BufWriter::new(create(path, "--csv")?);
        let csv = Csv::new(file).map_err(|error| unwritable(path, "--csv", &error))?;
        Ok(Self { path: path.to_owned(), lines: Lines::Csv(csv), broken: false })
    }

    /// A new file of JSON lines.
    pub(super) fn json(path: &Path) -> Result<Self, Diagnostic> {
        let timeline = Timeline::new(BufWriter::new(create(path, "--jsonl")?));
        Ok(Self { path: path.to_owned(), lines: Lines::Json(timeline), broken: false })
    }

    /// Writes a second. After an error nothing more is written, and no further error is told.
    pub(super) fn write(&mut self, interval: &Interval) -> Result<(), String> {
        if self.broken {
            return Ok(());
        }
        let written = match &mut self.lines {
            Lines::Csv(csv) => csv.write(interval),
            Lines::Json(timeline) => timeline.write(interval),
        };
        self.broken = written.is_err();
        written.map_err(|error| {
            format!("{} cannot be written any more, and the run goes on: {error}", self.path.display())
        })
    }

    /// What is wrong with the file, when not all of the run is in it.
    pub(super) fn incomplete(&self) -> Option<String> {
        self.broken.then(|| {
            format!("{} has not the whole run: it could not be written to its end", self.path.display())
        })
    }
}

fn create(path: &Path, flag: &str) -> Result<File, Diagnostic> {
    File::create(path).map_err(|error| unwritable(path, flag, &error))
}

fn unwritable(path: &Path, flag: &str, error: &io::Error) -> Diagnostic {
    Diagnostic {
        message: format!("{} cannot be written: {error}", path.display()),
        place: None,
        label: format!("`{flag}` expected a file in a folder that is there"),
        help: Some("make the folder, or name a file that this user may write".to_owned()),
    }
}
