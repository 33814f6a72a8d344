//! Stored runs as others read them: histograms by a reader that is not ours, and the report from the folder alone.

use std::path::Path;
use std::process::Command;

use crate::binary::{Plan, Prony, Served};
use crate::processes::program;
use crate::requirements::missing;

/// The document's own example, which must work as it is printed.
fn documented_reader() -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/results.md"))
        .expect("the document is there");
    let after = text.split_once("```python\n").expect("an example in Python").1;
    after.split_once("```").expect("the example ends").0.to_owned()
}

#[test]
fn a_stored_runs_histograms_are_read_by_a_foreign_reader() {
    let Ok(python) = std::env::var("PRONY_TESTS_PYTHON") else {
        return missing("a foreign reader of histogram logs", "PRONY_TESTS_PYTHON, which tests/run sets");
    };
    let target = Served::start();
    let plan = Plan::new(&format!(
        "target: {}\nscenarios:\n  browse:\n    load: {{rate: 200/s, for: 3s}}\n    steps:\n      - http: GET /items?delay=uniform(1ms,9ms)\n        name: GET /products\n",
        target.http()
    ));
    let run = Prony::run(&plan).finish();
    let summary = run.summary();
    let step = &summary["scenarios"]["browse"]["steps"]["GET /products"];
    assert_eq!(step["requests"], 600, "{summary:#}");

    let script = documented_reader() + "print(merged.get_total_count())\n";
    let output =
        Command::new(python).args(["-c", &script]).current_dir(run.results()).output().expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (p99, count) = text.trim().split_once('\n').expect("two lines");
    assert_eq!(count, "600");
    let p99_ms: f64 = p99.trim_end_matches(" ms").parse().expect("a number");
    let ours_ms = step["response_time_us"]["p99"].as_f64().expect("a figure") / 1_000.0;
    // Both histograms keep 3 significant digits.
    assert!((p99_ms - ours_ms).abs() <= ours_ms * 0.002, "{p99_ms} and {ours_ms}");
}

/// The same in JavaScript: how many samples the step has, and its 99th percentile in nanoseconds.
const IN_JAVASCRIPT: &str = r#"
const fs = require("fs");
const hdr = require("hdr-histogram-js");
const reader = new hdr.HistogramLogReader(fs.readFileSync("intervals.hlog", "utf8"));
const merged = hdr.build({ bitBucketSize: 64, numberOfSignificantValueDigits: 3, autoResize: true });
for (let one; (one = reader.nextIntervalHistogram()); ) {
    if (one.tag === "browse/GET_/products:response") merged.add(one);
}
console.log(merged.totalCount, merged.getValueAtPercentile(99));
"#;

#[test]
fn a_stored_runs_histograms_are_read_in_javascript() {
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tests-node/node_modules");
    let node = program("node").filter(|_| Path::new(packages).join("hdr-histogram-js").is_dir());
    let Some(node) = node else {
        return missing("a reader of histogram logs in JavaScript", "node, and hdr-histogram-js from npm");
    };
    let target = Served::start();
    let plan = Plan::new(&format!(
        "target: {}\nscenarios:\n  browse:\n    load: {{rate: 100/s, for: 3s}}\n    steps:\n      - http: GET /items?delay=uniform(1ms,9ms)\n        name: GET /products\n",
        target.http()
    ));
    let run = Prony::run(&plan).finish();
    let times = run.summary()["scenarios"]["browse"]["steps"]["GET /products"]["response_time_us"].clone();
    let output = Command::new(node)
        .args(["-e", IN_JAVASCRIPT])
        .env("NODE_PATH", packages)
        .current_dir(run.results())
        .output()
        .expect("node runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (count, p99) = text.trim().split_once(' ').expect("two figures");
    assert_eq!(count, "300");
    let (theirs, ours): (f64, f64) =
        (p99.parse().expect("a number"), times["p99"].as_f64().expect("a figure") * 1_000.0);
    assert!((theirs - ours).abs() <= ours * 0.002, "{theirs} and {ours}");
}

#[test]
fn a_stored_run_is_printed_again_as_it_was() {
    let target = Served::start();
    let plan = Plan::new(&format!(
        "target: {}\nscenarios:\n  main:\n    load: {{users: 3, iterations: 20}}\n    steps:\n      - http: GET /items\n        check: [status == 200, time < 1ns]\nthresholds:\n  - failures.rate < 1%\n",
        target.http()
    ));
    let run = Prony::run(&plan).finish();
    let again = Prony::with(&["report", &run.results().to_string_lossy()]).finish();
    assert_eq!(again.exit_code(), run.exit_code());
    let printed = run.stdout.split("\nstored in ").next().expect("the summary");
    assert_eq!(again.stdout.trim_end(), printed.trim_end());
}
