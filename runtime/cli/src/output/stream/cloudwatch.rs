//! CloudWatch's embedded metric format: JSON lines of which its agent, or a log group, makes metrics.
//!
//! Dimensions are labels. Counts are those of the period. A distribution has its count, sum, extremes and percentiles as
//! metrics of their own, of the period, and once more of the whole run when that has ended, with `_run` before the figure.

use std::fs::OpenOptions;
use std::time::Duration;

use prony_core::{Diagnostic, Shape};
use serde_json::{Map, Value as Json, json};

use super::carrier::{Lines, Payload};
use super::influxdb::figures;
use super::labels::RunLabels;
use super::point::{Point, Value, points};
use super::settings::{Settings, common};
use super::tally::{Counts, Report};
use super::worker::Worker;
use super::{Carrier, Encode};

/// What may stand under `cloudwatch:`.
pub(super) fn shape() -> Shape {
    common(
        Shape::map().required("file", Shape::text(), "The file that lines are added to, or `stdout`.").key(
            "namespace",
            Shape::text(),
            "The metrics' namespace. Default `Prony`.",
        ),
    )
}

/// The stream.
pub(super) fn cloudwatch(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    let place = settings.place()?;
    let lines = match place.text()? {
        "stdout" => Lines::StandardOutput,
        path => {
            let path = settings.folder.join(path);
            let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|error| {
                let message = format!("{} cannot be written: {error}", path.display());
                Diagnostic::at(&place.place, message, "expected a file in a folder that is there")
                    .help("make the folder, or write `stdout`")
            })?;
            Lines::File(file)
        }
    };
    let encode = Embedded {
        labels: settings.labels()?,
        namespace: settings.text("namespace")?.unwrap_or("Prony").to_owned(),
    };
    Ok(Worker {
        name: format!("cloudwatch {}", place.text()?),
        // Every line is billed.
        period: settings.period(Duration::from_secs(10))?,
        timeout: Duration::from_secs(5),
        encode: Box::new(encode),
        carrier: Box::new(move || Carrier::Lines(lines)),
    })
}

struct Embedded {
    labels: RunLabels,
    namespace: String,
}

impl Encode for Embedded {
    fn counts(&self) -> Counts {
        Counts::SinceTheLast
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let at = report.at().as_millis() as u64;
        let mut text = String::new();
        let mut add = |line: Json| {
            text.push_str(&line.to_string());
            text.push('\n');
        };
        if let Some(view) = &report.counted {
            points(view, &mut |point| add(self.line(point, "", at)));
        }
        if let Some(view) = &report.run {
            points(view, &mut |point| {
                if let Value::Samples(_) = point.value {
                    add(self.line(point, "_run", at));
                }
            });
        }
        if text.is_empty() { Vec::new() } else { vec![Payload::new(text)] }
    }
}

impl Embedded {
    fn line(&self, point: &Point<'_>, under: &str, at: u64) -> Json {
        let unit = match point.metric.unit {
            "s" => "Seconds",
            "By" => "Bytes",
            "1" => "None",
            _ => "Count",
        };
        let name = format!("{}{under}", point.metric.underscored());
        let values: Vec<(String, Json, &str)> = match point.value {
            Value::Count(count) => vec![(name, count.into(), unit)],
            Value::Amount(amount) => vec![(name, amount.into(), unit)],
            Value::Samples(samples) => {
                let count = samples.count_and_sum().count;
                let figures = figures(&samples).into_iter();
                let figures = figures.map(|(figure, value)| (format!("{name}_{figure}"), value.into(), unit));
                figures.chain([(format!("{name}_count"), count.into(), "Count")]).collect()
            }
        };
        let labels = self.labels.with(point.labels);
        let dimensions: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Json> =
            values.iter().map(|(name, _, unit)| json!({"Name": name, "Unit": unit})).collect();
        let mut line = Map::new();
        let directive = json!({"Namespace": self.namespace, "Dimensions": [dimensions], "Metrics": metrics});
        line.insert("_aws".to_owned(), json!({"Timestamp": at, "CloudWatchMetrics": [directive]}));
        line.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        line.extend(values.into_iter().map(|(name, value, _)| (name, value)));
        line.into()
    }
}
