//! `mosquitto_pub` and `mosquitto_sub`: MQTT clients that are not ours, to cross-check what brokers and Prony say.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::processes::program;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the lines begin that are messages.
const MARK: &str = "message";

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.1.
    V311,
    /// 5.
    V5,
}

/// Both versions, for tests of each.
pub(crate) const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

/// How to connect.
#[derive(Clone)]
pub(crate) struct Client {
    version: Version,
    arguments: Vec<String>,
}

/// A message as `mosquitto_sub` got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: u8,
    /// Whether it came because it was retained.
    pub(crate) retained: bool,
}

/// A running `mosquitto_sub`, which is subscribed. It is killed with this value.
pub(crate) struct Subscription {
    child: Child,
    lines: Receiver<String>,
    messages: Vec<Message>,
    said: Vec<String>,
}

impl Client {
    /// Whether the programs are there.
    pub(crate) fn exists() -> bool {
        program("mosquitto_pub").is_some() && program("mosquitto_sub").is_some()
    }

    /// A client of the broker at that port of this machine.
    pub(crate) fn at(port: u16, version: Version) -> Self {
        let client = Self { version, arguments: Vec::new() };
        let name = if version == Version::V5 { "mqttv5" } else { "mqttv311" };
        client.with(&["-h", "localhost", "-p", &port.to_string(), "-V", name])
    }

    /// Further arguments, in the programs' own words.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// The QoS to publish with, or to subscribe for.
    pub(crate) fn qos(self, qos: u8) -> Self {
        self.with(&["-q", &qos.to_string()])
    }

    /// Its client identifier.
    pub(crate) fn named(self, name: &str) -> Self {
        self.with(&["-i", name])
    }

    /// A session that is kept when it leaves.
    pub(crate) fn keeping_its_session(self) -> Self {
        let client = self.with(&["-c"]);
        if client.version == Version::V5 { client.with(&["-x", "300"]) } else { client }
    }

    /// TLS, with the authority to trust in a file.
    pub(crate) fn trusting(self, authority: &Path) -> Self {
        self.with(&["--cafile", &authority.to_string_lossy()])
    }

    /// A certificate of its own, and its key.
    pub(crate) fn showing(self, certificate: &Path, key: &Path) -> Self {
        self.with(&["--cert", &certificate.to_string_lossy(), "--key", &key.to_string_lossy()])
    }

    /// A user's name and password.
    pub(crate) fn user(self, name: &str, password: &str) -> Self {
        self.with(&["-u", name, "-P", password])
    }

    /// Publishes messages in that order on one connection; each a line of text. An error has what the program said.
    pub(crate) fn publish(&self, topic: &str, payloads: &[&str]) -> Result<(), String> {
        self.publish_within(PATIENCE, topic, payloads)
    }

    /// The same, with less patience: the program itself connects again for ever when it is broken off.
    pub(crate) fn publish_within(
        &self,
        time: Duration,
        topic: &str,
        payloads: &[&str],
    ) -> Result<(), String> {
        let mut child = Command::new("timeout")
            .args([&time.as_secs_f64().to_string(), "mosquitto_pub"])
            .args(&self.arguments)
            .args(["-t", topic, "-l"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub runs");
        let mut input = child.stdin.take().expect("its input");
        let text: String = payloads.iter().map(|payload| format!("{payload}\n")).collect();
        // It may have been refused and be gone already.
        let _ = input.write_all(text.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{}: {said}", output.status)) }
    }

    /// Subscribes, for so many messages. When this returns, the broker has said yes; an error has what was said instead.
    pub(crate) fn subscribe(&self, filter: &str, count: usize) -> Result<Subscription, String> {
        let mut child = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub", "-d", "-t", filter, "-C", &count.to_string()])
            .args(["-W", &PATIENCE.as_secs().to_string(), "-F", &format!("{MARK}\t%q\t%r\t%t\t%p")])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub runs");
        let (send, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("its output")),
            Box::new(child.stderr.take().expect("its errors")),
        ];
        for output in outputs {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        let mut subscription = Subscription { child, lines, messages: Vec::new(), said: Vec::new() };
        while let Some(line) = subscription.line(PATIENCE) {
            // A session that was resumed may have its messages before it has subscribed once more.
            if line.contains("received SUBACK") || !subscription.messages.is_empty() {
                return Ok(subscription);
            }
        }
        Err(subscription.said.join("\n"))
    }
}

impl Subscription {
    /// All its messages: as many as it was to wait for, or what had come when time ran out.
    pub(crate) fn messages(mut self) -> Vec<Message> {
        while self.line(PATIENCE).is_some() {}
        std::mem::take(&mut self.messages)
    }

    /// The payloads of those.
    pub(crate) fn payloads(self) -> Vec<String> {
        self.messages().into_iter().map(|message| message.payload).collect()
    }

    /// Kills it without a DISCONNECT.
    pub(crate) fn kill(self) {
        drop(self);
    }

    fn line(&mut self, time: Duration) -> Option<String> {
        let line = match self.lines.recv_timeout(time) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        };
        let mut parts = line.splitn(5, '\t');
        if let [Some(MARK), Some(qos), Some(retained), Some(topic), Some(payload)] =
            [(); 5].map(|()| parts.next())
        {
            self.messages.push(Message {
                topic: topic.to_owned(),
                payload: payload.to_owned(),
                qos: qos.parse().expect("a QoS"),
                retained: retained == "1",
            });
        } else {
            self.said.push(line.clone());
        }
        Some(line)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
