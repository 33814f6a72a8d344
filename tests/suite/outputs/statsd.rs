//! A real StatsD, the one that the protocol is named after, and datagrams as Datadog's agent reads them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::expected::{Arrived, Figure, Labels, figures};
use super::{run_demo, run_spoiled};
use crate::processes::{Process, free_ports, program};
use crate::requirements::missing;

/// The packages of npm that tests/run has installed.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tests-node/node_modules");

struct StatsD {
    _process: Process,
    ports: [u16; 2],
    folder: tempfile::TempDir,
}

impl StatsD {
    fn start(test: &str) -> Option<Self> {
        let script = Path::new(PACKAGES).join("statsd/stats.js");
        let node = program("node").filter(|_| script.is_file());
        let Some(node) = node else {
            missing(test, "node, and statsd from npm");
            return None;
        };
        let started = (0..5).find_map(|_| Self::try_to_start(&node, &script));
        Some(started.expect("statsd starts"))
    }

    fn try_to_start(node: &str, script: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: [u16; 2] = free_ports();
        // What it counts is kept until it is flushed: not before the test is over.
        let config = format!(
            "{{address: '127.0.0.1', port: {}, mgmt_address: '127.0.0.1', mgmt_port: {}, backends: [], flushInterval: 3600000}}",
            ports[0], ports[1]
        );
        let file = folder.path().join("config.js");
        std::fs::write(&file, config).expect("the file is written");
        let mut process = Process::start(Command::new(node).arg(script).arg(&file));
        process.listens(&ports[1..], Duration::from_secs(60)).then(|| Self {
            _process: process,
            ports,
            folder,
        })
    }

    /// What it has under `word`, by name.
    fn ask(&self, word: &str) -> BTreeMap<String, f64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports[1])).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        stream.write_all(format!("{word}\n").as_bytes()).expect("it reads");
        let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
        while !bytes.ends_with(b"END\n\n") {
            let length = stream.read(&mut piece).expect("it answers");
            assert!(length > 0, "it hung up: {}", String::from_utf8_lossy(&bytes));
            bytes.extend(&piece[..length]);
        }
        let answer = String::from_utf8(bytes).expect("text");
        let lines = answer.lines().filter_map(|line| {
            let (name, value) =
                line.trim().trim_start_matches('{').trim_end_matches([',', '}', ' ']).rsplit_once(": ")?;
            Some((name.trim().trim_matches('\'').to_owned(), value.trim().parse().ok()?))
        });
        lines.collect()
    }
}

/// The dotted name of a metric.
fn dotted(figure: &Figure) -> String {
    let name = figure.metric.strip_prefix("prony_").expect("its prefix");
    let name = name.trim_end_matches("_seconds").trim_end_matches("_bytes");
    format!("prony.{name}")
}

#[test]
fn statsd_counts_what_the_summary_counts() {
    let Some(statsd) = StatsD::start("StatsD") else { return };
    let output = format!("statsd=127.0.0.1:{}", statsd.ports[0]);
    let (summary, stderr) = run_demo(statsd.folder.path(), &[&output]);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let (counters, gauges) = (statsd.ask("counters"), statsd.ask("gauges"));
    assert_eq!(counters["statsd.bad_lines_seen"], 0.0);
    let part = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
    for figure in figures(&summary) {
        let labels = figure.labels.iter().filter(|(_, value)| !value.is_empty());
        let labels: String = labels.map(|(_, value)| format!(".{}", part(value))).collect();
        let name = format!("{}{labels}", dotted(&figure));
        figure.hold(
            // What never moved was never told.
            |_| Some(counters.get(&name).copied().unwrap_or_default()),
            |_| {
                let count = counters.get(&format!("{name}.count"))?;
                let quantile = |quantile| gauges[&format!("{name}.run.{quantile}")];
                Some(Arrived::exactly(*count as u64, quantile))
            },
        );
    }
}

/// By name and tags: the sum of counts, or the last level.
type Metrics = BTreeMap<(String, Labels), f64>;

/// Reads datagrams until none has come for a while.
fn read(datagrams: &UdpSocket, metrics: &mut Metrics) {
    datagrams.set_read_timeout(Some(Duration::from_millis(500))).expect("a time-out");
    let mut buffer = [0; 65_536];
    while let Ok(length) = datagrams.recv(&mut buffer) {
        assert!(length <= 1_432, "a datagram of {length} bytes is cut up on the way");
        let text = std::str::from_utf8(&buffer[..length]).expect("text");
        for line in text.lines() {
            let mut parts = line.split('|');
            let (name, value) =
                parts.next().and_then(|part| part.split_once(':')).expect("a name and a value");
            let kind = parts.next().expect("a type");
            let tags = parts.next().and_then(|part| part.strip_prefix('#')).expect("tags");
            let tags = tags.split(',').map(|tag| tag.split_once(':').expect("a tag"));
            let tags: Labels =
                tags.map(|(name, value)| (&*name.to_owned().leak(), value.to_owned())).collect();
            let value: f64 = value.parse().expect("a number");
            let slot = metrics.entry((name.to_owned(), tags)).or_default();
            *slot = if kind == "c" { *slot + value } else { value };
        }
    }
}

#[test]
fn dogstatsd_gets_labels_as_tags() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    // A socket holds little: what comes has to be read as it comes, until the whole run has been told.
    let reading = std::thread::spawn(move || {
        let mut metrics = Metrics::new();
        for _ in 0..240 {
            read(&socket, &mut metrics);
            if metrics.keys().any(|(name, _)| name.ends_with(".run.max")) {
                break;
            }
        }
        metrics
    });
    let (summary, _) =
        run_spoiled(&format!("dogstatsd={{address: '{address}', labels: {{env: test, run: r7}}}}"));
    let metrics = reading.join().expect("datagrams");
    let value = |name: &str, labels: &Labels| {
        let safe = |text: &str| text.replace([',', '|'], "_");
        let has = |tags: &Labels| labels.iter().all(|(name, value)| tags.contains(&(name, safe(value))));
        let ours = |tags: &Labels| {
            tags.contains(&("env", "test".to_owned())) && tags.contains(&("run", "r7".to_owned()))
        };
        let mut all = metrics.iter().filter(|((found, tags), _)| found == name && has(tags) && ours(tags));
        all.next().map(|(_, value)| *value)
    };
    for figure in figures(&summary) {
        let name = dotted(&figure);
        figure.hold(
            |figure| Some(value(&name, &figure.labels).unwrap_or_default()),
            |figure| {
                let count = value(&format!("{name}.count"), &figure.labels)?;
                let quantile =
                    |quantile| value(&format!("{name}.run.{quantile}"), &figure.labels).expect("a level");
                Some(Arrived::exactly(count as u64, quantile))
            },
        );
    }
}
