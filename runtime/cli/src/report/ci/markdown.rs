//! A run as Markdown: what a pull request or a job's page shows. Its figures are those of the screen.

use std::fmt::Write as _;
use std::time::Duration;

use prony_core::units::show_duration;

use super::super::figures;
use super::super::screen::value;
use super::super::summary::{Measured, ScenarioSummary, StatusWord, Summary};
use super::{held, is_invalid, troubles};

/// The most steps of a scenario in the table: pages of CI systems have a limit, and people as well.
const MOST_STEPS: usize = 50;

/// The whole text.
pub(crate) fn markdown(summary: &Summary) -> String {
    let mut text = String::new();
    let word = if summary.passed { "✅ passed" } else { "❌ failed" };
    let lasted = show_duration(Duration::from_nanos((summary.lasted_us * 1e3) as u64));
    // Writing to a String does not fail.
    let _ = writeln!(text, "## {word}: {}\n", cell(&summary.plan));
    let _ = writeln!(
        text,
        "{} · {lasted} · {} · seed {} · prony {}\n",
        summary.targets.iter().map(|target| code(target)).collect::<Vec<_>>().join(", "),
        cell(&summary.started),
        summary.seed,
        summary.prony
    );
    for (kind, trouble) in troubles(summary) {
        let _ = writeln!(text, "> **{kind}** {}\n", cell(&trouble));
    }
    if summary.verdict.status == StatusWord::Degraded {
        for reason in &summary.verdict.reasons {
            let _ =
                writeln!(text, "> **{}** {}: {}\n", reason.status.name(), reason.rule, cell(&reason.text));
        }
    }
    if !summary.changes.is_empty() {
        let changes = summary
            .changes
            .iter()
            .take(20)
            .map(|one| format!("{} at {} ({})", one.in_words(), figures::time(one.at_us), one.origin));
        let changes = changes.collect::<Vec<_>>().join(" · ");
        let _ = writeln!(text, "> **steered by hand** {}\n", cell(&changes));
    }
    thresholds(&mut text, summary);
    for (name, scenario) in &summary.scenarios {
        let _ = writeln!(text, "### {}\n\n{}\n", cell(name), cell(&scenario.load.text));
        steps(&mut text, scenario);
        beside(&mut text, scenario);
    }
    text
}

fn thresholds(text: &mut String, summary: &Summary) {
    if summary.thresholds.is_empty() {
        return;
    }
    text.push_str("| | threshold | in | seen |\n| --- | --- | --- | ---: |\n");
    for threshold in &summary.thresholds {
        let mark = match threshold.passed {
            _ if is_invalid(summary) => "–",
            true => "✅",
            false => "❌",
        };
        let _ = writeln!(
            text,
            "| {mark} | {} | {} | {} |",
            code(&threshold.expression),
            cell(&threshold.scope),
            value(threshold)
        );
    }
    text.push('\n');
}

fn steps(text: &mut String, scenario: &ScenarioSummary) {
    if scenario.steps.is_empty() {
        return;
    }
    text.push_str("| step | requests | /s | failed | p50 | p95 | p99 | max | service p99 |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (name, step) in scenario.steps.iter().take(MOST_STEPS) {
        row(text, &code(name), &step.measured);
    }
    if scenario.steps.len() > MOST_STEPS {
        let _ = writeln!(text, "| and {} more | | | | | | | | |", scenario.steps.len() - MOST_STEPS);
    }
    if scenario.steps.len() > 1 {
        row(text, "all steps", &scenario.measured);
    }
    text.push('\n');
}

fn row(text: &mut String, name: &str, measured: &Measured) {
    let (response, service) = (&measured.response_time_us, &measured.service_time_us);
    let time = figures::time_or_dash;
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
        figures::count(measured.requests),
        figures::rate(measured.requests_per_second),
        measured.failures.share.map_or_else(|| "–".to_owned(), figures::share),
        time(response.p50),
        time(response.p95),
        time(response.p99),
        time(response.max),
        time(service.p99),
    );
}

/// What does not go without saying: starts that were not made, failures, checks that did not always hold, notices.
fn beside(text: &mut String, scenario: &ScenarioSummary) {
    let mut lines = Vec::new();
    if scenario.dropped.total > 0 {
        lines.push(format!("{} starts dropped", figures::count(scenario.dropped.total)));
    }
    for (kind, count) in &scenario.measured.failures.by_kind {
        lines.push(format!("{} failed: {}", figures::count(*count), code(kind)));
    }
    for check in scenario.checks.iter().filter(|check| check.share.passed < check.share.evaluated) {
        lines.push(format!("check {} {} · {}", code(&check.expression), held(check), cell(&check.step)));
    }
    lines.extend(scenario.notices.iter().take(5).map(|notice| cell(notice)));
    for line in &lines {
        let _ = writeln!(text, "- {line}");
    }
    if !lines.is_empty() {
        text.push('\n');
    }
}

/// Text as text, in a cell of a table or elsewhere: nothing in it is markup.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' => {
                safe.push('\\');
                safe.push(c);
            }
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Text as code. A fence longer than any run of backticks in it keeps it inside; a bar would end its cell.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let inside: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let inside = inside.replace('|', "\\|");
    let room = if longest > 0 { " " } else { "" };
    format!("{fence}{room}{inside}{room}{fence}")
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    #[test]
    fn an_everyday_run_is_a_page() {
        let sample = samples::shop();
        let mut summary = Summary::new(&sample.about, &sample.result);
        summary.prony = "VERSION".to_owned();
        insta::assert_snapshot!("markdown", markdown(&summary));
    }

    #[test]
    fn an_invalid_run_says_so_and_judges_no_threshold() {
        let sample = samples::starved();
        let text = markdown(&Summary::new(&sample.about, &sample.result));
        assert!(text.starts_with("## ❌ failed: ") && text.contains("> **INVALID** no result."), "{text}");
        assert!(!text.contains("| ✅ |") && !text.contains("| ❌ |"), "{text}");
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(cell("<b>*a*|[x](y)\n@you"), "&lt;b&gt;\\*a\\*\\|\\[x\\](y) \\@you");
        assert_eq!(code("GET /|`a`"), "`` GET /\\|`a` ``");
    }
}
