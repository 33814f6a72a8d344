//! CloudWatch's embedded metric format, held against its specification's rules, and the files of lines.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::expected::{Arrived, figures};
use super::spoiled;
use crate::binary::{Prony, Served};

/// By name and dimensions: what values add up to.
type Sums = HashMap<(String, Vec<(String, String)>), f64>;

/// The units that CloudWatch knows, as far as Prony uses them.
const UNITS: [&str; 4] = ["Seconds", "Bytes", "Count", "None"];

#[test]
fn embedded_metrics_keep_the_formats_rules_and_add_up_to_the_summary() {
    let target = Served::start();
    let plan = spoiled(&target);
    let file = plan.path().with_file_name("emf.jsonl");
    let output = format!("cloudwatch={{file: {}, period: 1s, namespace: Load}}", file.display());
    let run = Prony::run(&plan).arguments(&["--output", &output]).finish();
    assert!(!run.stderr.contains("note: output"), "{}", run.stderr);
    let text = std::fs::read_to_string(file).expect("lines");
    let mut sums = Sums::new();
    for line in text.lines() {
        assert!(line.len() < 1_000_000);
        let line: Json = serde_json::from_str(line).expect("JSON");
        assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{line}");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Load");
        let dimensions = directive["Dimensions"][0].as_array().expect("dimensions");
        assert!(dimensions.len() <= 30, "{line}");
        let mut labels = Vec::new();
        for dimension in dimensions {
            let name = dimension.as_str().expect("a name");
            let value = line[name].as_str().expect("every dimension is a member of the line");
            assert!(!value.is_empty() && value.len() <= 1_024, "{line}");
            labels.push((name.to_owned(), value.to_owned()));
        }
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(UNITS.contains(&metric["Unit"].as_str().expect("a unit")), "{line}");
            let value = line[name].as_f64().expect("every metric is a number of the line");
            let own = labels.iter().filter(|(name, _)| name != "plan" && name != "run").cloned().collect();
            *sums.entry((name.to_owned(), own)).or_default() += value;
        }
    }
    for figure in figures(&run.summary()) {
        let value = |name: String| {
            let labels = figure.labels.iter().filter(|(_, value)| !value.is_empty());
            let mut labels: Vec<_> =
                labels.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            labels.sort();
            sums.get(&(name, labels)).copied()
        };
        figure.hold(
            |figure| value(format!("{}_total", figure.metric)),
            |figure| {
                let count = value(format!("{}_count", figure.metric))?;
                let run = format!("{}_run", figure.metric);
                let quantile = |name| value(format!("{run}_{name}")).expect("a quantile of the run");
                Some(Arrived::exactly(count as u64, quantile))
            },
        );
    }
}

#[test]
fn lines_of_every_second_are_those_of_the_stored_run() {
    let target = Served::start();
    let plan = spoiled(&target);
    let beside = |name: &str| plan.path().with_file_name(name).to_string_lossy().into_owned();
    let (csv, jsonl) = (beside("seconds.csv"), beside("seconds.jsonl"));
    let run = Prony::run(&plan).arguments(&["--csv", &csv, "--jsonl", &jsonl]).finish();
    let read = |path: &str| std::fs::read_to_string(path).expect("a file");
    let timeline = std::fs::read_to_string(run.results().join("timeline.jsonl")).expect("a timeline");
    assert_eq!(read(&jsonl), timeline);

    let text = read(&csv);
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let column = |name: &str| head.iter().position(|column| *column == name).expect("a column");
    let stored = ["browse", "buy"].map(|scenario| run.timeline(scenario));
    assert_eq!(lines.clone().count(), stored.iter().map(Vec::len).sum::<usize>());
    let mut requests = HashMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), head.len(), "{line}");
        let number = |name: &str| cells[column(name)].parse::<f64>().ok();
        let scenario = cells[column("scenario")];
        let at = usize::from(scenario == "buy");
        let same = |second: &&Json| second["from_us"].as_f64() == number("from_us");
        let second = stored[at].iter().find(same).expect("the same second");
        for name in ["due", "requests", "failures", "users"] {
            assert_eq!(number(name), second[name].as_f64(), "{name}: {line}");
        }
        for figure in ["count", "min", "mean", "p50", "p90", "p95", "p99", "p999", "max"] {
            for time in ["response_time_us", "service_time_us", "lag_us"] {
                let name = format!("{time}_{figure}");
                assert_eq!(number(&name), second[time][figure].as_f64(), "{name}: {line}");
            }
        }
        *requests.entry(scenario.to_owned()).or_insert(0.0) += number("requests").expect("a number");
    }
    let summary = run.summary();
    for (scenario, sum) in requests {
        assert_eq!(summary["scenarios"][&scenario]["requests"].as_f64(), Some(sum), "{scenario}");
    }
}

#[test]
fn a_file_of_lines_that_breaks_off_is_told_at_the_end() {
    let target = Served::start();
    for flag in ["--csv", "--jsonl"] {
        let plan = spoiled(&target);
        let run = Prony::run(&plan).arguments(&[flag, "/dev/full"]).finish();
        assert_eq!(run.exit_code(), 3, "{}", run.stderr);
        assert!(run.stderr.contains("/dev/full has not the whole run"), "{}", run.stderr);
    }
}

#[test]
fn two_results_cannot_have_one_file() {
    let target = Served::start();
    let plan = spoiled(&target);
    let file = plan.path().with_file_name("one");
    let file = file.to_str().expect("a name");
    let run = Prony::run(&plan).arguments(&["--html", file, "--junit", file]).finish();
    assert_eq!(run.exit_code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("`--html` and `--junit` name one file"), "{}", run.stderr);
    // Nor is the plan a place for results.
    let written = std::fs::read_to_string(plan.path()).expect("the plan");
    let run = Prony::run(&plan).arguments(&["--csv", plan.path().to_str().expect("a name")]).finish();
    assert_eq!(run.exit_code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("`the plan` and `--csv` name one file"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(plan.path()).expect("the plan"), written);
}
