//! Quick forms: a plan from flags. What all protocols share: how much load, what must hold, how it is run.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use prony_core::document::{Key, Value};
use prony_core::units::{parse_duration, parse_rate};
use prony_core::{Diagnostic, Node, Place, Source};
use serde_json::{Map, Value as Json, json};

use crate::commands::{Failure, print};
use crate::execute::{self, RunOptions};
use crate::exit;
use crate::plan::{self, Plan};

/// How much load, as flags.
#[derive(Debug, Args)]
pub(crate) struct LoadFlags {
    /// Closed load: so many users, each waits for its answer. Default 10.
    #[arg(long, short, short_alias = 'c', alias = "vus", value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: Option<u32>,
    /// Open load: so many starts a second whatever the target does, such as `500/s`; a bare number is a second's.
    #[arg(long, short, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// How long, such as `30s` or `2m`. Default 10s.
    #[arg(long = "for", short = 'd', alias = "duration", value_name = "TIME", value_parser = duration)]
    lasting: Option<String>,
    /// How many requests in all, instead of how long.
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "lasting", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Open load: starts evenly spread or as a Poisson process.
    #[arg(long, value_name = "KIND", value_parser = ["uniform", "poisson"], requires = "rate")]
    arrivals: Option<String>,
    /// Open load: the most users at a time; further starts are dropped and counted.
    #[arg(long, value_name = "N", requires = "rate", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_users: Option<u32>,
    /// Leaves the first time of the run out of all figures.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    warmup: Option<String>,
}

/// What must hold, as flags.
#[derive(Debug, Args)]
pub(crate) struct JudgeFlags {
    /// A check of every answer, in a plan's words: `--check 'time < 200ms'`.
    #[arg(long = "check", value_name = "CHECK")]
    pub(crate) checks: Vec<String>,
    /// A threshold of the run: `--threshold 'response_time.p99 < 500ms'`.
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    pub(crate) thresholds: Vec<String>,
}

/// How it is run, as flags.
#[derive(Debug, Args)]
pub(crate) struct QuickFlags {
    /// Prints the plan instead of running it.
    #[arg(long)]
    print_plan: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl QuickFlags {
    /// Runs the plan that flags have made, or shows it.
    ///
    /// # Errors
    /// When it is wrong, or the run cannot be carried out.
    pub(crate) fn execute(&self, command: &str, plan: &Json) -> Result<u8, Failure> {
        let mut plan = plan.clone();
        if let Some(share) = self.options.trace() {
            // In percent, as people write it: a small number would have an exponent.
            plan["trace"] = format!("{}%", (share * 1e11).round() / 1e9).into();
        }
        // Relative files are relative to where the command is typed.
        let plan = Plan::from_text(command, &to_text(&plan), Path::new("."))?;
        if self.print_plan {
            print(&plan::to_yaml(&plan.written));
            return Ok(exit::PASSED);
        }
        execute::run(&plan, &self.options)
    }
}

/// A duration above zero, as it was typed.
pub(crate) fn duration(text: &str) -> Result<String, String> {
    match parse_duration(text) {
        Ok(time) if time.is_zero() => Err("expected more than no time".to_owned()),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A value of a body or a payload.
pub(crate) fn json_text(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

/// Starts a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let plain = text.parse::<f64>().is_ok();
    let asked = if plain { parse_rate(&format!("{text}/s")) } else { parse_rate(text) };
    match asked.map_err(|error| error.to_string())?.get() {
        rate if (0.1..=200_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected a rate from 0.1/s to 200000/s".to_owned()),
    }
}

impl LoadFlags {
    /// A plan's `load:`.
    pub(crate) fn load(&self) -> Json {
        let mut load = Map::new();
        let lasting = || self.lasting.clone().unwrap_or_else(|| "10s".to_owned());
        match (self.rate, self.requests) {
            (Some(rate), requests) => {
                load.insert("rate".to_owned(), format!("{rate}/s").into());
                // N starts at a rate of R take N / R, and the one after them is due then: not a nanosecond more.
                let exact = requests.map(|requests| exactly(at_rate(requests, rate)));
                load.insert("for".to_owned(), exact.unwrap_or_else(lasting).into());
                for (key, value) in [
                    ("arrivals", self.arrivals.clone().map(Json::from)),
                    ("max_users", self.max_users.map(Json::from)),
                ] {
                    value.map(|value| load.insert(key.to_owned(), value));
                }
            }
            (None, Some(requests)) => {
                // More users than requests would have nothing to do.
                let users = u64::from(self.users.unwrap_or(10)).min(requests);
                load.insert("users".to_owned(), users.into());
                load.insert("shared_iterations".to_owned(), requests.into());
            }
            (None, None) => {
                load.insert("users".to_owned(), self.users.unwrap_or(10).into());
                load.insert("for".to_owned(), lasting().into());
            }
        }
        load.into()
    }

    /// The whole plan, with one scenario of one step.
    pub(crate) fn plan(
        &self,
        top: Map<String, Json>,
        protocol: &str,
        request: &Json,
        judge: &JudgeFlags,
    ) -> Json {
        let mut plan = top;
        if let Some(warmup) = &self.warmup {
            plan.insert("warmup".to_owned(), warmup.clone().into());
        }
        let mut step = json!({ protocol: request });
        if !judge.checks.is_empty() {
            step["check"] = judge.checks.clone().into();
        }
        plan.insert("scenarios".to_owned(), json!({ "main": { "load": self.load(), "steps": [step] } }));
        if !judge.thresholds.is_empty() {
            plan.insert("thresholds".to_owned(), judge.thresholds.clone().into());
        }
        plan.into()
    }
}

/// A header, as it was typed.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected `Name: value`".to_owned()),
    }
}

/// A URL as the target and the path with its query, which may be a template.
///
/// # Errors
/// When it has none of these schemes.
pub(crate) fn split_url<'a>(
    command: &str,
    url: &'a str,
    schemes: [&str; 2],
) -> Result<(&'a str, &'a str), Diagnostic> {
    let after = url.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
    let Some((scheme, _)) = after else {
        let source = Source::new(command, url);
        let place = Place { start: 0, end: url.len(), source };
        let [plain, secure] = schemes;
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let expected = format!("expected a URL with {plain}:// or {secure}://");
        return Err(Diagnostic::at(&place, format!("found `{url}`"), expected)
            .help(format!("did you mean `{plain}://{rest}`?")));
    };
    let after = scheme.len() + 3;
    let end = url[after..].find(['/', '?', '#']).map_or(url.len(), |at| after + at);
    Ok((&url[..end], if end == url.len() { "/" } else { &url[end..] }))
}

/// Those of a plan's keys that say something.
pub(crate) fn insert_filled<const N: usize>(
    top: &mut Map<String, Json>,
    settings: [(&str, Map<String, Json>); N],
) {
    for (key, settings) in settings.into_iter().filter(|(_, settings)| !settings.is_empty()) {
        top.insert(key.to_owned(), settings.into());
    }
}

/// How long `amount` takes at so many a second: not a nanosecond more.
pub(crate) fn at_rate(amount: u64, rate: f64) -> Duration {
    Duration::from_nanos((amount as f64 / rate * 1e9).floor() as u64)
}

/// To the nanosecond, in the largest unit that needs no fraction.
pub(crate) fn exactly(time: Duration) -> String {
    let units = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    let nanoseconds = time.as_nanos();
    let fitting = units.into_iter().find(|(_, length)| nanoseconds.is_multiple_of(*length));
    let (unit, length) = fitting.unwrap_or(("ns", 1));
    format!("{}{unit}", nanoseconds / length)
}

/// A tree of JSON as a plan's text, the one that `--print-plan` shows: mistakes are told at their line of it.
pub(crate) fn to_text(plan: &Json) -> String {
    let source = Source::new("prony http", "");
    plan::to_yaml(&node(plan, &Place { source, start: 0, end: 0 }))
}

fn node(json: &Json, place: &Place) -> Node {
    let scalar = |text: String, quoted| Node { value: Value::Scalar { text, quoted }, place: place.clone() };
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(_) | Json::Number(_) => return scalar(json.to_string(), false),
        Json::String(text) => {
            // Quotes only where the text would be taken for something else.
            let plain = scalar(text.clone(), false);
            return if plain.to_json().is_string() { plain } else { scalar(text.clone(), true) };
        }
        Json::Array(items) => Value::List(items.iter().map(|item| node(item, place)).collect()),
        Json::Object(entries) => Value::Map(
            entries
                .iter()
                .map(|(name, value)| (Key { name: name.clone(), place: place.clone() }, node(value, place)))
                .collect(),
        ),
    };
    Node { value, place: place.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_and_short() {
        for (nanoseconds, shown) in [
            (5_000_000_000, "5s"),
            (90_000_000_000, "90s"),
            (120_000_000_000, "2m"),
            (7_200_000_000_000, "2h"),
            (2_500_000_000, "2500ms"),
            (3_333_333_333, "3333333333ns"),
        ] {
            assert_eq!(exactly(Duration::from_nanos(nanoseconds)), shown);
        }
    }

    #[test]
    fn a_url_is_split_before_its_path() {
        let split = |url| split_url("prony http", url, ["http", "https"]);
        for (url, target, path) in [
            ("http://a", "http://a", "/"),
            ("https://a:1/", "https://a:1", "/"),
            ("http://[::1]:80/x/{{user.id}}?a=b", "http://[::1]:80", "/x/{{user.id}}?a=b"),
            ("http://a?b", "http://a", "?b"),
        ] {
            assert_eq!(split(url).expect(url), (target, path));
        }
        let mistake = split("localhost:8080/x").expect_err("no scheme");
        assert_eq!(mistake.help.as_deref(), Some("did you mean `http://localhost:8080/x`?"));
    }

    #[test]
    fn a_tree_reads_back_the_same() {
        let tree = json!({
            "name": "prony http",
            "target": "http://[::1]:8080",
            "odd: key": ["", "null", "~", "true", "5", "-5", "1e3", "a: b", " x ", "# no", "{{id}}", "ü\u{1}\n\t\"", null],
            "numbers": [0, -5, 2.5, 1e100, true, {"a": {}, "b": []}],
        });
        let text = to_text(&tree);
        let read = prony_core::document::parse(&Source::new("p", text.as_str())).expect("YAML");
        assert_eq!(read.to_json(), tree, "{text}");
        assert!(text.starts_with("name: prony http\n"), "{text}");
    }
}
