//! The HTML report in a real browser: its numbers are those of `summary.json`, nothing in it can run that is not its own, and
//! who has only a keyboard gets everywhere.

pub(crate) mod browser;
mod hostile;
mod large;
mod page;
mod protocols;
mod vendor;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony, Served};
use crate::requirements::missing;
use browser::{Browser, chromium};

/// One browser at a time: it is a large program, and machines that test are small.
static ONE: Mutex<()> = Mutex::new(());

/// Does something with a browser, where there is one.
pub(crate) fn with_browser(test: &str, act: impl FnOnce(&mut Browser)) {
    let Some(program) = chromium() else { return missing(test, "chromium") };
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    act(&mut Browser::start(&program));
}

/// A run of everything that a report of HTTP has: an open and a closed scenario, failures, checks, groups, thresholds.
fn shop(target: &Served) -> Plan {
    Plan::new(&format!(
        "name: shop\ntarget: {}\nscenarios:\n  \
         browse:\n    load: {{rate: 40/s, for: 4s}}\n    steps:\n      \
         - http: GET /items?delay=uniform(1ms,30ms)\n        name: GET /items\n        check: [status == 200, time < 10ms]\n      \
         - group: detail\n        steps:\n          - http: GET /items/7\n          - http: GET /nowhere\n  \
         buy:\n    load: {{users: 3, for: 3s}}\n    steps:\n      \
         - http: {{post: /echo, text: one}}\n        name: POST /echo\n      - think: 20ms\n\
         thresholds:\n  - response_time.p99 < 10s\n  - browse: failures.rate < 1%\n",
        target.http()
    ))
}

/// Runs it and stores it.
fn run_of_shop(target: &Served) -> (Plan, Finished) {
    let plan = shop(target);
    let run = Prony::run(&plan).finish();
    assert!(run.results().join("report.html").is_file(), "{}\n{}", run.stdout, run.stderr);
    (plan, run)
}

/// A stored run copied and changed: its summary by `change`, its other files by replacing texts.
fn changed(run: &Path, to: &Path, change: impl Fn(&mut Json), texts: &[(String, String)]) {
    std::fs::create_dir(to).expect("a folder");
    for name in ["plan.yaml", "timeline.jsonl", "intervals.hlog"] {
        let mut text = std::fs::read_to_string(run.join(name)).expect("text");
        for (from, into) in texts {
            text = text.replace(from, into);
        }
        std::fs::write(to.join(name), text).expect("a file");
    }
    let text = std::fs::read_to_string(run.join("summary.json")).expect("text");
    let mut summary: Json = serde_json::from_str(&text).expect("JSON");
    change(&mut summary);
    std::fs::write(to.join("summary.json"), summary.to_string()).expect("a file");
}

/// `prony report RUN --html FILE …`; the file.
fn report(run: &Path, file: &str, arguments: &[&str]) -> (PathBuf, Finished) {
    let file = run.join(file);
    let (run, html) = (run.to_string_lossy(), file.to_string_lossy());
    let made = Prony::with(&["report", &run, "--html", &html]).arguments(arguments).finish();
    assert!(file.is_file(), "{}\n{}", made.stdout, made.stderr);
    (file, made)
}

/// `--html` without `--out` keeps nothing but the report; and neither the load nor the report is begun where it cannot be written.
#[test]
fn a_report_alone_leaves_nothing_else_and_overwrites_reports_only() {
    let target = Served::start();
    let plan = shop(&target);
    let folder = plan.path().parent().expect("a folder").to_owned();
    let (path, file) = (plan.path().to_string_lossy().into_owned(), folder.join("r.html"));
    let run = |html: &Path| {
        let short =
            ["--set", "scenarios.browse.load.for=1s", "--set", "scenarios.buy.load.for=1s", "--quiet"];
        Prony::with(&["run", &path, "--html", &html.to_string_lossy()]).arguments(&short).finish()
    };
    for _ in 0..2 {
        let ended = run(&file);
        assert!(ended.stdout.ends_with(&format!("\nreport in {}\n", file.display())), "{}", ended.stdout);
        let names: Vec<_> =
            std::fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
    let notes = folder.join("notes.txt");
    std::fs::write(&notes, "mine").expect("written");
    let seen = target.requests_seen();
    for (html, told) in [
        (plan.path(), "name one file"),
        (notes, "is there and is no report"),
        (folder.clone(), "is a folder"),
        (folder.join("no/where.html"), "there is no folder"),
    ] {
        let refused = run(&html);
        assert_eq!(refused.exit_code(), 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(told) && refused.stderr.contains("--html"), "{}", refused.stderr);
    }
    assert_eq!(target.requests_seen(), seen, "nothing was sent");
    assert!(std::fs::read_to_string(plan.path()).expect("the plan").starts_with("name: shop"));
}

/// What is left of a damaged run is shown, and what is not is told.
#[test]
fn a_damaged_run_has_a_report_that_says_what_it_lacks() {
    let target = Served::start();
    let (_plan, run) = run_of_shop(&target);
    let folder = run.results();
    std::fs::write(folder.join("intervals.hlog"), "Tag=x,0.000,1.000,1.0,!!!\nnonsense\n\u{0}\n")
        .expect("a file");
    let timeline = std::fs::read_to_string(folder.join("timeline.jsonl")).expect("text");
    std::fs::write(
        folder.join("timeline.jsonl"),
        format!("{timeline}{{\"from_us\": 1e300, \"to_us\": 2e300}}\n[]\n"),
    )
    .expect("a file");
    std::fs::remove_file(folder.join("plan.yaml")).expect("it was there");
    let (file, _) = report(folder, "again.html", &[]);
    let page = std::fs::read_to_string(file).expect("a page");
    for told in [
        "plan.yaml is not there",
        "2 lines of intervals.hlog cannot be read",
        "2 lines of timeline.jsonl cannot be read",
    ] {
        assert!(page.contains(told), "{told}");
    }
    for name in ["intervals.hlog", "timeline.jsonl"] {
        std::fs::remove_file(folder.join(name)).expect("it was there");
    }
    let (file, _) = report(folder, "again.html", &[]);
    with_browser("a report of a damaged run", |browser| {
        browser.open(&file, browser::DESK);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        let text = browser.evaluate("document.querySelector('main').innerText");
        let text = text.as_str().expect("a text");
        assert!(text.contains("timeline.jsonl is not there") && text.contains("POST /echo"), "{text}");
    });
}
