//! OTLP over HTTP and gRPC, to a receiver made of the official definitions.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use super::expected::{Arrived, Expected, Figure, figures};
use super::{run_demo, run_spoiled};
use crate::requirements::missing;

/// `tests/receivers/otlp.py`. It ends with this value.
pub(crate) struct Receiver {
    child: Child,
    pub(crate) grpc: u16,
    pub(crate) http: u16,
    folder: tempfile::TempDir,
}

impl Receiver {
    pub(crate) fn start(test: &str) -> Option<Self> {
        let python = std::env::var("PRONY_TESTS_PYTHON").ok().filter(|python| {
            let imports = "import grpc, opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc";
            let tried = Command::new(python).args(["-c", imports]).stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        });
        let Some(python) = python else {
            missing(test, "PRONY_TESTS_PYTHON with grpcio and opentelemetry-proto, which tests/run installs");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/receivers/otlp.py"));
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path().join("requests.jsonl"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its ports");
        let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().expect("a port")).collect();
        Some(Self { child, grpc: ports[0], http: ports[1], folder })
    }

    /// Those for metrics.
    fn requests(&self) -> Vec<Json> {
        self.all_requests().into_iter().filter(|request| request["of"] == "metrics").collect()
    }

    /// Those for metrics and for traces.
    pub(crate) fn all_requests(&self) -> Vec<Json> {
        let text = std::fs::read_to_string(self.folder.path().join("requests.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A metric and its attributes.
type Series = (String, Vec<(String, String)>);

/// All points of some requests: metric, attributes, and the points in the order in which they came.
struct Points {
    by_series: HashMap<Series, Vec<Json>>,
    temporality: String,
}

impl Points {
    fn of(requests: &[Json], temporality: &str) -> Self {
        let mut points = Self { by_series: HashMap::new(), temporality: temporality.to_owned() };
        for metrics in requests.iter().flat_map(|request| items(&request["message"]["resource_metrics"])) {
            let resource = attributes(&metrics["resource"]["attributes"]);
            let has = |name: &str| resource.iter().any(|(known, value)| known == name && !value.is_empty());
            assert!(
                ["service.name", "service.instance.id", "run", "plan"].into_iter().all(has),
                "{resource:?}"
            );
            for metric in items(&metrics["scope_metrics"][0]["metrics"]) {
                points.take(metric);
            }
        }
        points
    }

    fn take(&mut self, metric: &Json) {
        let name = metric["name"].as_str().expect("a name");
        let kinds = ["sum", "gauge", "histogram", "exponential_histogram"];
        let data = kinds.into_iter().map(|kind| &metric[kind]).find(|data| data.is_object());
        let data = data.unwrap_or_else(|| panic!("no points: {metric}"));
        if metric["gauge"].is_null() {
            assert_eq!(data["aggregation_temporality"], self.temporality, "{metric}");
        }
        for point in items(&data["data_points"]) {
            let key = (name.to_owned(), attributes(&point["attributes"]));
            self.by_series.entry(key).or_default().push(point.clone());
        }
    }

    /// The points of a figure.
    fn find(&self, figure: &Figure) -> Option<&Vec<Json>> {
        let name = figure.metric.strip_prefix("prony_").expect("its prefix");
        let name = name.trim_end_matches("_seconds").trim_end_matches("_bytes");
        let mut labels: Vec<_> = figure
            .labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        labels.sort();
        self.by_series.get(&(format!("prony.{name}"), labels))
    }
}

pub(crate) fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn attributes(list: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> =
        items(list).iter().map(|one| (text(&one["key"]), text(&one["value"]["string_value"]))).collect();
    all.sort();
    all
}

/// Whole numbers of 64 bits are texts in protobuf's JSON, and zeros are left out.
pub(crate) fn number(value: &Json) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn amount(point: &Json) -> f64 {
    if point["as_int"].is_null() { number(&point["as_double"]) } else { number(&point["as_int"]) }
}

fn exponential(point: &Json) -> Arrived {
    let base = 2_f64.powf(2_f64.powf(-number(&point["scale"])));
    let mut below = number(&point["zero_count"]) as u64;
    let mut buckets = vec![(0.0, below)];
    let first = number(&point["positive"]["offset"]) as i32;
    let counts = items(&point["positive"]["bucket_counts"]);
    assert!(counts.len() <= 160, "{}", counts.len());
    for (index, count) in (first..).zip(counts) {
        below += number(count) as u64;
        buckets.push((base.powi(index + 1), below));
    }
    assert_eq!(number(&point["count"]) as u64, below, "{point}");
    let mut arrived = Arrived::from_cumulated(&buckets);
    for (least, most) in arrived.quantiles.values_mut() {
        *least = least.max(*most / base);
    }
    arrived
}

fn explicit(points: &[Json]) -> Arrived {
    let bounds: Vec<f64> = items(&points[0]["explicit_bounds"]).iter().map(number).collect();
    let mut counts = vec![0; bounds.len() + 1];
    for point in points {
        let found = items(&point["bucket_counts"]);
        assert_eq!(found.len(), counts.len());
        counts.iter_mut().zip(found).for_each(|(sum, count)| *sum += number(count) as u64);
    }
    let mut below = 0;
    let buckets: Vec<(f64, u64)> = bounds
        .into_iter()
        .chain([f64::INFINITY])
        .zip(counts)
        .map(|(bound, count)| {
            below += count;
            (bound, below)
        })
        .collect();
    Arrived::from_cumulated(&buckets)
}

#[test]
fn over_grpc_comes_every_figure_in_exponential_histograms() {
    let Some(receiver) = Receiver::start("OTLP over gRPC") else { return };
    let output = format!(
        "otlp={{url: http://127.0.0.1:{}, over: grpc, period: 2s, headers: {{x-team: load}}}}",
        receiver.grpc
    );
    let (summary, stderr) = run_demo(receiver.folder.path(), &[&output]);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let requests = receiver.requests();
    assert!(requests.len() >= 4, "{}", requests.len());
    for request in &requests {
        assert_eq!((&request["by"], &request["headers"]["x-team"]), (&"grpc".into(), &"load".into()));
    }
    let points = Points::of(&requests, "AGGREGATION_TEMPORALITY_CUMULATIVE");
    for figure in figures(&summary) {
        let last = |figure: &Figure| points.find(figure).and_then(|points| points.last().cloned());
        figure.hold(|figure| Some(amount(&last(figure)?)), |figure| Some(exponential(&last(figure)?)));
    }
    // Counts never go back, and their counting began once.
    for points in points.by_series.values() {
        let starts: Vec<f64> = points.iter().map(|point| number(&point["start_time_unix_nano"])).collect();
        assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "{starts:?}");
        let times: Vec<f64> = points.iter().map(|point| number(&point["time_unix_nano"])).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]) && starts[0] <= times[0], "{times:?}");
    }
}

#[test]
fn over_http_deltas_with_bounds_add_up_to_the_summary() {
    let Some(receiver) = Receiver::start("OTLP over HTTP") else { return };
    let output = format!(
        "otlp={{url: http://127.0.0.1:{}, temporality: delta, histograms: explicit, period: 1s}}",
        receiver.http
    );
    let (summary, stderr) = run_spoiled(&output);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let points = Points::of(&receiver.requests(), "AGGREGATION_TEMPORALITY_DELTA");
    let figures = figures(&summary);
    assert!(figures.iter().any(|figure| figure.metric == "prony_request_failures"));
    assert!(figures.iter().any(|figure| matches!(figure.value, Expected::Times(..))));
    for figure in figures {
        figure.hold(
            |figure| Some(points.find(figure)?.iter().map(amount).sum()),
            |figure| Some(explicit(points.find(figure)?)),
        );
    }
}

#[test]
fn points_that_a_receiver_refuses_are_told_in_its_words() {
    let Some(receiver) = Receiver::start("OTLP refused in part") else { return };
    let output =
        format!("otlp={{url: http://127.0.0.1:{}, period: 1s, headers: {{x-refuse: some}}}}", receiver.http);
    let (_, stderr) = run_spoiled(&output);
    let pushes = receiver.requests().len();
    let told = format!("{} points were refused ({pushes} × three of them are too old)", 3 * pushes);
    assert!(stderr.contains(&told), "{stderr}");
}
