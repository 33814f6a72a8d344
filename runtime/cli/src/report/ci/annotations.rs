//! A run as GitHub's workflow commands: lines on standard output of which its pages make annotations. Gitea and Forgejo
//! read the same.

use super::super::summary::{StatusWord, Summary};
use super::{is_invalid, seen, troubles};

/// A line for everything that fails the run, and one for each doubt about its figures.
pub(crate) fn github(summary: &Summary) -> String {
    let plan = &summary.plan;
    let mut text = String::new();
    let mut line = |level: &str, title: &str, message: &str| {
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        text.push_str(&format!("::{level} title={title}::{}\n", data(message)));
    };
    for (kind, trouble) in troubles(summary) {
        line("error", &format!("{plan}: {kind}"), &trouble);
    }
    if is_invalid(summary) {
        return text;
    }
    for reason in summary.verdict.reasons.iter().filter(|reason| reason.status != StatusWord::Valid) {
        let message = format!("{}: {}", reason.rule, reason.text);
        line("warning", &format!("{plan}: {}", reason.status.name()), &message);
    }
    for threshold in summary.thresholds.iter().filter(|threshold| !threshold.passed) {
        let title = format!("{plan}: a threshold did not hold");
        line(
            "error",
            &title,
            &format!("{} ({}): {}", threshold.expression, threshold.scope, seen(threshold)),
        );
    }
    text
}

/// What a command may hold on its one line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    #[test]
    fn what_fails_a_run_is_an_error_and_a_name_cannot_give_orders() {
        let mut sample = samples::shop();
        sample.about.plan = "a,b: c\n::add-mask::d".to_owned();
        let text = github(&Summary::new(&sample.about, &sample.result));
        let title = "a%2Cb%3A c%0A%3A%3Aadd-mask%3A%3Ad%3A a threshold did not hold";
        assert!(text.contains(&format!("::error title={title}::failures.rate < 0.1%25 (")), "{text}");
        assert!(text.lines().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")));
        let text = github(&Summary::new(&samples::starved().about, &samples::starved().result));
        assert_eq!(
            text.matches("::error ").count(),
            1,
            "thresholds of an invalid run are not judged: {text}"
        );
        sample.result.thresholds.clear();
        assert!(!github(&Summary::new(&sample.about, &sample.result)).contains("::error"));
    }
}
