//! Real brokers that are not Mosquitto, started by the tests: RabbitMQ with its MQTT plugin, and NATS.
//!
//! What they are, as Debian has them: RabbitMQ 3.10 speaks 3.1.1, and turns QoS 2 into 1; NATS 2.9 speaks 3.1.1 with QoS 0 and
//! 1, and ends a connection that publishes with QoS 2. Neither speaks version 5: both refuse the CONNECT.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::mosquitto_clients::{Client, Version};
use crate::processes::{self, Process, free_ports, program, signal};
use crate::requirements::missing;

/// NATS on ports of its own, with its store in a folder. It ends with this value.
pub(crate) struct Nats {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Nats {
    /// Starts it; `None` when there is none to start.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(program) = program("nats-server") else {
            missing(test, "nats-server");
            return None;
        };
        let started = (0..5).find_map(|_| Self::try_to_start(&program));
        Some(started.expect("nats-server starts"))
    }

    fn try_to_start(program: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [own, port] = free_ports();
        let store = folder.path().join("store");
        let text = format!(
            "host: 127.0.0.1\nport: {own}\nserver_name: tests\njetstream {{ store_dir: {store:?} }}\nmqtt {{ host: 127.0.0.1, port: {port} }}\n"
        );
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, text).expect("written");
        let mut process = Process::start(Command::new(program).arg("-c").arg(&file));
        process.listens(&[port], Duration::from_secs(20)).then_some(Self { process, port, _folder: folder })
    }

    /// Where it speaks MQTT.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The bytes of memory it holds, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        processes::memory(self.pid())
    }
}

/// RabbitMQ with its MQTT plugin, as a node of its own. It takes some seconds to start, and ends with this value.
///
/// Its shell script starts Erlang, which starts helpers that end when Erlang does, and a daemon of names, which does not:
/// that one is started here beforehand, as a child, on a port that no other node asks.
pub(crate) struct RabbitMq {
    /// The script.
    process: Process,
    _names: Process,
    port: u16,
    folder: TempDir,
}

impl RabbitMq {
    /// Starts it; `None` when there is none to start.
    pub(crate) fn start(test: &str) -> Option<Self> {
        // The one in sbin changes to another user and to the system's folders.
        let script = "/usr/lib/rabbitmq/bin/rabbitmq-server";
        let (Some(names), true) = (program("epmd"), Path::new(script).exists()) else {
            missing(test, "rabbitmq-server");
            return None;
        };
        let started = (0..3).find_map(|_| Self::try_to_start(script, &names));
        Some(started.expect("rabbitmq-server starts"))
    }

    fn try_to_start(script: &str, names: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [port, distribution, names_port] = free_ports();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("enabled_plugins"), "[rabbitmq_mqtt].").expect("written");
        std::fs::write(
            path("rabbitmq.conf"),
            format!(
                "listeners.tcp = none\nmqtt.listeners.ssl = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = true\n"
            ),
        )
        .expect("written");
        let names_port = names_port.to_string();
        let mut daemon =
            Process::start(Command::new(names).args(["-port", &names_port, "-address", "127.0.0.1"]));
        if !daemon.listens(&[names_port.parse().expect("a port")], Duration::from_secs(10)) {
            return None;
        }
        let process = Process::start(
            Command::new(script)
                .env("HOME", folder.path())
                .env("ERL_EPMD_PORT", names_port)
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .env("RABBITMQ_NODENAME", format!("tests-{port}@localhost"))
                .env("RABBITMQ_DIST_PORT", distribution.to_string())
                .env("RABBITMQ_CONFIG_FILE", path("rabbitmq"))
                .env("RABBITMQ_CONF_ENV_FILE", path("none"))
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
                .env("RABBITMQ_FEATURE_FLAGS_FILE", path("feature_flags"))
                .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
                .env("RABBITMQ_LOG_BASE", path("log"))
                .env("RABBITMQ_PID_FILE", path("pid")),
        );
        let mut rabbit = Self { process, _names: daemon, port, folder };
        rabbit.process.listens(&[port], Duration::from_secs(60)).then_some(rabbit)
    }

    /// Where it speaks MQTT.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The process of Erlang.
    pub(crate) fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()
    }

    /// The bytes of memory it holds, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        processes::memory(self.pid()?)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // The script waits for Erlang, and hands a SIGTERM on to it.
        match self.pid() {
            Some(erlang) => signal(erlang, "KILL"),
            None => self.process.signal("TERM"),
        }
        self.process.ends_within(Duration::from_secs(20));
    }
}

/// Time enough to be served, for a client that is not.
const BRIEF: Duration = Duration::from_secs(3);

/// Carries messages of 3.1.1, with QoS 0 and 1, and refuses version 5.
fn assert_carries(port: u16) {
    for qos in 0..=1 {
        let client = Client::at(port, Version::V311).qos(qos);
        let subscription = client.subscribe("some/topic", 3).expect("it subscribes");
        client.publish("some/topic", &["one", "two", "three"]).expect("it publishes");
        let messages = subscription.messages();
        let seen: Vec<_> = messages.iter().map(|message| (message.payload.as_str(), message.qos)).collect();
        assert_eq!(seen, [("one", qos), ("two", qos), ("three", qos)]);
    }
    let newer = Client::at(port, Version::V5);
    newer.publish_within(BRIEF, "some/topic", &["one"]).expect_err("it does not speak version 5");
}

#[test]
fn nats_carries_messages() {
    let Some(nats) = Nats::start("nats_carries_messages") else { return };
    if !Client::exists() {
        return missing("nats_carries_messages", "mosquitto-clients");
    }
    assert_carries(nats.port());
    let twice = Client::at(nats.port(), Version::V311).qos(2);
    twice.publish_within(BRIEF, "some/topic", &["one"]).expect_err("it has no QoS 2");
    assert!(nats.memory().is_none_or(|bytes| bytes > 1_000_000));
}

#[test]
fn rabbitmq_carries_messages() {
    let Some(rabbit) = RabbitMq::start("rabbitmq_carries_messages") else { return };
    if !Client::exists() {
        return missing("rabbitmq_carries_messages", "mosquitto-clients");
    }
    assert_carries(rabbit.port());
    let client = Client::at(rabbit.port(), Version::V311).qos(2);
    let subscription = client.subscribe("some/topic", 1).expect("it subscribes");
    client.publish("some/topic", &["one"]).expect("it publishes");
    assert_eq!(subscription.messages()[0].qos, 1, "QoS 2 is turned into 1");
    assert!(rabbit.memory().is_none_or(|bytes| bytes > 1_000_000));
    let erlang = rabbit.pid().expect("its id");
    drop(rabbit);
    assert!(processes::memory(erlang).is_none(), "Erlang is left behind");
}
