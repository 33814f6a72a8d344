//! Spans over OTLP: one for each sampled iteration, and below it one for each of its requests.
//!
//! Attributes have the names of OpenTelemetry's semantic conventions where these have one, and begin with `prony.` otherwise.

use std::time::Duration;

use prony_core::catalog::{Attribute, StepEntry};
use prony_core::{Catalog, Diagnostic, FailureKind, Node, Outcome, Timestamp, Trace};
use prony_engine::event::Interval;
use prony_engine::traces::{IterationSpan, RequestSpan};
use prost::Message as _;

use super::super::carrier::{Http, Payload, Reads};
use super::super::labels::RunLabels;
use super::super::settings::Settings;
use super::super::tally::{Counts, Report};
use super::super::worker::Worker;
use super::super::{Carrier, Encode};
use super::messages::any_value::Value;
use super::messages::{ExportTraceServiceRequest, KeyValue, ResourceSpans, ScopeSpans, Span, Status};
use super::{any_attribute, attribute, over_grpc, over_http, resource, scope, taken};

/// The most spans of a request: receivers take 4 MB by default.
const SPANS: usize = 2_000;
/// What OTLP calls the kinds of spans.
const INTERNAL: i32 = 1;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
/// What OTLP calls the status of a span that went wrong.
const ERROR: i32 = 2;
/// The flag of W3C's Trace Context for what is sampled.
const SAMPLED: u32 = 1;

/// The stream of a plan's spans; `None` when it is not wanted.
pub(in super::super) fn traces(settings: &Settings<'_>) -> Result<Option<Worker>, Diagnostic> {
    let told = settings.get("traces");
    if told.is_some_and(|node| matches!(node.boolean(), Ok(false))) {
        return Ok(None);
    }
    let mut url = settings.url()?;
    let endpoint = if over_grpc(settings, &url)? {
        url.set_path("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        settings.endpoint(&url, Vec::new(), Reads::Grpc(taken))?
    } else {
        let path = path(settings, told.filter(|node| node.boolean().is_err()), url.path())?;
        url.set_path(&path);
        over_http(settings, &url)?
    };
    Ok(Some(Worker {
        name: format!("{} (traces)", settings.name(&url)),
        period: Duration::from_secs(1),
        timeout: settings.timeout()?,
        encode: Box::new(Spans { labels: settings.labels()? }),
        carrier: Box::new(move || Carrier::Http(Box::new(Http::new(endpoint)))),
    }))
}

/// Where they go over HTTP, beside metrics that go to `metrics`.
fn path(settings: &Settings<'_>, told: Option<&Node>, metrics: &str) -> Result<String, Diagnostic> {
    if let Some(node) = told {
        return match node.text()? {
            path if path.starts_with('/') => Ok(path.to_owned()),
            _ => Err(node.unexpected("a path such as `/v1/traces`, `true` or `false`")),
        };
    }
    match metrics {
        "" | "/" => Ok("/v1/traces".to_owned()),
        path => path.strip_suffix("metrics").map(|front| format!("{front}traces")).ok_or_else(|| {
            let node = settings.get("url").unwrap_or(settings.node);
            Diagnostic::at(
                &node.place,
                format!("the plan has traces, and `{path}` does not say where they go"),
                "metrics go here",
            )
            .help("add `traces: /PATH` beside it, or `traces: false`")
        }),
    }
}

struct Spans {
    labels: RunLabels,
}

impl Encode for Spans {
    fn counts(&self) -> Counts {
        Counts::Nothing
    }

    fn encode(&mut self, _: &Report<'_>) -> Vec<Payload> {
        Vec::new()
    }

    fn takes_traces(&self) -> bool {
        true
    }

    fn spans(&mut self, second: &Interval) -> Vec<Payload> {
        let teller = Teller { catalog: &second.catalog, wall_origin: second.traces.wall_origin };
        let iterations = second.traces.iterations.iter().map(|span| teller.iteration(span));
        let requests = second.traces.requests.iter().map(|span| teller.request(span));
        let mut all = iterations.chain(requests).peekable();
        let mut payloads = Vec::new();
        while all.peek().is_some() {
            let spans: Vec<Span> = all.by_ref().take(SPANS).collect();
            let count = spans.len() as u64;
            let request = ExportTraceServiceRequest {
                resource_spans: vec![ResourceSpans {
                    resource: Some(resource(&self.labels)),
                    scope_spans: vec![ScopeSpans { scope: Some(scope()), spans }],
                }],
            };
            payloads.push(Payload { body: request.encode_to_vec().into(), spans: count });
        }
        payloads
    }
}

/// From what the engine has of spans to OTLP's words.
struct Teller<'a> {
    catalog: &'a Catalog,
    wall_origin: Duration,
}

impl Teller<'_> {
    /// The time of day, in nanoseconds since 1970.
    fn at(&self, moment: Timestamp) -> u64 {
        u64::try_from(self.wall_origin.as_nanos()).unwrap_or(u64::MAX).saturating_add(moment.as_nanos())
    }

    fn due(&self, moment: Timestamp) -> KeyValue {
        number("prony.intended_start_unix_nano", self.at(moment))
    }

    fn iteration(&self, span: &IterationSpan) -> Span {
        let scenario = self.catalog.scenarios.get(usize::from(span.scenario.0)).map_or("", String::as_str);
        let failed = span.result != "completed";
        Span {
            trace_id: span.trace.id.to_bytes().to_vec(),
            span_id: span.trace.root.to_bytes().to_vec(),
            parent_span_id: Vec::new(),
            name: scenario.to_owned(),
            kind: INTERNAL,
            start_time_unix_nano: self.at(span.began),
            end_time_unix_nano: self.at(span.ended),
            attributes: vec![
                attribute("prony.scenario", scenario),
                number("prony.user", u64::from(span.user)),
                number("prony.iteration", span.iteration),
                attribute("prony.result", span.result),
                self.due(span.intended),
            ],
            status: failed.then(|| error(span.result)),
            flags: flags(span.trace),
        }
    }

    fn request(&self, span: &RequestSpan) -> Span {
        let outcome = &span.outcome;
        let step = self.catalog.steps.get(usize::from(span.step.0));
        let mut attributes = step.map(|step| self.of_step(step)).unwrap_or_default();
        attributes.push(self.due(outcome.intended));
        let protocol = step.map_or("", |step| step.protocol);
        attributes.extend(outcome.status.map(|status| number(status_name(protocol), u64::from(status))));
        attributes.extend(outcome.failure.iter().flat_map(|kind| of_failure(*kind, outcome)));
        attributes.extend(
            outcome
                .phases
                .iter()
                .map(|(phase, nanoseconds)| seconds(&format!("prony.phase.{}", phase.name()), nanoseconds)),
        );
        let send = (OPERATION, Attribute::from("send"));
        let sends = step.is_some_and(|step| step.attributes.contains(&send));
        let traced = span.traced;
        let begins = self.at(outcome.sent.unwrap_or(outcome.intended));
        Span {
            trace_id: traced.trace.id.to_bytes().to_vec(),
            span_id: traced.span.to_bytes().to_vec(),
            parent_span_id: traced.trace.root.to_bytes().to_vec(),
            name: step.map_or_else(String::new, |step| step.name.clone()),
            kind: if sends { PRODUCER } else { CLIENT },
            start_time_unix_nano: begins,
            // What a step waited for may have been there before it.
            end_time_unix_nano: self.at(outcome.finished).max(begins),
            attributes,
            status: outcome.failure.map(|kind| error(kind.name())),
            flags: flags(traced.trace),
        }
    }

    fn of_step(&self, step: &StepEntry) -> Vec<KeyValue> {
        let scenario = self.catalog.scenarios.get(usize::from(step.scenario.0)).map_or("", String::as_str);
        let mut all = vec![
            attribute("prony.scenario", scenario),
            attribute("prony.step", &step.name),
            attribute("prony.protocol", step.protocol),
        ];
        all.extend(step.attributes.iter().map(|(name, value)| match value {
            Attribute::Text(text) => attribute(name, text),
            Attribute::Number(number) => any_attribute(name, Value::Integer(*number)),
        }));
        all
    }
}

/// What a step does with messages.
const OPERATION: &str = "messaging.operation.type";

/// What a protocol's status is called.
fn status_name(protocol: &str) -> &'static str {
    match protocol {
        "http" => "http.response.status_code",
        "grpc" => "rpc.grpc.status_code",
        _ => "prony.status",
    }
}

/// Of HTTP's errors the conventions want to know the status, of others the kind.
fn of_failure(kind: FailureKind, outcome: &Outcome) -> [KeyValue; 2] {
    let by_status = matches!(kind, FailureKind::StatusClient | FailureKind::StatusServer);
    let status = outcome.status.filter(|_| by_status).map(|status| status.to_string());
    [
        attribute("error.type", status.as_deref().unwrap_or(kind.name())),
        attribute("prony.failure", kind.name()),
    ]
}

fn error(message: &str) -> Status {
    Status { message: message.to_owned(), code: ERROR }
}

fn flags(trace: Trace) -> u32 {
    if trace.sampled { SAMPLED } else { 0 }
}

fn number(name: &str, value: u64) -> KeyValue {
    any_attribute(name, Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn seconds(name: &str, nanoseconds: u64) -> KeyValue {
    any_attribute(name, Value::Number(nanoseconds as f64 / 1e9))
}
