//! Results where teams already look: files for CI, and streams to real receivers. What arrives is what the summary has: counts
//! exactly, percentiles as far as buckets tell.

mod ci;
mod dashboards;
mod deaf;
mod expected;
mod influxdb;
mod lines;
pub(crate) mod otlp;
mod prometheus;
mod statsd;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value as Json;

use crate::binary::{Plan, Prony, Served};

/// A run of some seconds against the embedded target in which requests fail, checks do not hold, and statuses differ.
fn spoiled(target: &Served) -> Plan {
    Plan::new(&format!(
        r#"
name: spoiled
target: {}
scenarios:
  browse:
    load: {{rate: 100/s, for: 3s}}
    steps:
      - http: GET /items?delay=uniform(1ms,9ms)
        name: GET /items, all
        check: [status == 200, time < 5ms]
      - http: GET /items/7?status=503&share=30%25
        name: GET /items/7
  buy:
    load: {{users: 3, iterations: 20}}
    steps:
      - group: order
        steps:
          - http: {{post: /cart, json: {{item_id: 7}}}}
            name: POST /cart
          - http: {{get: /items, timeout: 1ms}}
            name: too slow
"#,
        target.http()
    ))
}

/// `prony run` of the spoiled plan with an output: its summary, and what it said beside.
fn run_spoiled(output: &str) -> (Json, String) {
    let target = Served::start();
    let plan = spoiled(&target);
    let finished = Prony::run(&plan).arguments(&["--output", output]).finish();
    assert!([0, 4].contains(&finished.exit_code()), "{}{}", finished.stdout, finished.stderr);
    (finished.summary(), finished.stderr)
}

/// The demo, in which every protocol, a plugin and deliveries take part, with an output. Its results are in `folder`.
fn run_demo(folder: &std::path::Path, outputs: &[&str]) -> (Json, String) {
    let mut arguments = vec!["demo", "--quiet", "--out"];
    let results = folder.join("results").to_string_lossy().into_owned();
    arguments.push(&results);
    for output in outputs {
        arguments.extend(["--output", output]);
    }
    let finished = Prony::with(&arguments).finish();
    // A crowded machine may make the run degraded or invalid; what it counted counts all the same.
    assert!([0, 1, 4].contains(&finished.exit_code()), "{}{}", finished.stdout, finished.stderr);
    let text = std::fs::read_to_string(folder.join("results/summary.json")).expect("a summary");
    (serde_json::from_str(&text).expect("JSON"), finished.stderr)
}

/// The body of an answer to a GET, over HTTP/1.0: it ends with the connection.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let request = format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {answer}")).1.to_owned()
}

/// A GET with parameters whose answer is JSON.
fn get_json(port: u16, path: &str, parameters: &[(&str, &str)]) -> Json {
    let query = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let text = get(port, &format!("{path}?{}", query.collect::<Vec<_>>().join("&")));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Everything but letters and digits as bytes in hex.
fn encoded(text: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}
