//! The stored run: a folder with the plan, the summary, a timeline and the histograms of every second.
//!
//! What has happened is on its way to the disk within a second, so a run that is killed leaves all but its last second.
//! A disk that is full must not end a run that is otherwise fine: the first error is told once, and the run goes on.

mod intervals;
mod timeline;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use prony_core::Diagnostic;
use prony_engine::Event;

use crate::report::{About, Summary};
use intervals::Intervals;
use timeline::Timeline;

/// The names of the files in a stored run.
pub(crate) mod files {
    /// The plan.
    pub(crate) const PLAN: &str = "plan.yaml";
    /// The summary, as `docs/summary.schema.json` has it.
    pub(crate) const SUMMARY: &str = "summary.json";
    /// One JSON object a scenario and second.
    pub(crate) const TIMELINE: &str = "timeline.jsonl";
    /// The histograms of every second, in the HdrHistogram log format.
    pub(crate) const INTERVALS: &str = "intervals.hlog";
    /// All of them.
    pub(crate) const ALL: [&str; 4] = [PLAN, SUMMARY, TIMELINE, INTERVALS];
}

/// A run on its way into its folder.
pub struct Store {
    folder: PathBuf,
    timeline: Timeline<BufWriter<File>>,
    intervals: Intervals<BufWriter<File>>,
    broken: bool,
}

impl Store {
    /// Makes `folder` with all above it, and the files in it. A folder that holds a run, or a file of a run's names, is
    /// left alone: no result is ever overwritten.
    ///
    /// # Errors
    /// When there is such a file already, or one cannot be made.
    pub fn create(folder: &Path, plan_yaml: &str, about: &About) -> Result<Self, Diagnostic> {
        if let Some(file) = files::ALL.into_iter().find(|file| folder.join(file).exists()) {
            let message =
                format!("{} already holds a {file}, and a stored run is never overwritten", folder.display());
            return Err(problem(message, "choose another folder or remove this one"));
        }
        let unwritable = |path: &Path, error: &io::Error| {
            let message = format!("{} cannot be made: {error}", path.display());
            problem(message, "choose a folder for `--out` that this user may write to")
        };
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let new = |name: &str| {
            let path = folder.join(name);
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            file.map_err(|error| unwritable(&path, &error))
        };
        let plan = new(files::PLAN)?.write_all(plan_yaml.as_bytes());
        plan.map_err(|error| unwritable(&folder.join(files::PLAN), &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            timeline: Timeline::new(BufWriter::new(new(files::TIMELINE)?), about),
            intervals: Intervals::new(BufWriter::new(new(files::INTERVALS)?), about),
            broken: false,
        })
    }

    /// Stores what an event tells. After an error nothing more is stored and no further error is told.
    ///
    /// # Errors
    /// The first time that something cannot be written.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let Event::Interval(interval) = event else { return Ok(()) };
        if self.broken {
            return Ok(());
        }
        let stored = self.timeline.write(interval).and_then(|()| self.intervals.write(interval));
        self.broken = stored.is_err();
        stored
    }

    /// Writes the summary: all of it or none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        let partial = self.folder.join(format!("{}.partial", files::SUMMARY));
        let mut file = BufWriter::new(File::create(&partial)?);
        serde_json::to_writer_pretty(&mut file, summary)?;
        file.write_all(b"\n")?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&partial, self.folder.join(files::SUMMARY))
    }
}

fn problem(message: String, help: &str) -> Diagnostic {
    Diagnostic { message, place: None, label: String::new(), help: Some(help.to_owned()) }
}
