//! StatsD over UDP, with Datadog's tags or with labels as parts of names.
//!
//! Counts are counters. A distribution is told as gauges, its percentiles of the period, for sending each sample would cost more
//! than the load itself; its number of samples is a counter. When the run has ended, gauges below `….run.` have the percentiles
//! of the whole run.

use std::fmt::Write as _;
use std::time::Duration;

use prony_core::{Diagnostic, Shape};

use super::carrier::{Datagrams, Payload};
use super::influxdb::figures;
use super::labels::RunLabels;
use super::metric::Kind;
use super::point::{Point, Value, points};
use super::settings::{Settings, common};
use super::tally::{Counts, Report};
use super::worker::Worker;
use super::{Carrier, Encode};

/// What may stand under `statsd:` and `dogstatsd:`.
pub(super) fn shape() -> Shape {
    common(Shape::map().required("address", Shape::text(), "Where to: `127.0.0.1:8125`.").key(
        "prefix",
        Shape::text(),
        "What all names begin with, before `prony.`. Default: nothing.",
    ))
}

/// With labels as parts of names.
pub(super) fn plain(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    statsd(settings, false)
}

/// With tags.
pub(super) fn tagged(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    statsd(settings, true)
}

fn statsd(settings: &Settings<'_>, has_tags: bool) -> Result<Worker, Diagnostic> {
    let (address, name) = settings.address()?;
    let place = settings.place()?;
    let datagrams = Datagrams::to(address).map_err(|error| {
        Diagnostic::at(&place.place, format!("nothing can be sent to {address}: {error}"), "for this output")
            .help("is there a way to this address from here?")
    })?;
    let prefix = settings.text("prefix")?.map_or_else(String::new, |prefix| format!("{prefix}."));
    let labels = settings.labels()?;
    Ok(Worker {
        name,
        period: settings.period(Duration::from_secs(1))?,
        timeout: Duration::from_secs(5),
        encode: Box::new(StatsD { labels, prefix, has_tags }),
        carrier: Box::new(move || Carrier::Datagrams(datagrams)),
    })
}

struct StatsD {
    labels: RunLabels,
    prefix: String,
    has_tags: bool,
}

impl Encode for StatsD {
    fn counts(&self) -> Counts {
        Counts::SinceTheLast
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let mut text = String::new();
        if let Some(view) = &report.counted {
            points(view, &mut |point| self.lines(point, &mut text));
        }
        if let Some(view) = &report.run {
            points(view, &mut |point| self.percentiles(point, ".run", &mut text));
        }
        if text.is_empty() { Vec::new() } else { vec![Payload::new(text)] }
    }
}

impl StatsD {
    fn lines(&self, point: &Point<'_>, text: &mut String) {
        match (&point.value, point.metric.kind) {
            // A counter that has not moved tells nothing.
            (Value::Count(0), Kind::Counter) => {}
            (Value::Count(count), _) => self.line(point, "", &format!("{count}|c"), text),
            (Value::Amount(amount), Kind::Counter) => self.line(point, "", &format!("{amount}|c"), text),
            (Value::Amount(amount), _) => self.level(point, "", *amount, text),
            (Value::Samples(samples), _) => {
                let count = samples.count_and_sum().count;
                self.line(point, ".count", &format!("{count}|c"), text);
                self.percentiles(point, "", text);
            }
        }
    }

    fn percentiles(&self, point: &Point<'_>, under: &str, text: &mut String) {
        if let Value::Samples(samples) = &point.value {
            for (name, value) in figures(samples).into_iter().filter(|(name, _)| *name != "sum") {
                self.level(point, &format!("{under}.{name}"), value, text);
            }
        }
    }

    /// A gauge. One below 0 is first set to 0, for a sign makes a gauge's value a step of it.
    fn level(&self, point: &Point<'_>, suffix: &str, value: f64, text: &mut String) {
        if value < 0.0 {
            self.line(point, suffix, "0|g", text);
        }
        self.line(point, suffix, &format!("{value}|g"), text);
    }

    fn line(&self, point: &Point<'_>, suffix: &str, value: &str, text: &mut String) {
        // Writing to a String does not fail.
        let _ = write!(text, "{}{}", self.prefix, point.metric.name);
        if self.has_tags {
            let _ = write!(text, "{suffix}:{value}|#");
            for (number, (name, tag)) in self.labels.with(point.labels).into_iter().enumerate() {
                let comma = if number == 0 { "" } else { "," };
                let _ = write!(text, "{comma}{name}:{}", tag_value(tag));
            }
        } else {
            for (_, value) in point.labels.iter().filter(|(_, value)| !value.is_empty()) {
                let _ = write!(text, ".{}", name_part(value));
            }
            let _ = write!(text, "{suffix}:{value}");
        }
        text.push('\n');
    }
}

/// A tag's value holds no comma, bar or line end.
fn tag_value(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ',' | '|') || c.is_control() { '_' } else { c }).collect()
}

/// A part of a name: Graphite, which is behind many a StatsD, takes dots and slashes for folders.
fn name_part(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_place() {
        assert_eq!(tag_value("GET /a,b|c:d\n"), "GET /a_b_c:d_");
        assert_eq!(name_part("GET /a.b:c|d@e"), "GET__a_b_c_d_e");
    }
}
