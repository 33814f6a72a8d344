//! A real Prometheus: remote write with classic and native histograms, and scraping.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::expected::{Arrived, Labels, figures};
use super::{get, get_json, run_demo};
use crate::binary::{Plan, Prony, Served};
use crate::processes::{Process, free_ports, program, within};
use crate::requirements::missing;

/// What is below counts as nothing.
const ZERO: f64 = 1e-10;

/// A Prometheus with a folder of its own.
pub(super) struct Prometheus {
    _process: Process,
    pub(super) port: u16,
    pub(super) folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `scraped`; `None` when there is none to start.
    pub(super) fn start(test: &str, scraped: Option<u16>) -> Option<Self> {
        let Some(program) = program("prometheus") else {
            missing(test, "prometheus");
            return None;
        };
        let started = (0..5).find_map(|_| Self::try_to_start(&program, scraped));
        Some(started.expect("prometheus starts"))
    }

    fn try_to_start(program: &str, scraped: Option<u16>) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [port] = free_ports();
        let targets = scraped.map(|port| format!("'127.0.0.1:{port}'")).unwrap_or_default();
        let config = format!(
            "scrape_configs:\n  - job_name: prony\n    scrape_interval: 1s\n    static_configs: [{{targets: [{targets}]}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("the file is written");
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut process = Process::start(
            Command::new(program)
                .arg(flag("config.file", &file))
                .arg(flag("storage.tsdb.path", &folder.path().join("data")))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .args(["--enable-feature=native-histograms", "--web.enable-remote-write-receiver"]),
        );
        // It listens before it answers.
        let ready = || get(port, "/-/ready").contains("is Ready");
        let begun =
            process.listens(&[port], Duration::from_secs(60)) && within(Duration::from_secs(60), ready);
        begun.then(|| Self { _process: process, port, folder })
    }

    /// What an expression comes to now: labels, and the value as Prometheus writes it.
    pub(super) fn query(&self, expression: &str) -> Vec<(Json, Json)> {
        let answer = get_json(self.port, "/api/v1/query", &[("query", expression)]);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = answer["data"]["result"].as_array().expect("a vector").clone();
        result.into_iter().map(|mut series| (series["metric"].take(), series)).collect()
    }

    /// All series of the newest run.
    fn everything(&self) -> Series {
        Series(self.query("{__name__=~\"prony_.+\"}"))
    }

    /// Where it is.
    pub(super) fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where to write to.
    fn url(&self) -> String {
        format!("{}/api/v1/write", self.root())
    }
}

struct Series(Vec<(Json, Json)>);

impl Series {
    fn find<'a>(&'a self, name: &'a str, labels: &'a Labels) -> impl Iterator<Item = &'a (Json, Json)> {
        self.0.iter().filter(move |(found, _)| {
            // An empty label is none.
            let has = |(label, value): &(&str, String)| found[label].as_str().unwrap_or_default() == value;
            found["__name__"] == name && labels.iter().all(has)
        })
    }

    fn value(&self, name: &str, labels: &Labels) -> Option<f64> {
        self.find(name, labels).next().map(|(_, series)| number(&series["value"][1]))
    }

    fn classic(&self, name: &str, labels: &Labels) -> Option<Arrived> {
        let bucket = format!("{name}_bucket");
        let mut buckets: Vec<(f64, u64)> = self
            .find(&bucket, labels)
            .map(|(found, series)| (number(&found["le"]), number(&series["value"][1]) as u64))
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let arrived = (!buckets.is_empty()).then(|| Arrived::from_cumulated(&buckets))?;
        assert_eq!(self.value(&format!("{name}_count"), labels), Some(arrived.count as f64));
        Some(arrived)
    }

    fn native(&self, name: &str, labels: &Labels) -> Option<Arrived> {
        let (_, series) = self.find(name, labels).next()?;
        let histogram = &series["histogram"][1];
        let mut below = 0;
        let buckets: Vec<(f64, u64)> = histogram["buckets"]
            .as_array()?
            .iter()
            .map(|bucket| {
                below += number(&bucket[3]) as u64;
                (number(&bucket[2]), below)
            })
            .collect();
        assert_eq!(number(&histogram["count"]) as u64, below, "{histogram}");
        let mut arrived = Arrived::from_cumulated(&buckets);
        // Buckets without samples are not told: the one of a quantile is 2.2 % wide whatever was before it.
        for (least, most) in arrived.quantiles.values_mut() {
            if *most > ZERO {
                *least = least.max(*most / 1.022);
            }
        }
        Some(arrived)
    }
}

fn number(text: &Json) -> f64 {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {text}"))
}

#[test]
fn remote_write_brings_prometheus_every_figure_in_both_kinds_of_histograms() {
    let Some(prometheus) = Prometheus::start("remote write to Prometheus", None) else { return };
    let output = format!("remote_write={{url: {}, histograms: both, period: 2s}}", prometheus.url());
    let (summary, stderr) = run_demo(prometheus.folder.path(), &[&output]);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let series = prometheus.everything();
    for figure in figures(&summary) {
        let total = format!("{}_total", figure.metric);
        figure.hold(
            |figure| series.value(&total, &figure.labels),
            |figure| series.classic(figure.metric, &figure.labels),
        );
        if matches!(figure.value, super::expected::Expected::Times(..)) {
            figure.times(series.native(figure.metric, &figure.labels));
        }
    }
    let cpu = series.value("prony_generator_cpu_seconds_total", &Vec::new()).expect("CPU");
    assert!((cpu - summary["generator"]["cpu_us"].as_f64().expect("a figure") / 1e6).abs() < 1e-6);

    // Its own functions read them, and every series tells its run.
    let quantiles = prometheus.query("histogram_quantile(0.99, prony_response_time_seconds)");
    assert!(quantiles.len() >= 5, "{quantiles:?}");
    for (labels, series) in quantiles {
        let (scenario, step) = (labels["scenario"].as_str(), labels["step"].as_str());
        let steps = &summary["scenarios"][scenario.expect("a scenario")]["steps"];
        let p99 = steps[step.expect("a step")]["response_time_us"]["p99"].as_f64().expect("a figure") / 1e6;
        let theirs = number(&series["value"][1]);
        assert!((theirs / p99 - 1.0).abs() < 0.023, "{theirs} is not {p99}: {labels}");
    }
    let runs = prometheus.query("count by (run, plan, job) (prony_requests_total)");
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((&runs[0].0["plan"], &runs[0].0["job"]), (&"demo".into(), &"prony".into()));
}

#[test]
fn prometheus_scrapes_a_run_to_its_very_end() {
    let [port] = free_ports();
    let Some(prometheus) = Prometheus::start("scraping by Prometheus", Some(port)) else { return };
    // It may take seconds to find out what it is to scrape.
    assert!(within(Duration::from_secs(60), || !prometheus.query("up").is_empty()));
    let target = Served::start();
    let plan = Plan::new(&format!(
        "target: {}\nscenarios:\n  main:\n    load: {{rate: 100/s, for: 5s}}\n    steps:\n      - http: GET /items?delay=uniform(1ms,9ms)\n        name: 'a \"quoted\" \\ name'\n",
        target.http()
    ));
    let address = format!("prometheus=127.0.0.1:{port}");
    let run = Prony::run(&plan).arguments(&["--output", &address]).finish();
    assert!(!run.stderr.contains("note: output"), "{}", run.stderr);
    let summary = run.summary();
    let arrived = |series: &Series| {
        figures(&summary).iter().all(|figure| match figure.value {
            super::expected::Expected::Count(count) => {
                series.value(&format!("{}_total", figure.metric), &figure.labels) == Some(count)
            }
            super::expected::Expected::Times(..) => true,
        })
    };
    // What was scraped last may take Prometheus a moment to show.
    assert!(
        within(Duration::from_secs(20), || arrived(&prometheus.last_seen())),
        "{:#?}",
        prometheus.last_seen().0
    );
    let series = prometheus.last_seen();
    for figure in figures(&summary) {
        figure.hold(
            |figure| series.value(&format!("{}_total", figure.metric), &figure.labels),
            |figure| series.classic(figure.metric, &figure.labels),
        );
    }
}

impl Prometheus {
    /// The same as [`Self::everything`] for series that have ended: a page that is gone makes them stale.
    fn last_seen(&self) -> Series {
        let mut series = self.query("last_over_time({__name__=~\"prony_.+\"}[5m])");
        series.retain(|(labels, _)| labels["__name__"].is_string());
        Series(series)
    }
}
