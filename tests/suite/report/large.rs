//! A long run with many steps: its report stays small, and is there at once.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use super::browser::DESK;
use super::{changed, report, with_browser};
use crate::binary::{Plan, Prony, Served};

const SECONDS: usize = 3_600;
const STEPS: usize = 50;

/// Writes the first whole second of a stored run over and over.
fn stretched(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("text");
    let timeline = read("timeline.jsonl");
    let first: Vec<Json> = timeline
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect("JSON"))
        .filter(|line| line["from_us"].as_f64().expect("a time") < 500_000.0)
        .collect();
    assert_eq!(first.len(), 2);
    let mut text = String::new();
    for second in 0..SECONDS {
        for mut line in first.iter().cloned() {
            line["from_us"] = (second as f64 * 1e6).into();
            line["to_us"] = ((second + 1) as f64 * 1e6).into();
            let _ = writeln!(text, "{line}");
        }
    }
    std::fs::write(folder.join("timeline.jsonl"), text).expect("a file");
    let log = read("intervals.hlog");
    let (head, lines): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| !line.starts_with("Tag="));
    let parts = lines.iter().filter_map(|line| {
        let (tag, rest) = line.split_once(',')?;
        let (start, rest) = rest.split_once(',')?;
        start.parse::<f64>().is_ok_and(|start| start < 0.5).then_some((tag, rest))
    });
    let first: Vec<(&str, &str)> = parts.collect();
    assert!(first.len() > 2 * STEPS, "{} of {} lines", first.len(), lines.len());
    let mut text = head.join("\n") + "\n";
    for second in 0..SECONDS {
        for (tag, rest) in &first {
            let _ = writeln!(text, "{tag},{second}.000,{rest}");
        }
    }
    std::fs::write(folder.join("intervals.hlog"), text).expect("a file");
}

#[test]
fn an_hour_of_fifty_steps_is_a_small_report_that_opens_at_once() {
    with_browser("a report of an hour", |browser| {
        let target = Served::start();
        let steps: String = (0..STEPS).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "      - http: GET /items/{number}?delay=exponential(2ms)");
            text
        });
        let plan = Plan::new(&format!(
            "target: {}\nscenarios:\n  main:\n    load: {{users: 20, for: 2s}}\n    steps:\n{steps}",
            target.http()
        ));
        let run = Prony::run(&plan).finish();
        let folder = run.results().join("hour");
        let hour = |summary: &mut Json| summary["lasted_us"] = (SECONDS as f64 * 1e6).into();
        changed(run.results(), &folder, hour, &[]);
        stretched(&folder);
        let (file, _) = report(&folder, "r.html", &[]);
        let size = std::fs::metadata(&file).expect("a file").len();
        assert!(size < 3_000_000, "{size} bytes");
        browser.open(&file, DESK);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        let points = browser.evaluate("document.querySelector('[data-chart=rate]').chart.data[0].length");
        assert_eq!(points, 600);
        let rows = browser.evaluate("document.querySelectorAll('[data-table=steps] tbody tr').length");
        assert_eq!(rows, STEPS as u64);
        let paint = browser.evaluate(
            "new Promise((done) => new PerformanceObserver((list) => done(list.getEntriesByName('first-contentful-paint')[0].startTime)).observe({ type: 'paint', buffered: true }))",
        );
        let paint = paint.as_f64().expect("a time");
        eprintln!("a report of {SECONDS} s and {STEPS} steps: {size} bytes, first paint after {paint:.0} ms");
        // 1 s is what is wanted; a machine that is busy with other things may take ten times that.
        assert!(paint < 10_000.0, "{paint} ms");
    });
}
