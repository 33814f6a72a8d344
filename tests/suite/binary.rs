//! Running the real binary: plans in a folder of their own, runs with their results, and the embedded target as a
//! process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_prony");

/// A plan file in a folder of its own.
pub(crate) struct Plan {
    folder: TempDir,
}

impl Plan {
    /// Writes `text` as `plan.yaml`.
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("plan.yaml"), text).expect("the plan is written");
        Self { folder }
    }

    /// Puts a file beside the plan.
    pub(crate) fn with_file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), content).expect("the file is written");
        self
    }

    /// The plan file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("plan.yaml")
    }

    /// Where its stored run goes.
    pub(crate) fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }
}

/// A call of the binary in the making.
pub(crate) struct Prony {
    command: Command,
    results: PathBuf,
}

impl Prony {
    /// `prony run PLAN --out RESULTS`.
    pub(crate) fn run(plan: &Plan) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("run").arg(plan.path()).arg("--out").arg(plan.results());
        Self { command, results: plan.results() }
    }

    /// `prony ARGUMENTS`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        Self { command, results: PathBuf::new() }
    }

    /// Further arguments.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// An environment variable.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// On one core only.
    pub(crate) fn pinned_to(self, core: usize) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(self.command.get_program()).args(self.command.get_args());
        Self { command, results: self.results }
    }

    /// With at most so many open files.
    pub(crate) fn open_files(self, limit: u32) -> Self {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={limit}:{limit}"))
            .arg(self.command.get_program())
            .args(self.command.get_args());
        Self { command, results: self.results }
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Running { child, results: self.results }
    }

    /// Runs it to its end.
    pub(crate) fn finish(self) -> Finished {
        self.start().finish()
    }

    /// Runs it to its end, which must come within `time`.
    pub(crate) fn finish_within(self, time: Duration) -> Finished {
        self.start().finish_within(time)
    }
}

/// A process under way.
pub(crate) struct Running {
    child: Child,
    results: PathBuf,
}

impl Running {
    /// Waits.
    #[expect(clippy::disallowed_methods, reason = "the test itself has to wait; no worker is held up")]
    pub(crate) fn after(&self, time: Duration) -> &Self {
        std::thread::sleep(time);
        self
    }

    /// Sends SIGINT.
    pub(crate) fn interrupt(&self) {
        let status =
            Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "the process is still there");
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Finished {
        self.finish_within(Duration::from_secs(180))
    }

    /// Waits for its end, which must come within `time`.
    pub(crate) fn finish_within(self, time: Duration) -> Finished {
        let id = self.child.id().to_string();
        let (ended, end) = std::sync::mpsc::channel::<()>();
        // Its output has to be read all the while, so somebody else looks at the time.
        let watch = std::thread::spawn(move || {
            let late = end.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
            late
        });
        let output = self.child.wait_with_output().expect("it ends");
        drop(ended);
        let finished = Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            results: self.results,
        };
        let late = watch.join().expect("the watch ends");
        assert!(!late, "it did not end within {time:?}\n{}\n{}", finished.stdout, finished.stderr);
        finished
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    code: Option<i32>,
    /// What it printed as its result.
    pub(crate) stdout: String,
    /// What it printed beside.
    pub(crate) stderr: String,
    results: PathBuf,
}

impl Finished {
    /// Its exit code; a signal is none.
    pub(crate) fn exit_code(&self) -> i32 {
        self.code.unwrap_or(-1)
    }

    /// The folder of its stored run.
    pub(crate) fn results(&self) -> &Path {
        &self.results
    }

    /// The summary of its stored run.
    pub(crate) fn summary(&self) -> Json {
        let path = self.results.join("summary.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr));
        serde_json::from_str(&text).expect("the summary is JSON")
    }

    /// The timeline's lines of one scenario.
    pub(crate) fn timeline(&self, scenario: &str) -> Vec<Json> {
        let text = std::fs::read_to_string(self.results.join("timeline.jsonl")).expect("a timeline");
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).expect("a line of JSON"));
        lines.filter(|line| line["scenario"] == scenario).collect()
    }
}

/// The embedded target as a process of its own, on ports the system chose. It ends with this value.
pub(crate) struct Served {
    child: Child,
    http: String,
    https: String,
    mqtt: String,
    mqtt_websocket: String,
    grpc: String,
    ws: String,
    wss: String,
    certificate: PathBuf,
    _folder: TempDir,
}

impl Served {
    /// Starts `prony serve`.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same, with the MQTT broker beside it.
    pub(crate) fn with_broker() -> Self {
        Self::with(&["--mqtt", "127.0.0.1:0", "--mqtt-ws", "127.0.0.1:0"])
    }

    /// The same, with the gRPC target beside it.
    pub(crate) fn with_grpc() -> Self {
        Self::with(&["--grpc", "127.0.0.1:0"])
    }

    /// The same, with the WebSocket target beside it.
    pub(crate) fn with_websocket() -> Self {
        Self::with(&["--ws", "127.0.0.1:0", "--wss", "127.0.0.1:0"])
    }

    /// The same, with the WebSocket target and the broker beside it, and the bridge between them.
    pub(crate) fn with_bridge() -> Self {
        Self::with(&[
            "--ws",
            "127.0.0.1:0",
            "--wss",
            "127.0.0.1:0",
            "--mqtt",
            "127.0.0.1:0",
            "--mqtt-ws",
            "127.0.0.1:0",
        ])
    }

    fn with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("ca.pem");
        let mut child = Command::new(BINARY)
            .args(["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--write-ca"])
            .arg(&certificate)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the target starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut address = |scheme: &str| {
            let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
                let at = line.find(scheme)?;
                Some(line[at..].split_whitespace().next()?.trim_end_matches(['/', ',', '.']).to_owned())
            });
            found.unwrap_or_else(|| panic!("the target printed no {scheme} address"))
        };
        let (http, https) = (address("http://"), address("https://"));
        let has = |flag: &str| flags.contains(&flag);
        let grpc = if has("--grpc") { address("grpc://") } else { String::new() };
        let (ws, wss) = if has("--ws") { (address("ws://"), address("wss://")) } else { Default::default() };
        let (mqtt, mqtt_websocket) =
            if has("--mqtt") { (address("mqtt://"), address("ws://")) } else { Default::default() };
        Self { child, http, https, mqtt, mqtt_websocket, grpc, ws, wss, certificate, _folder: folder }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn http(&self) -> &str {
        &self.http
    }

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn https(&self) -> &str {
        &self.https
    }

    /// `mqtt://127.0.0.1:PORT`, with a broker.
    pub(crate) fn mqtt(&self) -> &str {
        &self.mqtt
    }

    /// `grpc://127.0.0.1:PORT`, with a gRPC target.
    pub(crate) fn grpc(&self) -> &str {
        &self.grpc
    }

    /// `ws://127.0.0.1:PORT/mqtt`, with a broker.
    pub(crate) fn mqtt_websocket(&self) -> &str {
        &self.mqtt_websocket
    }

    /// `ws://127.0.0.1:PORT`, with a WebSocket target.
    pub(crate) fn ws(&self) -> &str {
        &self.ws
    }

    /// `wss://127.0.0.1:PORT`, with a WebSocket target.
    pub(crate) fn wss(&self) -> &str {
        &self.wss
    }

    /// The certificate to trust.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A control call: `control("stall", "{…}")`.
    pub(crate) fn control(&self, name: &str, body: &str) {
        Self::order(&self.http, name, body);
    }

    /// The same of the WebSocket target.
    pub(crate) fn control_websocket(&self, name: &str, body: &str) {
        Self::order(&self.ws, name, body);
    }

    fn order(url: &str, name: &str, body: &str) {
        let request = format!(
            "POST /_control/{name} HTTP/1.1\r\nhost: target\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = Self::ask(url, &request);
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }

    /// How many requests it has seen, control calls left out.
    pub(crate) fn requests_seen(&self) -> u64 {
        self.counters()["requests"].as_u64().expect("a counter")
    }

    /// Path and query of every request it has seen, as far as it keeps them.
    pub(crate) fn paths_seen(&self) -> Vec<String> {
        let counters = self.counters();
        let paths = counters["by_path"].as_object().expect("counters by path");
        paths.iter().map(|(path, count)| format!("{path} {count}")).collect()
    }

    fn counters(&self) -> Json {
        let request = "GET /_control/counters HTTP/1.1\r\nhost: target\r\nconnection: close\r\n\r\n";
        let answer = Self::ask(&self.http, request);
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str(&body[body.find('{').expect("JSON")..=body.rfind('}').expect("JSON")])
            .expect("JSON")
    }

    fn ask(url: &str, request: &str) -> String {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        let mut stream = TcpStream::connect(address).expect("the target listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that burns one core until it is dropped.
pub(crate) struct Hog(Child);

impl Hog {
    /// Starts one.
    pub(crate) fn on_core(core: usize) -> Self {
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), "sh", "-c", "while :; do :; done"])
            .spawn()
            .expect("taskset is there");
        Self(child)
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
