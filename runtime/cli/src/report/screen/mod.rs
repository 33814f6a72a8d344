//! The summary on one screen: what ran, whether to believe it, what was measured, what was asked of it, how it came out.

mod paint;
mod scenario;
mod table;
mod text;

pub(super) use paint::Paint;
pub(super) use text::{clean, cut, left, right, width};

use super::figures;
use super::summary::{EndedWord, StatusWord, Summary, ThresholdSummary};
use text::{Piece, flow, shorten};

/// No narrower and no wider, whatever the terminal: figures need their room, and eyes do not follow longer lines.
const NARROWEST: usize = 80;
const WIDEST: usize = 110;
/// Where the text behind a label begins.
const LABEL: usize = 14;

/// The summary as a text of lines for a screen `width` columns wide; with `coloured`, colours and signs mark what
/// failed, without it words alone do.
#[must_use]
pub fn render(summary: &Summary, coloured: bool, width: usize) -> String {
    let mut screen =
        Screen { text: String::new(), paint: Paint { coloured }, width: width.clamp(NARROWEST, WIDEST) };
    let invalid = summary.verdict.status == StatusWord::Invalid;
    screen.title(summary);
    screen.verdict(summary);
    for (name, scenario) in &summary.scenarios {
        screen.line("");
        screen.scenario(name, scenario);
    }
    screen.line("");
    if !summary.thresholds.is_empty() {
        screen.thresholds(&summary.thresholds, invalid);
    }
    screen.generator(summary);
    screen.outcome(summary);
    screen.text
}

/// A screen under way.
struct Screen {
    text: String,
    paint: Paint,
    width: usize,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A label and pieces of text that flow beside it.
    fn labelled(&mut self, label: &str, pieces: &[Piece]) {
        if pieces.is_empty() {
            return;
        }
        for (number, line) in flow(pieces, " · ", self.width - LABEL).iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let label = self.paint.dim(&left(&format!("  {label}"), LABEL));
            self.line(&format!("{label}{line}"));
        }
    }

    /// Pieces of text that flow from the left.
    fn flowing(&mut self, pieces: &[Piece]) {
        for line in flow(pieces, " · ", self.width) {
            self.line(&line);
        }
    }

    fn title(&mut self, summary: &Summary) {
        let began = summary.started.get(..19).unwrap_or(&summary.started).replace('T', " ");
        let lasted = figures::time(summary.lasted_us);
        let ended = match summary.ended {
            EndedWord::Finished => Piece::from(format!("ran {lasted}")),
            EndedWord::Aborted => {
                Piece::painted(format!("aborted by a threshold after {lasted}"), |text| self.paint.bad(text))
            }
            EndedWord::Interrupted => {
                Piece::painted(format!("interrupted after {lasted}"), |text| self.paint.doubtful(text))
            }
            EndedWord::Failed => {
                Piece::painted(format!("failed after {lasted}"), |text| self.paint.bad(text))
            }
        };
        let mut pieces = vec![Piece::painted(clean(&summary.plan), |text| self.paint.bold(text)), ended];
        pieces.extend(summary.targets.iter().take(3).map(|target| Piece::from(clean(target))));
        if summary.targets.len() > 3 {
            pieces.push(format!("{} more targets", summary.targets.len() - 3).into());
        }
        pieces.push(format!("{began} UTC").into());
        pieces.push(format!("seed {}", summary.seed).into());
        self.flowing(&pieces);
    }

    fn verdict(&mut self, summary: &Summary) {
        let status = summary.verdict.status;
        let paint = self.paint;
        let (word, text) = match status {
            StatusWord::Valid => (status.name().to_owned(), "nothing speaks against these figures"),
            StatusWord::Degraded => {
                (paint.doubtful(status.name()), "the generator has left its marks on these figures")
            }
            StatusWord::Invalid => (paint.bad(status.name()), "this run is not a result"),
        };
        self.line(&format!("{word}: {text}"));
        for reason in &summary.verdict.reasons {
            self.labelled(&clean(&reason.rule), &[clean(&reason.text).into()]);
        }
        if status == StatusWord::Invalid {
            self.line("");
            let warning =
                "What was measured all the same. It says more about the generator than about the target.";
            self.line(&paint.bad(warning));
        }
    }

    fn thresholds(&mut self, thresholds: &[ThresholdSummary], invalid: bool) {
        let heading = if invalid { "thresholds, not judged: the run is invalid" } else { "thresholds" };
        self.line(&self.paint.bold(heading));
        let values: Vec<String> = thresholds.iter().map(value).collect();
        let value_width = values.iter().map(|value| width(value)).max().unwrap_or(0);
        let scope_width =
            thresholds.iter().map(|threshold| width(&threshold.scope)).max().unwrap_or(0).min(30);
        let mark_width = if self.paint.coloured { 1 } else { 4 };
        let room = self.width.saturating_sub(2 + mark_width + 2 + scope_width + 2 + 2 + value_width);
        let longest = thresholds.iter().map(|threshold| width(&threshold.expression)).max().unwrap_or(0);
        let expression_width = longest.min(room);
        for (threshold, value) in thresholds.iter().zip(&values) {
            let paint = self.paint;
            let mark = match (invalid, threshold.passed, paint.coloured) {
                (true, _, _) => left("–", mark_width),
                (false, true, true) => paint.good("✓"),
                (false, true, false) => left("ok", mark_width),
                (false, false, true) => paint.bad("✗"),
                (false, false, false) => left("FAIL", mark_width),
            };
            let expression =
                left(&shorten(&clean(&threshold.expression), expression_width), expression_width);
            let scope = left(&shorten(&clean(&threshold.scope), scope_width), scope_width);
            let value = right(value, value_width);
            let value = if threshold.passed || invalid { value } else { paint.bad(&value) };
            self.line(&format!("  {mark}  {expression}  {}  {value}", paint.dim(&scope)));
        }
        self.line("");
    }

    fn generator(&mut self, summary: &Summary) {
        let generator = &summary.generator;
        let mut pieces: Vec<Piece> =
            vec![figures::plural(u64::from(generator.threads), "thread", "threads").into()];
        if generator.pacing == "precise" {
            pieces.push("precise pacing".into());
        }
        if let Some(cpu) = generator.cpu_us_per_request {
            pieces.push(format!("{} of CPU a request", figures::time(cpu)).into());
        }
        let busiest = generator.worker_cpu_share.iter().copied().fold(0.0, f64::max);
        pieces.push(format!("busiest thread {:.0} % of a core", busiest * 100.0).into());
        if let Some(p99) = generator.lag_us.p99 {
            pieces.push(format!("starts late by p99 {}", figures::time(p99)).into());
        } else if let Some(p99) = generator.wakeup_lag_us.p99 {
            pieces.push(format!("wake-ups late by p99 {}", figures::time(p99)).into());
        }
        if generator.peak_rss_bytes > 0 {
            pieces.push(format!("{} of memory", figures::bytes(generator.peak_rss_bytes)).into());
        }
        self.line(&self.paint.bold("generator"));
        for line in flow(&pieces, " · ", self.width - 2) {
            self.line(&format!("  {line}"));
        }
        self.line("");
    }

    /// The last line: what a reader in a hurry sees, and what the exit code says.
    fn outcome(&mut self, summary: &Summary) {
        let paint = self.paint;
        let thresholds = summary.thresholds.len();
        let broken = summary.thresholds.iter().filter(|threshold| !threshold.passed).count();
        let because = clean(summary.ended_because.as_deref().unwrap_or_default());
        let of_thresholds = |number: usize| format!("{number} of {thresholds} thresholds");
        let line = match (summary.ended, summary.verdict.status) {
            (EndedWord::Interrupted, _) => {
                format!("{}: figures cover what had happened by then", paint.doubtful("INTERRUPTED"))
            }
            (EndedWord::Failed, _) => format!("{}: {because}", paint.bad("FAILED")),
            (_, StatusWord::Invalid) => {
                format!("{}: no result; the reasons are at the top", paint.bad("INVALID"))
            }
            (EndedWord::Aborted, _) => format!("{}: aborted by {because}", paint.bad("FAILED")),
            (EndedWord::Finished, _) if broken > 0 => {
                format!("{}: {} did not hold", paint.bad("FAILED"), of_thresholds(broken))
            }
            (EndedWord::Finished, _) => match thresholds {
                0 => format!("{}: there were no thresholds to hold", paint.good("PASSED")),
                1 => format!("{}: the threshold held", paint.good("PASSED")),
                _ => format!("{}: all {thresholds} thresholds held", paint.good("PASSED")),
            },
        };
        self.line(&line);
    }
}

/// What a threshold saw, in people's units.
fn value(threshold: &ThresholdSummary) -> String {
    match (threshold.value, threshold.unit.as_str()) {
        (None, _) => "nothing seen".to_owned(),
        (Some(value), "us") => figures::time(value),
        (Some(value), "share") => figures::share(value),
        (Some(value), "/s") => format!("{}/s", figures::rate(value)),
        (Some(value), "bytes") => figures::bytes(value as u64),
        (Some(value), _) => figures::count(value as u64),
    }
}
