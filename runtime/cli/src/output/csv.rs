//! The timeline as CSV: a line a scenario and second, columns that never change their place.
//!
//! Its figures are those of [`timeline`](super::timeline); what has names of its own there (metrics, deliveries) is there
//! only.

use std::io::{self, Write};

use prony_engine::event::Interval;

use super::timeline::{ScenarioLine, scenario_lines};
use crate::report::Distribution;

/// The columns before the distributions.
const COLUMNS: [&str; 16] = [
    "from_us",
    "to_us",
    "scenario",
    "due",
    "started",
    "completed",
    "failed_iterations",
    "dropped",
    "users",
    "requests",
    "requests_per_second",
    "failures",
    "bytes_sent",
    "bytes_received",
    "checks_evaluated",
    "checks_passed",
];
/// The distributions, and what there is of each.
const TIMES: [&str; 3] = ["response_time_us", "service_time_us", "lag_us"];
const FIGURES: [&str; 9] = ["count", "min", "mean", "p50", "p90", "p95", "p99", "p999", "max"];

/// A file under way.
pub(super) struct Csv<W> {
    file: W,
}

impl<W: Write> Csv<W> {
    /// A file with its head.
    pub(super) fn new(mut file: W) -> io::Result<Self> {
        let times = TIMES.iter().flat_map(|time| FIGURES.map(|figure| format!("{time}_{figure}")));
        let head: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).chain(times).collect();
        writeln!(file, "{}", head.join(","))?;
        Ok(Self { file })
    }

    /// Writes a second and sees it on its way.
    pub(super) fn write(&mut self, interval: &Interval) -> io::Result<()> {
        for line in scenario_lines(interval) {
            writeln!(self.file, "{}", fields(&line).join(","))?;
        }
        self.file.flush()
    }
}

fn fields(line: &ScenarioLine<'_>) -> Vec<String> {
    let counts = [line.due, line.started, line.completed, line.failed_iterations, line.dropped, line.users];
    let mut fields = vec![line.from_us.to_string(), line.to_us.to_string(), quoted(line.scenario)];
    fields.extend(counts.map(|count| count.to_string()));
    fields.push(line.requests.to_string());
    fields.push(line.requests_per_second.to_string());
    let rest =
        [line.failures, line.bytes.sent, line.bytes.received, line.checks.evaluated, line.checks.passed];
    fields.extend(rest.map(|count| count.to_string()));
    for time in [&line.response_time_us, &line.service_time_us, &line.lag_us] {
        let Distribution { count, min, mean, p50, p90, p95, p99, p999, max } = *time;
        fields.push(count.to_string());
        let figures = [min, mean, p50, p90, p95, p99, p999, max];
        fields.extend(figures.map(|figure| figure.map_or_else(String::new, |figure| figure.to_string())));
    }
    fields
}

/// RFC 4180, section 2.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use prony_engine::Event;

    use super::*;
    use crate::report::samples;

    #[test]
    fn every_line_has_every_column_and_the_seconds_add_up_to_the_run() {
        let sample = samples::shop();
        let mut csv = Csv::new(Vec::new()).expect("room");
        for event in samples::events(&sample) {
            let Event::Interval(interval) = event else { continue };
            csv.write(&interval).expect("room");
        }
        let text = String::from_utf8(csv.file).expect("text");
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let head = lines.next().expect("a head");
        assert_eq!(head.len(), 16 + 27);
        let at = head.iter().position(|name| *name == "requests").expect("a column");
        let mut requests = 0;
        for line in lines {
            assert_eq!(line.len(), head.len(), "{line:?}");
            requests += line[at].parse::<u64>().expect("a number");
        }
        let measured: u64 = sample.result.totals.steps.iter().map(|step| step.requests).sum();
        assert_eq!(requests, measured);
    }

    #[test]
    fn a_name_stays_in_its_column() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
