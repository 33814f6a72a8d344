//! The shop by other makers' servers, as child processes: grpcio and grpc-js.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::repository;
use crate::requirements::missing;

/// A server that runs until its standard input ends. It ends with this value.
pub(crate) struct Shop {
    child: Child,
    port: u16,
}

/// Each server in the clear, with what it goes by in messages; those that are missing are left out.
pub(crate) fn all(test: &str) -> Vec<(&'static str, Shop)> {
    let python = Shop::python(test, None).map(|shop| ("grpcio", shop));
    let node = Shop::node(test, None).map(|shop| ("grpc-js", shop));
    python.into_iter().chain(node).collect()
}

/// A certificate and its key, and whom clients must be certified by.
pub(crate) struct Tls<'a> {
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
    pub(crate) client_ca: Option<&'a Path>,
}

impl Shop {
    /// grpcio's; `None` where there is no Python with its packages.
    pub(crate) fn python(test: &str, tls: Option<&Tls<'_>>) -> Option<Self> {
        Some(Self::start(Self::python_command(test)?, tls))
    }

    fn python_command(test: &str) -> Option<Command> {
        let python = repository().join("target/tests-python/bin/python");
        let has =
            Command::new(&python).args(["-c", "import grpc_tools, grpc_reflection, grpc_health"]).status();
        if !has.is_ok_and(|status| status.success()) {
            missing(test, "a Python with grpcio, which tests/run installs");
            return None;
        }
        let mut command = Command::new(python);
        command.arg(folder("python").join("server.py"));
        Some(command)
    }

    /// grpc-js's; `None` where there is no Node.js with its packages.
    pub(crate) fn node(test: &str, tls: Option<&Tls<'_>>) -> Option<Self> {
        let modules = repository().join("target/tests-node/node_modules");
        if !modules.join("@grpc/reflection").is_dir() {
            missing(test, "grpc-js, which tests/run installs");
            return None;
        }
        let mut command = Command::new("node");
        command.env("NODE_PATH", &modules).arg(folder("node").join("server.js"));
        Some(Self::start(command, tls))
    }

    /// grpcio's, which writes the `traceparent` of each call into `file`.
    pub(crate) fn python_tracing(test: &str, file: &Path) -> Option<Self> {
        let mut command = Self::python_command(test)?;
        command.arg("--traces").arg(file);
        Some(Self::start(command, None))
    }

    fn start(mut command: Command, tls: Option<&Tls<'_>>) -> Self {
        if let Some(tls) = tls {
            command.arg("--cert").arg(tls.certificate).arg("--key").arg(tls.key);
            if let Some(authority) = tls.client_ca {
                command.arg("--client-ca").arg(authority);
            }
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it runs");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut line).expect("its first line");
        // What it says later is nobody's.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let port = line.trim().parse().unwrap_or_else(|_| panic!("its first line is its port: {line:?}"));
        Self { child, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.port)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    repository().join("tests/grpc-servers").join(name)
}
