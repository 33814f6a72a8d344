//! Traces: what servers were told, what an OTLP receiver got, and what the summary says of it are the same.

mod deaf;
mod guests;
mod http;
mod protocols;
mod slowest;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony};
use crate::outputs::otlp::{Receiver, items, number};

/// A span as the receiver got it, its numbers in hex.
#[derive(Clone, Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: String,
    begins: u64,
    ends: u64,
    failed: bool,
    attributes: BTreeMap<String, Json>,
}

/// What a server was told: a trace, a span, and whether it is sampled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    trace: String,
    span: String,
    sampled: bool,
}

impl Told {
    /// Of a `traceparent`, which must be as the standard has it.
    fn of(text: &str) -> Self {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let is_hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let [version, trace, span, flags] = parts[..] else { panic!("no traceparent: `{text}`") };
        assert!(version == "00" && is_hex(trace, 32) && is_hex(span, 16), "`{text}`");
        assert!(trace.bytes().any(|byte| byte != b'0') && span.bytes().any(|byte| byte != b'0'), "`{text}`");
        let sampled = match flags {
            "00" => false,
            "01" => true,
            other => panic!("flags `{other}`"),
        };
        Self { trace: trace.to_owned(), span: span.to_owned(), sampled }
    }
}

/// Runs a plan with an output to the receiver.
fn run(plan: &Plan, output: &str, arguments: &[&str]) -> (Finished, Json) {
    let ran = Prony::run(plan).arguments(&["--output", output]).arguments(arguments).finish();
    assert!([0, 1, 4].contains(&ran.exit_code()), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("note: output"), "{}", ran.stderr);
    let summary = ran.summary();
    (ran, summary)
}

/// The output to a receiver over HTTP.
fn over_http(receiver: &Receiver) -> String {
    format!("otlp={{url: http://127.0.0.1:{}, period: 1s}}", receiver.http)
}

/// All spans that the receiver got.
fn spans(receiver: &Receiver) -> Vec<Span> {
    let hex = |value: &Json| {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).expect("base64");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let mut spans = Vec::new();
    for request in receiver.all_requests().iter().filter(|request| request["of"] == "traces") {
        for group in items(&request["message"]["resource_spans"]) {
            let resource = attributes(&group["resource"]["attributes"]);
            assert_eq!(resource["service.name"], "prony");
            assert!(resource.contains_key("run") && resource.contains_key("plan"), "{resource:?}");
            for span in items(&group["scope_spans"][0]["spans"]) {
                spans.push(Span {
                    trace: hex(&span["trace_id"]),
                    id: hex(&span["span_id"]),
                    parent: hex(&span["parent_span_id"]),
                    name: span["name"].as_str().expect("a name").to_owned(),
                    kind: span["kind"].as_str().expect("a kind").to_owned(),
                    begins: span["start_time_unix_nano"]
                        .as_str()
                        .and_then(|at| at.parse().ok())
                        .expect("a time"),
                    ends: span["end_time_unix_nano"].as_str().and_then(|at| at.parse().ok()).expect("a time"),
                    failed: span["status"]["code"] == "STATUS_CODE_ERROR",
                    attributes: attributes(&span["attributes"]),
                });
            }
        }
    }
    spans
}

fn attributes(list: &Json) -> BTreeMap<String, Json> {
    let value =
        |value: &Json| value.as_object().and_then(|one| one.values().next().cloned()).unwrap_or_default();
    items(list)
        .iter()
        .map(|one| (one["key"].as_str().expect("a key").to_owned(), value(&one["value"])))
        .collect()
}

/// Those of requests: each has its place below the span of its iteration, and no two are the same. As many came as the summary says.
fn requests(spans: &[Span], summary: &Json) -> Vec<Span> {
    let (roots, requests): (Vec<&Span>, Vec<&Span>) = spans.iter().partition(|span| span.parent.is_empty());
    let counts = &summary["traces"];
    assert_eq!(counts["lost"], 0, "{counts}");
    assert_eq!(Json::from(roots.len() as u64), counts["iterations"], "iterations");
    assert_eq!(Json::from(requests.len() as u64), counts["requests"], "requests");
    let by_trace: BTreeMap<&str, &Span> = roots.iter().map(|root| (root.trace.as_str(), *root)).collect();
    assert_eq!(by_trace.len(), roots.len(), "each iteration is a trace of its own");
    for span in &requests {
        let root = by_trace.get(span.trace.as_str()).unwrap_or_else(|| panic!("no iteration of {span:?}"));
        assert_eq!(span.parent, root.id);
        assert!(span.begins <= span.ends && root.begins <= root.ends);
        let due = number(&span.attributes["prony.intended_start_unix_nano"]);
        // A number of that size has no nanoseconds as a double.
        assert!(due <= span.begins as f64 + 1_000.0, "{span:?}");
        assert_eq!(span.attributes["prony.step"], span.name);
        assert_eq!(span.attributes["prony.scenario"], root.name);
    }
    let ids: BTreeSet<(&str, &str)> = spans.iter().map(|span| (&*span.trace, &*span.id)).collect();
    assert_eq!(ids.len(), spans.len(), "no two spans are the same");
    requests.into_iter().cloned().collect()
}

/// The places of spans.
fn places<'a>(spans: impl IntoIterator<Item = &'a Span>) -> BTreeSet<(String, String)> {
    spans.into_iter().map(|span| (span.trace.clone(), span.id.clone())).collect()
}

/// The places that servers were told of as sampled; no two requests were told the same.
fn sampled(told: &[Told]) -> BTreeSet<(String, String)> {
    let all: BTreeSet<(&str, &str)> = told.iter().map(|told| (&*told.trace, &*told.span)).collect();
    assert_eq!(all.len(), told.len(), "each request has its own place");
    told.iter().filter(|told| told.sampled).map(|told| (told.trace.clone(), told.span.clone())).collect()
}
