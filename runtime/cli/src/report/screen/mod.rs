//! The summary on one screen: what ran, whether to believe it, what was measured, what was asked of it, how it came out.

mod comparison;
mod explain;
mod guest;
mod paint;
mod scenario;
mod table;
mod text;
mod traces;

pub use comparison::render_comparison;
pub use explain::explain;
pub(super) use paint::Paint;
pub(crate) use text::clean;
pub(super) use text::{cut, left, right, width};

use std::time::Duration;

use prony_core::units::show_duration;

use super::figures;
use super::summary::{EndedWord, StatusWord, Summary, ThresholdSummary};
use text::{Piece, flow, shorten};

/// No narrower and no wider, whatever the terminal: figures need their room, and eyes do not follow longer lines.
const NARROWEST: usize = 80;
const WIDEST: usize = 110;
/// Further changes by hand are counted only.
const MOST_CHANGES: usize = 20;
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
    screen.changes(summary);
    for (name, scenario) in &summary.scenarios {
        screen.line("");
        screen.scenario(name, scenario);
    }
    screen.line("");
    if !summary.thresholds.is_empty() {
        screen.thresholds(&summary.thresholds, invalid);
    }
    screen.plugins(summary);
    screen.generator(summary);
    screen.traces(summary);
    screen.line("");
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
        let lasted = show_duration(Duration::from_nanos((summary.lasted_us * 1e3) as u64));
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
            StatusWord::Degraded => (paint.doubtful(status.name()), "read these figures with this in mind"),
            StatusWord::Invalid => (paint.bad(status.name()), "this run is not a result"),
        };
        self.line(&format!("{word}: {text}"));
        let mut reasons: Vec<_> = summary.verdict.reasons.iter().collect();
        // The worst first; otherwise in the order of the rules.
        reasons.sort_by_key(|reason| reason.status != status);
        for reason in reasons {
            self.labelled(&clean(&reason.rule), &[clean(&reason.text).into()]);
        }
        if status == StatusWord::Invalid {
            self.line("");
            let warning = "What was measured all the same, to find out why.";
            for line in flow(&[warning.into()], "", self.width) {
                self.line(&paint.bad(&line));
            }
        }
    }

    /// What was changed by hand. A steered run must not pass for another.
    fn changes(&mut self, summary: &Summary) {
        let shown = summary.changes.iter().take(MOST_CHANGES).map(|change| {
            let at = figures::time(change.at_us);
            Piece::from(format!("{} at {at} ({})", clean(&change.in_words()), clean(&change.origin)))
        });
        let mut pieces: Vec<Piece> = shown.collect();
        if summary.changes.len() > MOST_CHANGES {
            pieces.push(format!("{} more changes", summary.changes.len() - MOST_CHANGES).into());
        }
        if !pieces.is_empty() {
            self.line(&self.paint.doubtful("steered by hand: this is not the load of the plan alone"));
            self.labelled("changes", &pieces);
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
            if let Some(help) = &threshold.help {
                let margin = 2 + mark_width + 2;
                for line in flow(&[clean(help).into()], "", self.width - margin) {
                    self.line(&format!("{}{}", " ".repeat(margin), paint.doubtful(&line)));
                }
            }
        }
    }

    fn generator(&mut self, summary: &Summary) {
        let generator = &summary.generator;
        let busiest = generator.worker_cpu_share.iter().copied().fold(0.0, f64::max);
        let alone = generator.worker_scenarios.iter().flatten().count();
        let shared = generator.worker_scenarios.len() - alone;
        let threads = match alone {
            0 => u64::from(generator.threads),
            alone => (shared + alone) as u64,
        };
        let mut threads = figures::plural(threads, "thread", "threads");
        match (shared, alone) {
            (_, 0) => {}
            (0, _) => threads.push_str(" for plugins"),
            (_, alone) => threads.push_str(&format!(" ({alone} for plugins)")),
        }
        let mut pieces: Vec<Piece> =
            vec![format!("{threads}, busiest {:.0} % of a core", busiest * 100.0).into()];
        if generator.pacing == "precise" {
            pieces.push("precise pacing".into());
        }
        if let Some(cpu) = generator.cpu_us_per_request {
            pieces.push(format!("{} CPU a request", figures::time(cpu)).into());
        }
        if let Some(p99) = generator.lag_us.p99 {
            pieces.push(format!("lag p99 {}", figures::time(p99)).into());
        } else if let Some(p99) = generator.wakeup_lag_us.p99 {
            pieces.push(format!("wake-up lag p99 {}", figures::time(p99)).into());
        }
        if generator.peak_rss_bytes > 0 {
            pieces.push(format!("{} RAM", figures::bytes(generator.peak_rss_bytes)).into());
        }
        self.beside("generator", &pieces);
    }

    /// A label of the whole run, and pieces of text that flow beside it.
    fn beside(&mut self, label: &str, pieces: &[Piece]) {
        for (number, line) in flow(pieces, " · ", self.width - LABEL).iter().enumerate() {
            let label = left(if number == 0 { label } else { "" }, LABEL);
            self.line(&format!("{}{line}", self.paint.bold(&label)));
        }
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
                0 => format!("{}: finished; the plan has no thresholds", paint.good("PASSED")),
                1 => format!("{}: the threshold held", paint.good("PASSED")),
                _ => format!("{}: all {thresholds} thresholds held", paint.good("PASSED")),
            },
        };
        self.line(&line);
    }
}

/// What a threshold saw, in people's units.
pub(crate) fn value(threshold: &ThresholdSummary) -> String {
    match (threshold.value, threshold.unit.as_str()) {
        (None, _) => "nothing seen".to_owned(),
        (Some(value), "us") => figures::time(value),
        (Some(value), "share") => figures::share(value),
        (Some(value), "/s") => format!("{}/s", figures::rate(value)),
        (Some(value), "bytes") => figures::bytes(value as u64),
        (Some(value), "own") => figures::number(value),
        (Some(value), _) => figures::count(value as u64),
    }
}

#[cfg(test)]
mod tests {
    use prony_engine::{Arrivals, Ended};

    use super::super::samples::{self, Sample, Steps};
    use super::super::samples_of_devices::fleet;
    use super::super::samples_of_guests::sensors;
    use super::*;

    fn shown(sample: &Sample, width: usize) -> String {
        render(&Summary::new(&sample.about, &sample.result), false, width)
    }

    #[test]
    fn a_steered_run_passes_for_no_other() {
        let text = shown(&samples::steered(), 110);
        assert!(text.contains("steered by hand: this is not the load of the plan alone"), "{text}");
        for change in ["paused at 2.30s (terminal)", "load 150 % at 4.70s (web)", "resumed at 5.10s (web)"] {
            assert!(text.contains(change), "{change}\n{text}");
        }
        assert!(text.contains("\n              stopped at 9.00s (terminal)\n"), "{text}");
        assert!(!shown(&samples::shop(), 110).contains("by hand"));
        let markdown =
            crate::report::markdown(&Summary::new(&samples::steered().about, &samples::steered().result));
        assert!(markdown.contains("> **steered by hand** paused at 2.30s (terminal)"), "{markdown}");
    }

    fn one_scenario(names: &[&str], a_second: u64, one_in_fails: u64) -> Sample {
        let steps = Steps { names, median_us: 250.0, a_second, one_in_fails };
        samples::run(1, &[("all", samples::constant(1_000.0, 1, Arrivals::Uniform), steps)])
    }

    #[test]
    fn an_everyday_run_fits_a_screen() {
        let text = shown(&samples::shop(), 100);
        assert!(text.lines().count() <= 42, "{}", text.lines().count());
        insta::assert_snapshot!("everyday_run", text);
    }

    #[test]
    fn colours_mark_what_failed_and_signs_stand_for_words() {
        let sample = samples::shop();
        let coloured = render(&Summary::new(&sample.about, &sample.result), true, 100);
        assert!(coloured.contains("\x1b[31m✗\x1b[0m  failures.rate < 0.1%"), "{coloured}");
        assert!(coloured.contains("\x1b[32m✓\x1b[0m  response_time.p99 < 500ms"), "{coloured}");
        assert!(!shown(&sample, 100).contains('\x1b'));
    }

    #[test]
    fn an_invalid_run_is_not_shown_as_a_result() {
        let text = shown(&samples::starved(), 100);
        assert!(!text.contains("FAIL") && !text.contains("PASSED"), "{text}");
        insta::assert_snapshot!("invalid_run", text);
    }

    #[test]
    fn a_run_with_plugins_tells_what_they_measured_and_what_became_of_them() {
        let text = shown(&sensors(), 100);
        assert!(!text.contains("never come to") && !text.contains("never given"), "{text}");
        insta::assert_snapshot!("plugins", text);
        let coloured = render(&Summary::new(&sensors().about, &sensors().result), true, 100);
        assert!(coloured.contains("\x1b[31m6 ended (5 trap, 1 memory)\x1b[0m"), "{coloured}");
    }

    #[test]
    fn messages_that_came_have_a_table_and_protocols_lines_of_their_own() {
        let text = shown(&fleet(), 100);
        insta::assert_snapshot!("devices", text);
        let coloured = render(&Summary::new(&fleet().about, &fleet().result), true, 100);
        assert!(coloured.contains("\x1b[31m3 lost\x1b[0m"), "{coloured}");
    }

    #[test]
    fn a_run_in_which_nothing_happened_has_no_figures() {
        insta::assert_snapshot!("nothing_happened", shown(&one_scenario(&["GET /"], 0, 0), 80));
    }

    #[test]
    fn wide_names_and_many_failing_steps_keep_the_columns_in_line() {
        let names: Vec<String> =
            (0..12).map(|number| format!("取得 /商品/一覧/詳細/とても/長い/ページ/{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut sample = one_scenario(&names, 1_000, 1);
        sample.result.ended = Ended::Aborted("failures.rate < 50%".to_owned());
        insta::assert_snapshot!("wide_names", shown(&sample, 100));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for sample in
            [samples::shop(), samples::starved(), sensors(), fleet(), one_scenario(&["GET /"], 1_000, 3)]
        {
            for columns in [80, 93, 110] {
                for line in shown(&sample, columns).lines() {
                    assert!(width(line) <= columns, "{} of {columns}: {line}", width(line));
                }
            }
        }
    }

    #[test]
    fn the_last_line_says_what_the_exit_code_says() {
        for (ended, word, code) in [
            (Ended::Finished, "FAILED: 1 of 3 thresholds did not hold", 1),
            (Ended::Aborted("p99 < 1s".to_owned()), "FAILED: aborted by p99 < 1s", 1),
            (Ended::Interrupted, "INTERRUPTED: figures cover", 130),
            (Ended::Failed("no data left".to_owned()), "FAILED: no data left", 3),
        ] {
            let mut sample = samples::shop();
            sample.result.ended = ended;
            let summary = Summary::new(&sample.about, &sample.result);
            assert_eq!((summary.exit_code(), summary.passed), (code, false));
            let text = render(&summary, false, 100);
            assert!(text.lines().last().is_some_and(|line| line.starts_with(word)), "{text}");
        }
        let mut sample = samples::shop();
        sample.result.thresholds.remove(1);
        let summary = Summary::new(&sample.about, &sample.result);
        assert_eq!((summary.exit_code(), summary.passed), (0, true));
        assert!(render(&summary, false, 100).ends_with("PASSED: all 2 thresholds held\n"));
        assert_eq!(Summary::new(&samples::starved().about, &samples::starved().result).exit_code(), 4);
    }
}
