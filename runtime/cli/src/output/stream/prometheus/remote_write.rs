//! Remote write, version 1.0: snappy-compressed protobuf.
//!
//! Distributions go as classic histograms, as native ones (from Prometheus 2.40 on, where they are turned on), or as both.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use prony_core::{Diagnostic, Node, Shape};
use prost::Message as _;

use super::super::buckets::Exponential;
use super::super::carrier::{Http, Payload, Reads};
use super::super::labels::RunLabels;
use super::super::metric::{self, Kind};
use super::super::point::{Point, Samples, Value, points};
use super::super::settings::{Settings, bucketed, common, posted};
use super::super::tally::{Counts, Report};
use super::super::worker::Worker;
use super::super::{Carrier, Encode};
use super::messages::{BucketSpan, Histogram, Label, MetricMetadata, Sample, TimeSeries, WriteRequest};
use super::{INFINITY, number};

/// The most series of a request; receivers have limits of about 1 MB and of some thousands.
const SERIES: usize = 2_000;

/// What may stand under `remote_write:`.
pub(in super::super) fn remote_write_shape() -> Shape {
    let shape =
        Shape::map().required("url", Shape::text(), "Where to: `http://127.0.0.1:9090/api/v1/write`, the path of Prometheus, which is taken where none is given.").key(
            "histograms",
            Shape::one_of(&["classic", "native", "both"]),
            "What distributions become. Default `classic`.",
        );
    bucketed(posted(common(shape)))
}

/// The stream.
pub(in super::super) fn remote_write(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    let mut url = settings.url()?;
    if matches!(url.path(), "" | "/") {
        url.set_path("/api/v1/write");
    }
    let headers = vec![
        (CONTENT_ENCODING, "snappy".to_owned()),
        (CONTENT_TYPE, "application/x-protobuf".to_owned()),
        (HeaderName::from_static("x-prometheus-remote-write-version"), "0.1.0".to_owned()),
    ];
    let endpoint = settings.endpoint(&url, headers, Reads::Status)?;
    let form = settings.get("histograms").map_or(Ok("classic"), Node::text)?;
    let encode = RemoteWrite {
        labels: settings.labels()?,
        bounds: settings.buckets()?,
        classic: form != "native",
        native: form != "classic",
        introduced: false,
    };
    Ok(Worker {
        name: settings.name(&url),
        period: settings.period(Duration::from_secs(5))?,
        timeout: settings.timeout()?,
        encode: Box::new(encode),
        carrier: Box::new(move || Carrier::Http(Box::new(Http::new(endpoint)))),
    })
}

struct RemoteWrite {
    labels: RunLabels,
    bounds: Vec<f64>,
    classic: bool,
    native: bool,
    /// Whether the metrics' kinds and help texts are told.
    introduced: bool,
}

impl Encode for RemoteWrite {
    fn counts(&self) -> Counts {
        Counts::FromTheBeginning
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let Some(view) = report.counted else { return Vec::new() };
        let at = report.at().as_millis() as i64;
        let mut series = Vec::new();
        points(&view, &mut |point| self.series(point, at, &mut series));
        let mut metadata = if self.introduced { Vec::new() } else { introduction() };
        self.introduced = true;
        let requests = series.chunks(SERIES).map(|timeseries| {
            let request =
                WriteRequest { timeseries: timeseries.to_vec(), metadata: std::mem::take(&mut metadata) };
            snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
        });
        // It fails for more than 4 GB only.
        requests.filter_map(Result::ok).map(Payload::new).collect()
    }
}

impl RemoteWrite {
    fn series(&self, point: &Point<'_>, timestamp: i64, all: &mut Vec<TimeSeries>) {
        let name = point.metric.underscored();
        let mut add = |suffix: &str, le: Option<&str>, value: f64| {
            let labels = self.labels(&format!("{name}{suffix}"), point, le);
            let samples = vec![Sample { value, timestamp }];
            all.push(TimeSeries { labels, samples, histograms: Vec::new() });
        };
        match point.value {
            Value::Count(count) => add("", None, count as f64),
            Value::Amount(amount) => add("", None, amount),
            Value::Samples(samples) => {
                if self.classic {
                    for (bound, count) in self.bounds.iter().zip(samples.cumulated(&self.bounds)) {
                        add("_bucket", Some(&number(*bound)), count as f64);
                    }
                    let whole = samples.count_and_sum();
                    add("_bucket", Some(INFINITY), whole.count as f64);
                    add("_sum", None, whole.sum);
                    add("_count", None, whole.count as f64);
                }
                if self.native {
                    let labels = self.labels(&name, point, None);
                    let histograms = vec![native(&samples, timestamp)];
                    all.push(TimeSeries { labels, samples: Vec::new(), histograms });
                }
            }
        }
    }

    /// In the order of their names, as the protocol asks.
    fn labels(&self, name: &str, point: &Point<'_>, le: Option<&str>) -> Vec<Label> {
        let mut labels = self.labels.with(point.labels);
        if labels.iter().all(|(name, _)| *name != "job") {
            labels.push(("job", "prony"));
        }
        labels.push(("__name__", name));
        labels.extend(le.map(|le| ("le", le)));
        labels.sort_unstable();
        labels
            .into_iter()
            .map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() })
            .collect()
    }
}

/// A native histogram. Its buckets have the number of their upper bound, one more than OpenTelemetry's.
fn native(samples: &Samples<'_>, timestamp: i64) -> Histogram {
    let whole = samples.count_and_sum();
    let exponential = Exponential::of(samples);
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut deltas = Vec::new();
    let (mut next, mut before) = (0, 0);
    for (index, count) in &exponential.buckets {
        let index = index + 1;
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            // The first offset is from 0, later ones from the end of the span before.
            _ => spans.push(BucketSpan { offset: index - next, length: 1 }),
        }
        next = index + 1;
        deltas.push(*count as i64 - before);
        before = *count as i64;
    }
    Histogram {
        count: whole.count,
        sum: whole.sum,
        schema: exponential.scale,
        // Nothing measured is between 0 and a nanosecond.
        zero_threshold: 1e-10,
        zero_count: exponential.zeros,
        positive_spans: spans,
        positive_deltas: deltas,
        timestamp,
    }
}

fn introduction() -> Vec<MetricMetadata> {
    let of = |metric: &&metric::Metric| MetricMetadata {
        kind: match metric.kind {
            Kind::Counter => 1,
            Kind::Gauge => 2,
            Kind::Distribution => 3,
        },
        metric_family_name: metric.underscored(),
        help: metric.help.to_owned(),
    };
    metric::ALL.iter().map(of).collect()
}
