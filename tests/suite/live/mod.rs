//! The live views of the real binary: in a terminal of its own, and in a real browser.

mod refused;
mod terminal;
mod web;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

use crate::binary::{BINARY, Plan, Served};
use crate::processes::within;

/// Longer than anything takes here, on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process has told so far.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn from(mut source: impl Read + Send + 'static) -> Self {
        let heard = Self::default();
        let text = Arc::clone(&heard.0);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut bytes) {
                text.lock().expect("the text").push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        heard
    }

    fn text(&self) -> String {
        self.0.lock().expect("the text").clone()
    }
}

/// A run whose page is served. It is killed with this value.
struct WebRun {
    child: Child,
    plan: Plan,
    url: String,
    output: Heard,
    errors: Heard,
}

impl WebRun {
    fn start(plan: Plan, arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["run", "--ui", "web", "--out"])
            .arg(plan.results())
            .arg(plan.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Heard::from(child.stdout.take().expect("a pipe"));
        let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.starts_with("live: ") {
            line.clear();
            assert!(errors.read_line(&mut line).expect("text") > 0, "it told no address");
        }
        let url = line.trim_start_matches("live: ").trim().to_owned();
        Self { child, plan, url, output, errors: Heard::from(errors) }
    }

    /// `127.0.0.1:PORT`, and the token.
    fn parts(&self) -> (&str, &str) {
        let rest = self.url.strip_prefix("http://").expect("an address");
        rest.split_once("/#token=").expect("a token")
    }

    /// Asks the server something, word for word; the answer.
    fn ask(&self, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.parts().0).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        // A server that has said no need not hear the rest.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Posts an order with these headers, beside the host's.
    fn order(&self, headers: &[(&str, &str)], body: &str) -> String {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (host, length) = (self.parts().0, body.len());
        let host = if headers.contains("host: ") { String::new() } else { format!("host: {host}\r\n") };
        self.ask(&format!("POST /control HTTP/1.1\r\n{host}{headers}content-length: {length}\r\n\r\n{body}"))
    }

    /// Waits for its end; its exit code, its summary, and what it printed.
    fn finish(mut self) -> (i32, Json, String) {
        let child = &mut self.child;
        assert!(within(PATIENCE, || child.try_wait().expect("its state").is_some()), "it does not end");
        let code = self.child.wait().expect("it ended").code().unwrap_or(-1);
        let text = std::fs::read_to_string(self.plan.results().join("summary.json"));
        let text = text.unwrap_or_else(|error| panic!("{error}: {}", self.errors.text()));
        let output = format!("{}{}", self.output.text(), self.errors.text());
        (code, serde_json::from_str(&text).expect("JSON"), output)
    }
}

impl Drop for WebRun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An open and a closed scenario, for so many seconds.
fn shop(target: &Served, seconds: u32) -> Plan {
    named(target, seconds, "browse", "GET /items")
}

fn named(target: &Served, seconds: u32, scenario: &str, step: &str) -> Plan {
    // What would be a variable of the environment is none.
    let quoted = |text: &str| serde_json::to_string(text).expect("JSON").replace("${", "$${");
    Plan::new(&format!(
        "name: {}\ntarget: {}\nscenarios:\n  {}:\n    load: {{rate: 50/s, for: {seconds}s}}\n    steps:\n      \
         - http: GET /items?delay=uniform(1ms,10ms)\n        name: {}\n        check: [status == 200]\n  \
         buy:\n    load: {{users: 2, for: {seconds}s}}\n    steps:\n      - http: {{post: /echo, text: one}}\n        name: POST /echo\n      \
         - think: 20ms\nthresholds:\n  - response_time.p99 < 10s\n",
        quoted(&format!("{scenario} shop")),
        target.http(),
        // Keys are left alone.
        serde_json::to_string(scenario).expect("JSON"),
        quoted(step),
    ))
}
