//! What CI systems read: JUnit files by a schema and xmllint, annotations, Markdown, exit codes.

use std::process::Command;

use crate::binary::{Finished, Plan, Prony, Served};
use crate::processes::program;
use crate::requirements::missing;

fn plan(target: &Served, thresholds: &str) -> Plan {
    Plan::new(&format!(
        "name: 'a <b> & \"c\"'\ntarget: {}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 10}}\n    steps:\n      - http: GET /items\n        check: [status == 200, 'time < 1ns']\nthresholds: {thresholds}\n",
        target.http()
    ))
}

/// A run with all the files. Its JUnit file and its Markdown.
fn run(plan: &Plan) -> (Finished, String, String) {
    let beside = |name: &str| plan.path().with_file_name(name).to_string_lossy().into_owned();
    let (junit, markdown) = (beside("junit.xml"), beside("summary.md"));
    let flags = ["--junit", &junit, "--summary-md", &markdown, "--annotations", "github"];
    let finished = Prony::run(plan).arguments(&flags).finish();
    let read = |path: &str| std::fs::read_to_string(path).expect("a file");
    (finished, read(&junit), read(&markdown))
}

/// Whether xmllint finds that the file is as the schema has it. What it says otherwise.
fn validate(xml: &str) -> Result<(), String> {
    let xmllint = program("xmllint").expect("xmllint");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/outputs/junit.xsd");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), xml).expect("the file is written");
    let output = Command::new(xmllint).args(["--noout", "--schema", schema]).arg(file.path()).output();
    let output = output.expect("xmllint runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(told) }
}

/// The figure of an XPath.
fn count(xml: &str, path: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), xml).expect("the file is written");
    let output =
        Command::new("xmllint").args(["--xpath", path]).arg(file.path()).output().expect("xmllint runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_junit_file_is_valid_and_says_what_the_exit_code_says() {
    if program("xmllint").is_none() {
        return missing("JUnit files", "xmllint (package libxml2-utils)");
    }
    let target = Served::start();
    for (thresholds, code, failures) in [
        ("[failures.rate < 1%]", 0, "0"),
        ("[failures.rate < 1%, 'response_time.p99 < 1ns', 'checks.rate > 99%']", 1, "2"),
        ("[]", 0, "0"),
    ] {
        let (finished, junit, markdown) = run(&plan(&target, thresholds));
        // A crowded machine may make the run invalid: then nothing is judged.
        if finished.exit_code() == 4 {
            assert_eq!(count(&junit, "count(//error)"), "1", "{junit}");
            continue;
        }
        assert_eq!(finished.exit_code(), code, "{}", finished.stderr);
        validate(&junit).unwrap_or_else(|told| panic!("{told}\n{junit}"));
        assert_eq!(count(&junit, "count(//failure)"), failures, "{junit}");
        assert_eq!(count(&junit, "count(//error)"), "0", "{junit}");
        assert_eq!(count(&junit, "count(//testcase[@name='time < 1ns']/skipped)"), "1", "{junit}");
        assert_eq!(count(&junit, "string(/testsuites/@name)"), "a <b> & \"c\"");
        assert_eq!(
            finished.stdout.matches("\n::error title=").count().to_string(),
            failures,
            "{}",
            finished.stdout
        );
        let word = if code == 0 {
            "## ✅ passed: a &lt;b&gt; &amp; \"c\""
        } else {
            "## ❌ failed: a &lt;b&gt; &amp; \"c\""
        };
        assert!(markdown.starts_with(word), "{markdown}");
        assert!(markdown.contains("| `GET /items` | 20 |"), "{markdown}");
    }
    // The schema is one that files can fail.
    let (_, junit, _) = run(&plan(&target, "[failures.rate < 1%]"));
    for (from, to) in
        [("<testcase ", "<case "), (" tests=\"", " test=\""), ("skipped message", "skipped text")]
    {
        assert!(validate(&junit.replace(from, to)).is_err(), "{from}");
    }
}

#[test]
fn annotations_come_by_themselves_where_they_are_read_and_nowhere_else() {
    let target = Served::start();
    let plan = plan(&target, "['response_time.p99 < 1ns']");
    let shows = |how: &str, environment: &str| {
        let results = plan.path().with_file_name(format!("{how}{environment}"));
        let run = Prony::with(&["run", &plan.path().to_string_lossy(), "--out", &results.to_string_lossy()]);
        let run = run.arguments(&["--annotations", how]).environment("GITHUB_ACTIONS", environment).finish();
        run.stdout.lines().any(|line| line.starts_with("::error title="))
    };
    assert!(shows("auto", "true") && shows("github", ""));
    assert!(!shows("auto", "") && !shows("none", "true"));
}

#[test]
fn a_file_that_cannot_be_written_is_told_of_before_anything_is_sent() {
    let target = Served::start();
    let plan = plan(&target, "[]");
    let old = plan.path().with_file_name("old.xml");
    std::fs::write(&old, "what was there").expect("a file");
    for flag in ["--junit", "--summary-md", "--csv", "--jsonl"] {
        // Files that could be written are as they were.
        let whole = if flag == "--junit" { "--summary-md" } else { "--junit" };
        let run = Prony::with(&["run", &plan.path().to_string_lossy(), whole, &old.to_string_lossy()]);
        let run = run.arguments(&[flag, "/no/such/folder/file"]).finish();
        assert_eq!(run.exit_code(), 2, "{}", run.stderr);
        assert!(run.stderr.contains("/no/such/folder/file"), "{}", run.stderr);
    }
    assert_eq!(std::fs::read_to_string(&old).expect("a file"), "what was there");
    assert_eq!(target.requests_seen(), 0);
}
