//! WebSocket servers of other makers, as child processes: the npm packages ws, socket.io and graphql-ws, and Python's websockets.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::repository;
use crate::requirements::missing;

/// A server that runs until its standard input ends. It ends with this value.
pub(crate) struct Server {
    child: Child,
    port: u16,
    scheme: &'static str,
}

/// Which server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Maker {
    /// The npm package ws.
    Node,
    /// Python's websockets.
    Python,
    /// The npm package socket.io.
    SocketIo,
    /// The npm packages graphql-ws and graphql.
    GraphQl,
}

impl Server {
    /// At a free port; `None` where its packages are missing.
    pub(crate) fn start(test: &str, maker: Maker) -> Option<Self> {
        Self::spawn(test, maker, &[], "ws")
    }

    /// At this port, as a server that comes back.
    pub(crate) fn start_at(test: &str, maker: Maker, port: u16) -> Option<Self> {
        Self::spawn(test, maker, &["--port", &port.to_string()], "ws")
    }

    /// The npm package ws, which writes the `traceparent` of each handshake into `file`.
    pub(crate) fn start_tracing(test: &str, file: &Path) -> Option<Self> {
        Self::spawn(test, Maker::Node, &["--traces", &file.to_string_lossy()], "ws")
    }

    /// With TLS.
    pub(crate) fn start_tls(test: &str, maker: Maker, certificate: &Path, key: &Path) -> Option<Self> {
        let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
        Self::spawn(test, maker, &["--cert", &certificate, "--key", &key], "wss")
    }

    fn spawn(test: &str, maker: Maker, arguments: &[&str], scheme: &'static str) -> Option<Self> {
        let mut command = command(test, maker)?;
        let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it runs");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut line).expect("its first line");
        // What it says later is nobody's.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let port = line.trim().parse().unwrap_or_else(|_| panic!("its first line is its port: {line:?}"));
        Some(Self { child, port, scheme })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `ws://127.0.0.1:PORT`, or `wss://localhost:PORT`.
    pub(crate) fn url(&self) -> String {
        let host = if self.scheme == "ws" { "127.0.0.1" } else { "localhost" };
        format!("{}://{host}:{}", self.scheme, self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(test: &str, maker: Maker) -> Option<Command> {
    let folder = repository().join("tests/ws-servers");
    let modules = repository().join("target/tests-node/node_modules");
    let (package, script) = match maker {
        Maker::Python => {
            let python = repository().join("target/tests-python/bin/python");
            let has = Command::new(&python).args(["-c", "import websockets"]).status();
            if !has.is_ok_and(|status| status.success()) {
                missing(test, "a Python with websockets, which tests/run installs");
                return None;
            }
            let mut command = Command::new(python);
            command.arg(folder.join("python/server.py"));
            return Some(command);
        }
        Maker::Node => ("ws", "server.js"),
        Maker::SocketIo => ("socket.io", "socketio.js"),
        Maker::GraphQl => ("graphql-ws", "graphql.js"),
    };
    if !modules.join(package).is_dir() {
        missing(test, &format!("the npm package {package}, which tests/run installs"));
        return None;
    }
    let mut command = Command::new("node");
    command.env("NODE_PATH", &modules).arg(folder.join("node").join(script));
    Some(command)
}
