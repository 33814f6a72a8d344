//! `outputs:` of a plan and `--output KIND=WHERE`: which kinds there are, and from words to streams.

use std::path::Path;

use prony_core::document::{Key, Value};
use prony_core::{Diagnostic, Node, Place, Shape};

use super::settings::Settings;
use super::worker::Worker;
use super::{cloudwatch, influxdb, otlp, prometheus, statsd};
use crate::plan::{self, Plan};
use crate::report::About;

/// A kind of output.
struct Kind {
    name: &'static str,
    /// The key that says where, for which a text alone may stand.
    place: &'static str,
    shape: fn() -> Shape,
    make: fn(&Settings<'_>) -> Result<Worker, Diagnostic>,
    /// What tells of spans, where the plan has traces.
    traces: fn(&Settings<'_>) -> Result<Option<Worker>, Diagnostic>,
    description: &'static str,
}

/// It tells of figures alone.
const fn no_traces(_: &Settings<'_>) -> Result<Option<Worker>, Diagnostic> {
    Ok(None)
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "prometheus",
        place: "address",
        shape: prometheus::page_shape,
        make: prometheus::page,
        traces: no_traces,
        description: "A page at this address for Prometheus to scrape.",
    },
    Kind {
        name: "remote_write",
        place: "url",
        shape: prometheus::remote_write_shape,
        make: prometheus::remote_write,
        traces: no_traces,
        description: "Prometheus' remote write: to Prometheus, Mimir, Thanos, VictoriaMetrics and others.",
    },
    Kind {
        name: "otlp",
        place: "url",
        shape: otlp::shape,
        make: otlp::otlp,
        traces: otlp::traces,
        description: "Metrics, and where the plan has traces their spans, in OpenTelemetry's protocol: to its collector, and to whoever reads it.",
    },
    Kind {
        name: "influxdb",
        place: "url",
        shape: influxdb::shape,
        make: influxdb::influxdb,
        traces: no_traces,
        description: "InfluxDB's line protocol, its API of version 1 (`database`) or 2 (`org` and `bucket`).",
    },
    Kind {
        name: "statsd",
        place: "address",
        shape: statsd::shape,
        make: statsd::plain,
        traces: no_traces,
        description: "StatsD over UDP: labels are parts of names.",
    },
    Kind {
        name: "dogstatsd",
        place: "address",
        shape: statsd::shape,
        make: statsd::tagged,
        traces: no_traces,
        description: "StatsD over UDP with Datadog's tags.",
    },
    Kind {
        name: "cloudwatch",
        place: "file",
        shape: cloudwatch::shape,
        make: cloudwatch::cloudwatch,
        traces: no_traces,
        description: "JSON lines in CloudWatch's embedded metric format, to a file or `stdout`.",
    },
];

/// `--output KIND=WHERE`; WHERE may be a map in braces, as in a plan.
#[derive(Clone, Debug)]
pub(crate) struct OutputFlag {
    kind: String,
    words: String,
}

impl std::str::FromStr for OutputFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((kind, words)) if !kind.trim().is_empty() && !words.trim().is_empty() => {
                Ok(Self { kind: kind.trim().to_owned(), words: words.trim().to_owned() })
            }
            _ => Err("expected KIND=WHERE, for example otlp=http://127.0.0.1:4318".to_owned()),
        }
    }
}

impl OutputFlag {
    /// As `outputs:` of a plan would have it.
    fn node(&self) -> Result<Node, Diagnostic> {
        let words = plan::parse_node(&format!("--output {}", self.kind), &self.words)?;
        let words = plan::fill_in(&words)?;
        let place = Place::nowhere(&format!("--output {}", self.kind));
        let key = Key { name: self.kind.clone(), place: place.clone() };
        let node = Node { value: Value::Map(vec![(key, words)]), place };
        shape().check(&node, &Vec::new())?;
        Ok(node)
    }
}

/// What may stand under `outputs:` of a plan.
pub(crate) fn shape() -> Shape {
    KINDS.iter().fold(Shape::map(), |shape, kind| {
        let one = Shape::either(vec![Shape::text(), (kind.shape)()]);
        shape.key(kind.name, Shape::list(one), kind.description)
    })
}

/// The streams that a plan and the command line ask for, in this order.
pub(super) fn workers(plan: &Plan, flags: &[OutputFlag], about: &About) -> Result<Vec<Worker>, Diagnostic> {
    let mut workers = Vec::new();
    let traced = plan.scenarios.iter().any(|scenario| scenario.trace.is_some());
    let mut add = |outputs: &Node, folder: &Path| {
        for (key, given) in outputs.entries() {
            // Unknown kinds are refused by the shape.
            for kind in KINDS.iter().filter(|kind| kind.name == key.name) {
                for node in given.items() {
                    let settings = Settings { kind: kind.name, node, place: kind.place, about, folder };
                    workers.push((kind.make)(&settings)?);
                    if traced {
                        workers.extend((kind.traces)(&settings)?);
                    }
                }
            }
        }
        Ok::<(), Diagnostic>(())
    };
    if let Some(outputs) = plan.node.get("outputs") {
        add(outputs, &plan.folder)?;
    }
    for flag in flags {
        add(&flag.node()?, Path::new("."))?;
    }
    Ok(workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn made(flag: &str) -> Result<Vec<String>, String> {
        let flag: OutputFlag = flag.parse()?;
        let node = flag.node().map_err(|mistake| mistake.to_string())?;
        let plan = Plan::from_text(
            "p",
            "scenarios: {a: {load: {users: 1, iterations: 1}, steps: [{http: GET http://h/}]}}",
            Path::new("."),
        );
        let mut plan = plan.expect("a plan");
        plan.node = Node {
            value: Value::Map(vec![(
                Key { name: "outputs".to_owned(), place: node.place.clone() },
                node.clone(),
            )]),
            place: node.place,
        };
        let workers = workers(&plan, &[], &samples::shop().about);
        workers
            .map(|workers| workers.iter().map(|worker| worker.name.clone()).collect())
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn flags_are_read_as_plans_are() {
        let name = |flag| made(flag).expect("an output");
        assert_eq!(name("otlp=http://user:secret@127.0.0.1:4318"), ["otlp http://127.0.0.1:4318"]);
        assert_eq!(
            name("remote_write=https://[::1]/api/v1/write?token=secret"),
            ["remote_write https://[::1]"]
        );
        assert_eq!(
            name("influxdb={url: http://127.0.0.1:8086, database: load}"),
            ["influxdb http://127.0.0.1:8086"]
        );
        assert_eq!(name("statsd=127.0.0.1:8125"), ["statsd 127.0.0.1:8125"]);
        assert_eq!(name("cloudwatch=stdout"), ["cloudwatch stdout"]);
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place_and_what_to_do() {
        for (flag, told) in [
            ("promethus=127.0.0.1:0", "prometheus"),
            ("otlp", "KIND=WHERE"),
            ("otlp=ftp://127.0.0.1/", "http://"),
            ("otlp={url: 'http://127.0.0.1', over: smoke}", "`smoke`"),
            ("otlp={url: 'http://127.0.0.1', labels: {a-b: c}}", "a-b"),
            ("otlp={url: 'http://127.0.0.1', headers: {'a b': c}}", "a b"),
            ("otlp={url: 'http://127.0.0.1', period: 10ms}", "a second or more"),
            ("otlp={over: grpc}", "url"),
            ("remote_write={url: 'http://127.0.0.1', buckets: [1, 0.5]}", "larger than the one before"),
            ("remote_write=http://127.0.0.1:${PRONY_NO_SUCH_VARIABLE}/", "PRONY_NO_SUCH_VARIABLE"),
            ("influxdb=http://127.0.0.1:8086", "database"),
            ("influxdb={url: 'http://127.0.0.1', database: a, bucket: b}", "bucket"),
            ("statsd=nowhere", "nowhere"),
            ("prometheus=203.0.113.1:9", "203.0.113.1:9"),
            ("cloudwatch=no/such/folder/file", "no/such/folder/file"),
        ] {
            let mistake = made(flag).expect_err(flag);
            assert!(mistake.contains(told), "{flag}: {mistake}");
        }
    }
}
