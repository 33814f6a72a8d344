//! A real InfluxDB, and what the API of version 2 is asked for.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::expected::{Arrived, Labels, figures};
use super::{get_json, run_demo, run_spoiled};
use crate::processes::{Process, free_ports, program};
use crate::requirements::missing;
use crate::servers::Server;

struct InfluxDb {
    _process: Process,
    port: u16,
    folder: TempDir,
}

impl InfluxDb {
    fn start(test: &str) -> Option<Self> {
        let Some(program) = program("influxd") else {
            missing(test, "influxdb");
            return None;
        };
        let started = (0..5).find_map(|_| Self::try_to_start(&program));
        Some(started.expect("influxdb starts"))
    }

    fn try_to_start(program: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [port, other] = free_ports();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{other}\"\n[meta]\ndir = \"{}\"\n[data]\ndir = \"{}\"\nwal-dir = \"{}\"\n[http]\nbind-address = \"127.0.0.1:{port}\"\n",
            at("meta"),
            at("data"),
            at("wal")
        );
        std::fs::write(folder.path().join("influxdb.conf"), config).expect("the file is written");
        let mut process = Process::start(
            Command::new(program).args(["run", "-config"]).arg(folder.path().join("influxdb.conf")),
        );
        process.listens(&[port], Duration::from_secs(60)).then_some(())?;
        let this = Self { _process: process, port, folder };
        this.query("CREATE DATABASE load");
        Some(this)
    }

    /// The series of an answer, by measurement and tags; those of the first statement.
    fn query(&self, query: &str) -> Vec<Json> {
        let answer = get_json(self.port, "/query", &[("db", "load"), ("q", query)]);
        assert!(answer["results"][0]["error"].is_null(), "{query}: {answer}");
        answer["results"][0]["series"].as_array().cloned().unwrap_or_default()
    }
}

/// A value of the one line of a series that has these tags.
fn find(series: &[Json], measurement: &str, labels: &Labels, column: &str) -> Option<f64> {
    let one = series.iter().find(|one| {
        let has = |(label, value): &(&str, String)| one["tags"][label].as_str().unwrap_or_default() == value;
        one["name"] == measurement && labels.iter().all(has)
    })?;
    let columns = one["columns"].as_array().expect("columns");
    let at = columns.iter().position(|name| name == column)?;
    one["values"][0][at].as_f64()
}

#[test]
fn influxdb_gets_every_figure_of_every_second() {
    let Some(influxdb) = InfluxDb::start("line protocol to InfluxDB") else { return };
    let output = format!("influxdb={{url: http://127.0.0.1:{}, database: load}}", influxdb.port);
    let (summary, stderr) = run_demo(influxdb.folder.path(), &[&output]);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let counters = influxdb.query("SELECT sum(value) FROM /_total$/ GROUP BY *");
    let counts = influxdb.query("SELECT sum(count) FROM /(_seconds|_trend)$/ GROUP BY *");
    let quantiles = influxdb.query("SELECT last(p50), p90, p95, p99, p999 FROM /_run$/ GROUP BY *");
    for figure in figures(&summary) {
        figure.hold(
            |figure| find(&counters, &format!("{}_total", figure.metric), &figure.labels, "sum"),
            |figure| {
                let count = find(&counts, figure.metric, &figure.labels, "sum")?;
                let run = format!("{}_run", figure.metric);
                Some(Arrived::exactly(count as u64, |name| {
                    let column = if name == "p50" { "last" } else { name };
                    find(&quantiles, &run, &figure.labels, column).expect("a quantile of the run")
                }))
            },
        );
    }
    // As many points as there were seconds, at moments of their own.
    let seconds = influxdb.query("SELECT count(value) FROM prony_users");
    assert!(
        find(&seconds, "prony_users", &Vec::new(), "count").is_some_and(|count| count >= 8.0),
        "{seconds:?}"
    );
}

#[test]
fn the_api_of_version_2_is_asked_as_its_document_says() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let server = Server::tcp(move |peer| {
        while let Some(request) = peer.request() {
            asked.lock().expect("the list").push(request);
            if !peer.send(b"HTTP/1.1 204 No Content\r\n\r\n") {
                return;
            }
        }
    });
    let output = format!("influxdb={{url: {}, org: 'my org', bucket: load, token: secret}}", server.http());
    let (_, stderr) = run_spoiled(&output);
    assert!(!stderr.contains("note: output"), "{stderr}");
    let seen = seen.lock().expect("the list");
    assert!(seen.len() >= 3, "{seen:?}");
    for request in seen.iter() {
        let head = request.to_lowercase();
        assert!(
            request.starts_with("POST /api/v2/write?org=my+org&bucket=load&precision=ns HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(head.contains("\r\nauthorization: token secret\r\n"), "{request}");
    }
}
