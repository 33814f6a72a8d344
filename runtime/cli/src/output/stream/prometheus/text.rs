//! The scrape endpoint: Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use prony_core::{Diagnostic, Node, Shape};

use super::super::carrier::Payload;
use super::super::labels::RunLabels;
use super::super::metric::Kind;
use super::super::page::{Endpoint, Page};
use super::super::point::{Point, Value, points};
use super::super::settings::{Settings, bucketed, common};
use super::super::tally::{Counts, Report};
use super::super::worker::Worker;
use super::super::{Carrier, Encode};
use super::{INFINITY, number};

/// What may stand under `prometheus:`.
pub(in super::super) fn page_shape() -> Shape {
    let shape = Shape::map()
        .required("address", Shape::text(), "Where to listen: `127.0.0.1:9464`.")
        .key("path", Shape::text(), "The page's path. Default `/metrics`.")
        .key("linger", Shape::duration(), "How long the page stays when the run has ended, until its last state has been fetched, if it was fetched before. Default 20s.");
    bucketed(common(shape))
}

/// The stream of a page.
pub(in super::super) fn page(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    let (address, name) = settings.address()?;
    let place = settings.place()?;
    let listener = TcpListener::bind(address).map_err(|error| {
        Diagnostic::at(
            &place.place,
            format!("cannot listen at {address}: {error}"),
            "expected a free address",
        )
        .help("choose another port, or 0 for any free one; an address must be this machine's own")
    })?;
    let path = settings.text("path")?.unwrap_or("/metrics").to_owned();
    let linger = settings.get("linger").map_or(Ok(Duration::from_secs(20)), Node::duration)?;
    let encode = Text { labels: settings.labels()?, bounds: settings.buckets()? };
    let bound = listener.local_addr().map_or_else(|_| address.to_string(), |address| address.to_string());
    // Port 0 is any: whoever asked for it must hear which.
    if address.port() == 0 {
        anstream::eprintln!("note: prometheus listens at http://{bound}{path}");
    }
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(Worker {
        name,
        period: settings.period(Duration::from_secs(1))?,
        timeout: Duration::from_secs(5),
        encode: Box::new(encode),
        carrier: Box::new(move || {
            Carrier::Page(Page::serve(Endpoint { listener, path, content_type, linger }))
        }),
    })
}

struct Text {
    labels: RunLabels,
    bounds: Vec<f64>,
}

impl Encode for Text {
    fn counts(&self) -> Counts {
        Counts::FromTheBeginning
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let Some(view) = report.counted else { return Vec::new() };
        // All lines of a metric stand together, under its head.
        let mut families: BTreeMap<String, (&str, Kind, String)> = BTreeMap::new();
        points(&view, &mut |point| {
            let name = point.metric.underscored();
            let family = families
                .entry(name.clone())
                .or_insert_with(|| (point.metric.help, point.metric.kind, String::new()));
            self.lines(&name, point, &mut family.2);
        });
        let mut text = String::new();
        for (name, (help, kind, lines)) in families {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Distribution => "histogram",
            };
            // Writing to a String does not fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        vec![Payload::new(text)]
    }
}

impl Text {
    fn lines(&self, name: &str, point: &Point<'_>, text: &mut String) {
        let labels = self.labels.with(point.labels);
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = labels.join(",");
        let mut line = |suffix: &str, le: Option<&str>, value: String| {
            let le = le.map_or_else(String::new, |le| format!(",le=\"{le}\""));
            let _ = writeln!(text, "{name}{suffix}{{{labels}{le}}} {value}");
        };
        match point.value {
            Value::Count(count) => line("", None, count.to_string()),
            Value::Amount(amount) => line("", None, number(amount)),
            Value::Samples(samples) => {
                for (bound, count) in self.bounds.iter().zip(samples.cumulated(&self.bounds)) {
                    line("_bucket", Some(&number(*bound)), count.to_string());
                }
                let whole = samples.count_and_sum();
                line("_bucket", Some(INFINITY), whole.count.to_string());
                line("_sum", None, number(whole.sum));
                line("_count", None, whole.count.to_string());
            }
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
