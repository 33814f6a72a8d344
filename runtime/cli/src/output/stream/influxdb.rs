//! InfluxDB's line protocol, to its API of version 1 (`/write`) or 2 (`/api/v2/write`).
//!
//! A measurement is a metric, tags are labels. Counts are those of the period. A distribution has its count, sum, extremes and
//! percentiles as fields, of the period; percentiles of periods cannot be added up, so when the run has ended there is a further
//! measurement of the whole run for each: its name ends in `_run`.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::AUTHORIZATION;
use prony_core::{Diagnostic, Shape};

use super::carrier::{Http, Payload, Reads, basic};
use super::labels::RunLabels;
use super::point::{Point, Samples, Value, points};
use super::settings::{Settings, common, posted};
use super::tally::{Counts, Report};
use super::worker::Worker;
use super::{Carrier, Encode};

/// The most lines of a request; more are slower.
const LINES: usize = 5_000;
/// The percentiles that are told, and what they are called.
pub(super) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// What may stand under `influxdb:`.
pub(super) fn shape() -> Shape {
    let shape = Shape::map()
        .required("url", Shape::text(), "Where to: `http://127.0.0.1:8086`.")
        .key("database", Shape::text(), "API 1: the database, `NAME` or `NAME/RETENTION_POLICY`.")
        .key("user", Shape::text(), "API 1: the user.")
        .key("password", Shape::text(), "API 1: the user's password.")
        .key("org", Shape::text(), "API 2: the organisation.")
        .key("bucket", Shape::text(), "API 2: the bucket.")
        .key("token", Shape::text(), "API 2: a token that may write.");
    posted(common(shape))
}

/// The stream.
pub(super) fn influxdb(settings: &Settings<'_>) -> Result<Worker, Diagnostic> {
    let mut url = settings.url()?;
    let name = settings.name(&url);
    let given =
        |key: &str| url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
    let database = settings.text("database")?.map(str::to_owned).or_else(|| given("db"));
    let bucket = settings.text("bucket")?.map(str::to_owned).or_else(|| given("bucket"));
    let org = settings.text("org")?.map(str::to_owned).or_else(|| given("org"));
    let base = url.path().trim_end_matches('/').to_owned();
    let mut headers = Vec::new();
    let queries = match (database, bucket) {
        (Some(database), None) => {
            url.set_path(&format!("{base}/write"));
            let (database, policy) = match database.split_once('/') {
                Some((database, policy)) => (database.to_owned(), Some(policy.to_owned())),
                None => (database, None),
            };
            if let Some(user) = settings.text("user")? {
                headers.push(basic(user, settings.text("password")?.unwrap_or_default()));
            }
            let policy = policy.map(|policy| ("rp", policy));
            [Some(("db", database)), policy, Some(("precision", "ns".to_owned()))]
        }
        (None, Some(bucket)) => {
            url.set_path(&format!("{base}/api/v2/write"));
            if let Some(token) = settings.text("token")? {
                headers.push((AUTHORIZATION, format!("Token {token}")));
            }
            let org = org.map(|org| ("org", org));
            [org, Some(("bucket", bucket)), Some(("precision", "ns".to_owned()))]
        }
        (Some(_), Some(_)) => {
            return Err(settings
                .node
                .unexpected("either `database` or `bucket`")
                .help("`database` is API 1, `bucket` with `org` and `token` is API 2"));
        }
        (None, None) => {
            return Err(settings
                .node
                .unexpected("where to write: `database` (API 1), or `org` and `bucket` (API 2)")
                .help("for example `influxdb: {url: http://127.0.0.1:8086, database: load}`"));
        }
    };
    url.query_pairs_mut().clear().extend_pairs(queries.into_iter().flatten());
    let endpoint = settings.endpoint(&url, headers, Reads::Status)?;
    Ok(Worker {
        name,
        period: settings.period(Duration::from_secs(1))?,
        timeout: settings.timeout()?,
        encode: Box::new(LineProtocol { labels: settings.labels()? }),
        carrier: Box::new(move || Carrier::Http(Box::new(Http::new(endpoint)))),
    })
}

struct LineProtocol {
    labels: RunLabels,
}

impl Encode for LineProtocol {
    fn counts(&self) -> Counts {
        Counts::SinceTheLast
    }

    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload> {
        let at = report.at().as_nanos();
        let mut lines = Vec::new();
        if let Some(view) = &report.counted {
            points(view, &mut |point| lines.push(self.line(point, "", at)));
        }
        if let Some(view) = &report.run {
            points(view, &mut |point| {
                if let Value::Samples(_) = point.value {
                    lines.push(self.line(point, "_run", at));
                }
            });
        }
        lines.chunks(LINES).map(|lines| Payload::new(lines.concat())).collect()
    }
}

impl LineProtocol {
    fn line(&self, point: &Point<'_>, suffix: &str, at: u128) -> String {
        let mut line = format!("{}{suffix}", point.metric.underscored());
        for (name, value) in self.labels.with(point.labels) {
            // Writing to a String does not fail.
            let _ = write!(line, ",{}={}", escaped(name), escaped(value));
        }
        line.push(' ');
        match point.value {
            Value::Count(count) => {
                let _ = write!(line, "value={count}i");
            }
            Value::Amount(amount) => {
                let _ = write!(line, "value={amount:?}");
            }
            Value::Samples(samples) => {
                let count = samples.count_and_sum().count;
                let figures = figures(&samples).map(|(name, value)| format!(",{name}={value:?}")).concat();
                let _ = write!(line, "count={count}i{figures}");
            }
        }
        let _ = writeln!(line, " {at}");
        line
    }
}

/// Sum, extremes and percentiles, and what they are called.
pub(super) fn figures(samples: &Samples<'_>) -> [(&'static str, f64); 8] {
    let whole = samples.count_and_sum();
    let [p50, p90, p95, p99, p999] = QUANTILES.map(|(name, quantile)| (name, samples.quantile(quantile)));
    [("sum", whole.sum), ("min", samples.min()), p50, p90, p95, p99, p999, ("max", samples.max())]
}

/// What tags may hold. A line end is no part of any, and a backslash before what follows a tag would take its meaning.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ',' | '=' | ' ' => {
                safe.push('\\');
                safe.push(c);
            }
            '\\' => safe.push('/'),
            c if c.is_control() => safe.push('_'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_tag() {
        assert_eq!(escaped("GET /a,b=c d\n\\"), "GET\\ /a\\,b\\=c\\ d_/");
    }
}
