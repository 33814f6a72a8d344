//! OpenTelemetry's protocol for metrics and traces, over HTTP or gRPC: to its collector, and to whoever reads it. Spans have a
//! stream of their own (`traces`), for they go elsewhere.
//!
//! Distributions go as exponential histograms, or as histograms with bounds for those who know no others. Counts count since the
//! run's beginning (`cumulative`), or since the push before (`delta`).

mod messages;
mod traces;

use std::time::Duration;

use http::header::CONTENT_TYPE;
use prony_core::{Diagnostic, Node, Shape};
use prost::Message as _;
use url::Url;

use super::buckets::Exponential;
use super::carrier::{Endpoint, Http, Payload, Reads, Taken};
use super::labels::{RUN, RunLabels};
use super::metric::{Kind, Metric};
use super::point::{Point, Samples, Value, points};
use super::settings::{Settings, bucketed, common, posted};
use super::tally::{Counts, Report};
use super::worker::Worker;
use super::{Carrier, Encode};
pub(super) use traces::traces;

use messages::{
    AnyValue, Buckets, ExponentialHistogram, ExponentialHistogramDataPoint, ExportMetricsServiceRequest,
    ExportMetricsServiceResponse, Gauge, Histogram, HistogramDataPoint, InstrumentationScope, KeyValue,
    NumberDataPoint, Resource, ResourceMetrics, ScopeMetrics, Sum, any_value, metric, number_data_point,
};

/// The most points of a request: receivers take 4 MB by default.
const POINTS: usize = 2_000;
/// The most buckets of an exponential histogram, as OpenTelemetry's own SDKs have it.
const BUCKETS: i32 = 160;
/// Where a gRPC receiver listens by default.
const GRPC_PORT: u16 = 4317;
/// What OTLP calls the two ways to count.
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// What may stand under `otlp:`.
pub(super) fn shape() -> Shape {
    let shape = Shape::map()
        .required(
            "url",
            Shape::text(),
            "Where to: `http://127.0.0.1:4318` (HTTP, to `/v1/metrics`), `http://127.0.0.1:4317` (gRPC).",
        )
        .key(
            "over",
            Shape::one_of(&["http", "grpc"]),
            "What it is carried by. Default: `grpc` at port 4317, else `http`.",
        )
        .key(
            "histograms",
            Shape::one_of(&["exponential", "explicit"]),
            "What distributions become. Default `exponential`.",
        )
        .key(
            "temporality",
            Shape::one_of(&["cumulative", "delta"]),
            "Whether counts count since the run's beginning or since the last push. Default `cumulative`.",
        )
        .key(
            "traces",
            Shape::either(vec![Shape::boolean(), Shape::text().example("/v1/traces")]),
            "Where spans go over HTTP, on the same server, where the plan has `trace`; `false` sends none. Default `/v1/traces`, or the URL's path with `metrics` at its end replaced.",
        );
    bucketed(posted(common(shape)))
}

/// The stream.
pub(super) fn otlp(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    let mut url = settings.url()?;
    let endpoint = if over_grpc(settings, &url)? {
        url.set_path("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
        settings.endpoint(&url, Vec::new(), Reads::Grpc(taken))?
    } else {
        if matches!(url.path(), "" | "/") {
            url.set_path("/v1/metrics");
        }
        over_http(settings, &url)?
    };
    let is = |key: &str, word: &str| settings.text(key).map(|text| text == Some(word));
    let encode = Otlp {
        labels: settings.labels()?,
        bounds: settings.buckets()?,
        explicit: is("histograms", "explicit")?,
        counts: if is("temporality", "delta")? { Counts::SinceTheLast } else { Counts::FromTheBeginning },
    };
    Ok(Worker {
        name: settings.name(&url),
        period: settings.period(Duration::from_secs(10))?,
        timeout: settings.timeout()?,
        encode: Box::new(encode),
        carrier: Box::new(move || Carrier::Http(Box::new(Http::new(endpoint)))),
    })
}

fn over_grpc(settings: &Settings<'_>, url: &Url) -> Result<bool, Diagnostic> {
    let usual = if url.port() == Some(GRPC_PORT) { "grpc" } else { "http" };
    Ok(settings.get("over").map_or(Ok(usual), Node::text)? == "grpc")
}

fn over_http(settings: &Settings<'_>, url: &Url) -> Result<Endpoint, Diagnostic> {
    let headers = vec![(CONTENT_TYPE, "application/x-protobuf".to_owned())];
    settings.endpoint(url, headers, Reads::Body(taken))
}

/// What a good answer says of points, or spans, that were refused: both answers have the same form.
fn taken(body: &[u8]) -> Taken {
    let answer = ExportMetricsServiceResponse::decode(body).ok().and_then(|answer| answer.partial_success);
    answer.map_or_else(Taken::default, |partial| Taken {
        rejected: u64::try_from(partial.rejected_data_points).unwrap_or_default(),
        why: partial.error_message,
    })
}

struct Otlp {
    labels: RunLabels,
    bounds: Vec<f64>,
    explicit: bool,
    counts: Counts,
}

/// When a point's counting began and when it is of, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Moments {
    start: u64,
    time: u64,
}

impl Encode for Otlp {
    fn counts(&self) -> Counts {
        self.counts
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let Some(view) = report.counted else { return Vec::new() };
        let since = if self.counts == Counts::SinceTheLast { report.from } else { Duration::ZERO };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let moments = Moments { start: nanos(report.began + since), time: nanos(report.at()) };
        let mut requests = Vec::new();
        let mut filling = Filling::default();
        points(&view, &mut |point| {
            filling.add(point.metric, self.point(point, moments));
            if filling.points == POINTS {
                requests.push(self.request(std::mem::take(&mut filling)));
            }
        });
        if filling.points > 0 {
            requests.push(self.request(filling));
        }
        requests
    }
}

/// Points of a request under way, by metric.
#[derive(Default)]
struct Filling {
    metrics: Vec<(&'static Metric, Vec<DataPoint>)>,
    points: usize,
}

enum DataPoint {
    Number(NumberDataPoint),
    Explicit(HistogramDataPoint),
    Exponential(ExponentialHistogramDataPoint),
}

impl Filling {
    fn add(&mut self, metric: &'static Metric, point: DataPoint) {
        self.points += 1;
        match self.metrics.iter_mut().find(|(known, _)| known.name == metric.name) {
            Some((_, points)) => points.push(point),
            None => self.metrics.push((metric, vec![point])),
        }
    }
}

impl Otlp {
    fn point(&self, point: &Point<'_>, Moments { start, time }: Moments) -> DataPoint {
        let attributes: Vec<KeyValue> = point
            .labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| attribute(name, value))
            .collect();
        let number = |value| {
            let start_time_unix_nano = if point.metric.kind == Kind::Gauge { 0 } else { start };
            DataPoint::Number(NumberDataPoint {
                attributes: attributes.clone(),
                start_time_unix_nano,
                time_unix_nano: time,
                value: Some(value),
            })
        };
        match point.value {
            Value::Count(count) => {
                number(number_data_point::Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX)))
            }
            Value::Amount(amount) => number(number_data_point::Value::AsDouble(amount)),
            Value::Samples(samples) if self.explicit => {
                DataPoint::Explicit(explicit(&samples, &self.bounds, attributes, Moments { start, time }))
            }
            Value::Samples(samples) => {
                DataPoint::Exponential(exponential(&samples, attributes, Moments { start, time }))
            }
        }
    }

    fn request(&self, filling: Filling) -> Payload {
        let aggregation_temporality = if self.counts == Counts::SinceTheLast { DELTA } else { CUMULATIVE };
        let metrics = filling.metrics.into_iter().map(|(of, points)| {
            let (mut numbers, mut explicit, mut exponential) = (Vec::new(), Vec::new(), Vec::new());
            for point in points {
                match point {
                    DataPoint::Number(point) => numbers.push(point),
                    DataPoint::Explicit(point) => explicit.push(point),
                    DataPoint::Exponential(point) => exponential.push(point),
                }
            }
            let data = match of.kind {
                Kind::Counter => metric::Data::Sum(Sum {
                    data_points: numbers,
                    aggregation_temporality,
                    is_monotonic: true,
                }),
                Kind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers }),
                Kind::Distribution if self.explicit => {
                    metric::Data::Histogram(Histogram { data_points: explicit, aggregation_temporality })
                }
                Kind::Distribution => metric::Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: exponential,
                    aggregation_temporality,
                }),
            };
            messages::Metric {
                name: of.name.to_owned(),
                description: of.help.to_owned(),
                unit: of.unit.to_owned(),
                data: Some(data),
            }
        });
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource(&self.labels)),
                scope_metrics: vec![ScopeMetrics { scope: Some(scope()), metrics: metrics.collect() }],
            }],
        };
        Payload::new(request.encode_to_vec())
    }
}

/// Who tells: this run.
fn resource(labels: &RunLabels) -> Resource {
    let own = [
        ("service.name", "prony"),
        ("service.instance.id", labels.get(RUN)),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let all = own.into_iter().chain(labels.iter());
    Resource { attributes: all.map(|(name, value)| attribute(name, value)).collect() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "prony".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    any_attribute(name, any_value::Value::Text(value.to_owned()))
}

fn any_attribute(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn explicit(
    samples: &Samples<'_>,
    bounds: &[f64],
    attributes: Vec<KeyValue>,
    Moments { start, time }: Moments,
) -> HistogramDataPoint {
    let whole = samples.count_and_sum();
    // From counts below bounds to counts between them, the one above the last included.
    let cumulated: Vec<u64> = samples.cumulated(bounds).into_iter().chain([whole.count]).collect();
    let before = std::iter::once(0).chain(cumulated.iter().copied());
    let bucket_counts = cumulated.iter().zip(before).map(|(count, before)| count - before).collect();
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: whole.count,
        sum: Some(whole.sum),
        bucket_counts,
        explicit_bounds: bounds.to_vec(),
        min: Some(samples.min()),
        max: Some(samples.max()),
    }
}

fn exponential(
    samples: &Samples<'_>,
    attributes: Vec<KeyValue>,
    Moments { start, time }: Moments,
) -> ExponentialHistogramDataPoint {
    let whole = samples.count_and_sum();
    let exponential = Exponential::of(samples).within(BUCKETS);
    let first = exponential.buckets.first_key_value().map_or(0, |(index, _)| *index);
    let last = exponential.buckets.last_key_value().map(|(index, _)| *index);
    let counts = last.into_iter().flat_map(|last| first..=last);
    let bucket_counts =
        counts.map(|index| exponential.buckets.get(&index).copied().unwrap_or_default()).collect();
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: whole.count,
        sum: Some(whole.sum),
        scale: exponential.scale,
        zero_count: exponential.zeros,
        positive: Some(Buckets { offset: first, bucket_counts }),
        min: Some(samples.min()),
        max: Some(samples.max()),
    }
}
