//! A run as JUnit XML: the run itself, its thresholds, and its checks as cases.
//!
//! A case fails when, and only when, it makes the exit code something else than 0: a threshold that does not hold, an
//! INVALID verdict, an end before its time. A check that did not always hold decides nothing unless a threshold looks at it:
//! its case is skipped, with its share as the reason, so that it is seen and the run is not failed twice or by halves.

use std::fmt::Write as _;

use super::super::summary::{Check, Summary};
use super::{held, is_invalid, seen, troubles};

/// How a case came out.
enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
    Error { kind: &'static str, text: String },
}

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
}

/// The whole file.
pub(crate) fn junit(summary: &Summary) -> String {
    let mut suites = vec![("run".to_owned(), vec![run(summary)])];
    if !summary.thresholds.is_empty() {
        suites.push(("thresholds".to_owned(), thresholds(summary)));
    }
    for (name, scenario) in &summary.scenarios {
        if !scenario.checks.is_empty() {
            let cases = scenario.checks.iter().map(|check| of_check(name, check)).collect();
            suites.push((format!("checks of {name}"), cases));
        }
    }
    let count = |of: fn(&Outcome) -> bool| {
        suites.iter().flat_map(|(_, cases)| cases).filter(|case| of(&case.outcome)).count()
    };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "<testsuites name={} tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">",
        quoted(&summary.plan),
        count(|_| true),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Error { .. })),
        summary.lasted_us / 1e6,
    );
    for (number, (name, cases)) in suites.iter().enumerate() {
        suite(&mut text, number, name, cases, summary);
    }
    text.push_str("</testsuites>\n");
    text
}

fn run(summary: &Summary) -> Case {
    let mut troubles = troubles(summary).into_iter();
    let outcome = match troubles.next() {
        None => Outcome::Passed,
        Some((kind, text)) => {
            let all = troubles.fold(text, |all, (_, more)| format!("{all}\n{more}"));
            Outcome::Error { kind, text: all }
        }
    };
    Case { class: "prony.run".to_owned(), name: "the run is a result".to_owned(), outcome }
}

fn thresholds(summary: &Summary) -> Vec<Case> {
    let of = |threshold: &super::super::summary::ThresholdSummary| Case {
        class: format!("prony.thresholds.{}", threshold.scope),
        name: threshold.expression.clone(),
        outcome: match threshold.passed {
            _ if is_invalid(summary) => Outcome::Skipped("not judged: the run is invalid".to_owned()),
            true => Outcome::Passed,
            false => Outcome::Failed(seen(threshold)),
        },
    };
    summary.thresholds.iter().map(of).collect()
}

fn of_check(scenario: &str, check: &Check) -> Case {
    let class = if check.step.is_empty() {
        format!("prony.checks.{scenario}")
    } else {
        format!("prony.checks.{scenario}.{}", check.step)
    };
    let always = check.share.evaluated > 0 && check.share.passed == check.share.evaluated;
    let outcome = if always { Outcome::Passed } else { Outcome::Skipped(held(check)) };
    Case { class, name: check.expression.clone(), outcome }
}

fn suite(text: &mut String, number: usize, name: &str, cases: &[Case], summary: &Summary) {
    let count = |of: fn(&Outcome) -> bool| cases.iter().filter(|case| of(&case.outcome)).count();
    // Attributes for time are the run's: a threshold has no duration of its own.
    let _ = writeln!(
        text,
        "  <testsuite id=\"{number}\" name={} tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\" timestamp=\"{}\">",
        quoted(name),
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Error { .. })),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        summary.lasted_us / 1e6,
        summary.started.get(..19).unwrap_or_default(),
    );
    if number == 0 {
        let properties = [
            ("prony", summary.prony.as_str()),
            ("seed", &summary.seed.to_string()),
            ("targets", &summary.targets.join(" ")),
            ("verdict", summary.verdict.status.name()),
        ]
        .map(|(name, value)| format!("      <property name=\"{name}\" value={}/>\n", quoted(value)));
        let _ = write!(text, "    <properties>\n{}    </properties>\n", properties.concat());
    }
    for case in cases {
        let (class, name) = (quoted(&case.class), quoted(&case.name));
        let inside = match &case.outcome {
            Outcome::Passed => {
                let _ = writeln!(text, "    <testcase classname={class} name={name} time=\"0\"/>");
                continue;
            }
            Outcome::Skipped(why) => format!("<skipped message={}/>", quoted(why)),
            Outcome::Failed(why) => {
                format!("<failure type=\"threshold\" message={0}>{1}</failure>", quoted(why), escaped(why))
            }
            Outcome::Error { kind, text } => {
                format!("<error type=\"{kind}\" message={0}>{1}</error>", quoted(text), escaped(text))
            }
        };
        let _ = writeln!(
            text,
            "    <testcase classname={class} name={name} time=\"0\">\n      {inside}\n    </testcase>"
        );
    }
    text.push_str("  </testsuite>\n");
}

/// An attribute's value with its quotes. Line ends are kept as references, for a parser makes blanks of them.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "&quot;").replace('\n', "&#10;"))
}

/// Text as XML 1.0 can hold it (section 2.2): what it cannot hold at all, even as a reference, is replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\r' => safe.push_str("&#13;"),
            '\t' | '\n' => safe.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use prony_engine::Ended;

    use super::super::super::{samples, samples_of_guests};
    use super::*;

    /// Whether a file says that the run failed, as a CI system counts.
    fn fails(text: &str) -> bool {
        text.contains("<failure") || text.contains("<error")
    }

    #[test]
    fn a_file_fails_when_and_only_when_the_exit_code_does() {
        for ended in [
            Ended::Finished,
            Ended::Interrupted,
            Ended::Aborted("p99 < 1s".to_owned()),
            Ended::Failed("no data left".to_owned()),
        ] {
            for (mut sample, keep) in [
                (samples::shop(), 3),
                (samples::shop(), 1),
                (samples::shop(), 0),
                (samples::starved(), 3),
                (samples_of_guests::sensors(), 3),
            ] {
                sample.result.ended = ended.clone();
                sample.result.thresholds.truncate(keep);
                let summary = Summary::new(&sample.about, &sample.result);
                let text = junit(&summary);
                assert_eq!(fails(&text), summary.exit_code() != 0, "{text}");
                assert_eq!(fails(&text), !summary.passed);
            }
        }
    }

    #[test]
    fn checks_that_did_not_always_hold_are_seen_and_fail_nothing() {
        let summary = {
            let sample = samples_of_guests::sensors();
            Summary::new(&sample.about, &sample.result)
        };
        let text = junit(&summary);
        assert!(
            text.contains("<testcase classname=\"prony.checks.sensors\" name=\"awake\" time=\"0\"/>"),
            "{text}"
        );
        assert!(text.contains("<skipped message=\"held 95 % (95 of 100)\"/>"), "{text}");
    }

    #[test]
    fn no_name_breaks_out_of_its_place() {
        assert_eq!(quoted("a<b & \"c\"\n\u{1}"), "\"a&lt;b &amp; &quot;c&quot;&#10;\u{fffd}\"");
        assert_eq!(escaped("]]>\r"), "]]&gt;&#13;");
    }
}
