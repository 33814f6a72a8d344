//! All that a run's figures go to beside the screen and the stored run: files for CI systems and spreadsheets, and streams to
//! monitoring systems.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use prony_core::Diagnostic;
use prony_engine::{Event, RunResult};

use super::stream::{OutputFlag, Streams};
use super::written::{Reserved, Seconds};
use crate::commands::print;
use crate::plan::Plan;
use crate::report::{self, About, Summary};

/// Where results go beside the screen.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct OutputFlags {
    /// Thresholds and checks as JUnit XML, which CI systems read.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The summary as Markdown, for a job's page or a pull request.
    #[arg(long, value_name = "FILE")]
    summary_md: Option<PathBuf>,
    /// A line of CSV a scenario and second.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// A JSON object a scenario and second, one a line, as `timeline.jsonl` of a stored run.
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
    /// What fails the run as lines that a CI system makes annotations of. `auto` looks for GITHUB_ACTIONS.
    #[arg(long, value_name = "FOR", default_value = "auto")]
    annotations: Annotations,
    /// Streams figures to a monitoring system while the run lasts, as `outputs:` of a plan does: `--output
    /// otlp=http://127.0.0.1:4318`. Kinds: prometheus, remote_write, otlp, influxdb, statsd, dogstatsd, cloudwatch.
    #[arg(long = "output", value_name = "KIND=WHERE")]
    outputs: Vec<OutputFlag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Annotations {
    /// For GitHub, where its environment is found.
    Auto,
    /// For GitHub and those who read the same.
    Github,
    /// None.
    None,
}

impl OutputFlags {
    /// Whoever names one file twice would find only what was written last, and no plan where it is the plan's.
    ///
    /// # Errors
    /// When two flags, that of the page among them, name the same, or one the plan.
    pub(crate) fn one_file_each(&self, page: &Option<PathBuf>, plan: &Plan) -> Result<(), Diagnostic> {
        let plan = PathBuf::from(&*plan.node.place.source.name);
        let named = [
            ("the plan", Some(&plan)),
            ("--html", page.as_ref()),
            ("--junit", self.junit.as_ref()),
            ("--summary-md", self.summary_md.as_ref()),
            ("--csv", self.csv.as_ref()),
            ("--jsonl", self.jsonl.as_ref()),
        ];
        let mut files: Vec<(&str, PathBuf)> = Vec::new();
        for (flag, path) in named {
            let Some(path) = path else { continue };
            // A terminal or a pipe takes what comes from several.
            if path.exists() && !path.is_file() {
                continue;
            }
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            if let Some((other, _)) = files.iter().find(|(_, taken)| *taken == whole) {
                return Err(Diagnostic {
                    message: format!("`{other}` and `{flag}` name one file: {}", path.display()),
                    place: None,
                    label: "expected a file of its own for each".to_owned(),
                    help: Some("what is written last would be all that is left".to_owned()),
                });
            }
            files.push((flag, whole));
        }
        Ok(())
    }
}

/// The outputs of a run under way.
pub(crate) struct Outputs {
    junit: Option<Reserved>,
    summary_md: Option<Reserved>,
    seconds: Vec<Seconds>,
    annotated: bool,
    streams: Streams,
}

impl Outputs {
    /// Opens the files, and starts the streams that the plan and the flags name.
    ///
    /// # Errors
    /// When a file cannot be written, or an output makes no sense.
    pub(crate) fn open(flags: &OutputFlags, plan: &Plan, about: &About) -> Result<Self, Diagnostic> {
        let reserve =
            |path: &Option<PathBuf>, flag| path.as_deref().map(|path| Reserved::open(path, flag)).transpose();
        let junit = reserve(&flags.junit, "--junit")?;
        let summary_md = reserve(&flags.summary_md, "--summary-md")?;
        let mut seconds = Vec::new();
        if let Some(path) = &flags.csv {
            seconds.push(Seconds::csv(path)?);
        }
        if let Some(path) = &flags.jsonl {
            seconds.push(Seconds::json(path)?);
        }
        let annotated = match flags.annotations {
            Annotations::Auto => std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"),
            Annotations::Github => true,
            Annotations::None => false,
        };
        let streams = Streams::start(plan, &flags.outputs, about)?;
        Ok(Self { junit, summary_md, seconds, annotated, streams })
    }

    /// Whether somebody tells of spans.
    pub(crate) fn take_traces(&self) -> bool {
        self.streams.take_traces()
    }

    /// Hands on what an event tells. What goes wrong is told once, a line each.
    pub(crate) fn event(&mut self, event: &Event) -> Vec<String> {
        let Event::Interval(interval) = event else { return Vec::new() };
        self.streams.offer(interval);
        self.seconds.iter_mut().filter_map(|seconds| seconds.write(interval).err()).collect()
    }

    /// Writes what is written at the end, and waits for the streams as long as they may take. The first text says what could not
    /// be written, the second what the streams' receivers did not get.
    pub(crate) fn finish(self, summary: &Summary, result: &RunResult) -> (Vec<String>, Vec<String>) {
        if self.annotated {
            print(&report::github(summary));
        }
        let files = [
            self.junit.map(|file| file.write(&report::junit(summary))),
            self.summary_md.map(|file| file.write(&report::markdown(summary))),
        ];
        let broken = self.seconds.iter().filter_map(Seconds::incomplete);
        let troubles = files.into_iter().flatten().filter_map(Result::err).chain(broken).collect();
        (troubles, self.streams.finish(result))
    }
}
