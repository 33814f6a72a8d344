//! A real Mosquitto, started by the tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::mosquitto_clients::{Client, VERSIONS, Version};
use crate::processes::{self, Process, free_ports, program};
use crate::requirements::missing;
use crate::servers::{Authority, Valid};

/// How long it may take to listen.
const START: Duration = Duration::from_secs(10);

/// What it is set to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Messages of QoS 1 and 2 on their way to one client; 0 for as many as there are.
    pub(crate) in_flight: u16,
    /// Messages of QoS 1 and 2 that wait for one client; 0 for as many as there are.
    pub(crate) queued: u32,
    /// What outlives it.
    pub(crate) persistence: Persistence,
    /// Further lines of its configuration, such as `max_packet_size 1000`.
    pub(crate) settings: String,
}

/// What of its sessions and retained messages outlives the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nothing.
    #[default]
    Off,
    /// All that changed: it is written after each change, so that it outlives SIGKILL too.
    EveryChange,
}

/// The name and password of the one user at [`Ports::users`].
pub(crate) const USER: (&str, &str) = ("anna", "secret");

/// Where it listens, at 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// In the clear.
    pub(crate) tcp: u16,
    /// Over TLS, with a certificate for `localhost`.
    pub(crate) tls: u16,
    /// The same, for clients with a certificate of [`Mosquitto::authority`].
    pub(crate) tls_for_known_clients: u16,
    /// WebSocket in the clear, at any path.
    pub(crate) websocket: u16,
    /// WebSocket over TLS, with the certificate of [`Ports::tls`].
    pub(crate) websocket_tls: u16,
    /// In the clear, for [`USER`] only.
    pub(crate) users: u16,
}

/// Mosquitto on ports of its own. It ends with this value.
pub(crate) struct Mosquitto {
    process: Process,
    program: String,
    folder: TempDir,
    ports: Ports,
    authority: Authority,
}

impl Mosquitto {
    /// Starts it; `None` when there is none to start, or no clients to go with it.
    pub(crate) fn start(test: &str, options: &Options) -> Option<Self> {
        let (Some(program), true) = (program("mosquitto"), Client::exists()) else {
            missing(test, "mosquitto");
            return None;
        };
        let started = (0..5).find_map(|_| Self::try_to_start(&program, options));
        Some(started.expect("mosquitto starts"))
    }

    fn try_to_start(program: &str, options: &Options) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new("The authority of Mosquitto");
        let identity = authority.identity("localhost", Valid::Now);
        let [tcp, tls, tls_for_known_clients, websocket, websocket_tls, users] = free_ports();
        let ports = Ports { tcp, tls, tls_for_known_clients, websocket, websocket_tls, users };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("ca.pem", authority.pem());
        write("certificate.pem", &identity.certificate.pem());
        write("key.pem", &identity.key.serialize_pem());
        write("mosquitto.conf", &configuration(&folder.path().to_string_lossy(), ports, options));
        let made = Command::new("mosquitto_passwd")
            .args(["-c", "-b"])
            .arg(folder.path().join("users"))
            .args([USER.0, USER.1])
            .stderr(Stdio::null())
            .status()
            .expect("mosquitto_passwd runs");
        assert!(made.success(), "the password is written");
        let process = Self::run(program, &folder);
        let mut mosquitto = Self { process, program: program.to_owned(), folder, ports, authority };
        mosquitto.listens().then_some(mosquitto)
    }

    fn run(program: &str, folder: &TempDir) -> Process {
        Process::start(Command::new(program).arg("-c").arg(folder.path().join("mosquitto.conf")))
    }

    fn listens(&mut self) -> bool {
        let ports = self.ports;
        let all = [
            ports.tcp,
            ports.tls,
            ports.tls_for_known_clients,
            ports.websocket,
            ports.websocket_tls,
            ports.users,
        ];
        self.process.listens(&all, START)
    }

    /// Where it listens.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The bytes of memory it holds, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        processes::memory(self.pid())
    }

    /// Who signs its certificate, and those of the clients it knows.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A file in its folder: `ca.pem`, `mosquitto.log`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("mosquitto.log")).unwrap_or_default()
    }

    /// Ends it at once (SIGKILL): connections are reset, nobody is told.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it in good order (SIGTERM).
    pub(crate) fn stop(&mut self) {
        self.process.signal("TERM");
        assert!(self.process.ends_within(START), "mosquitto ends when asked to");
    }

    /// Stops it in its tracks (SIGSTOP): connections stay, nothing is answered.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on after [`Self::freeze`].
    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Starts it once more, after [`Self::kill`] or [`Self::stop`], on the same ports.
    pub(crate) fn start_again(&mut self) {
        for _ in 0..5 {
            self.process = Self::run(&self.program, &self.folder);
            if self.listens() {
                return;
            }
        }
        panic!("mosquitto does not start again\n{}", self.log());
    }

    /// A client of the port in the clear.
    pub(crate) fn client(&self, version: Version) -> Client {
        Client::at(self.ports.tcp, version)
    }
}

fn configuration(folder: &str, ports: Ports, options: &Options) -> String {
    let Ports { tcp, tls, tls_for_known_clients, websocket, websocket_tls, users } = ports;
    let Options { in_flight, queued, persistence, settings } = options;
    let persistence = match persistence {
        Persistence::Off => "persistence false".to_owned(),
        Persistence::EveryChange => format!(
            "persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1"
        ),
    };
    let tls_files = format!("certfile {folder}/certificate.pem\nkeyfile {folder}/key.pem");
    // As root it would become the user mosquitto, who may not read the folder. Other users stay who they are.
    format!(
        r"user root
per_listener_settings true
log_dest file {folder}/mosquitto.log
log_type all
max_inflight_messages {in_flight}
max_queued_messages {queued}
{persistence}
{settings}
listener {tcp} 127.0.0.1
allow_anonymous true
listener {tls} 127.0.0.1
allow_anonymous true
{tls_files}
listener {tls_for_known_clients} 127.0.0.1
allow_anonymous true
{tls_files}
cafile {folder}/ca.pem
require_certificate true
listener {websocket} 127.0.0.1
protocol websockets
allow_anonymous true
listener {websocket_tls} 127.0.0.1
protocol websockets
allow_anonymous true
{tls_files}
listener {users} 127.0.0.1
allow_anonymous false
password_file {folder}/users
"
    )
}

/// Carries messages for `client` in each QoS.
fn assert_carries(client: &Client, topic: &str) {
    for qos in 0..=2 {
        let client = client.clone().qos(qos);
        let subscription = client.subscribe(topic, 3).expect("it subscribes");
        client.publish(topic, &["one", "two", "three"]).expect("it publishes");
        let messages = subscription.messages();
        let seen: Vec<_> = messages.iter().map(|message| (message.payload.as_str(), message.qos)).collect();
        assert_eq!(seen, [("one", qos), ("two", qos), ("three", qos)]);
    }
}

#[test]
fn mosquitto_carries_messages_over_tcp_and_tls_and_for_users() {
    let test = "mosquitto_carries_messages_over_tcp_and_tls_and_for_users";
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let ports = mosquitto.ports();
    let authority = mosquitto.path("ca.pem");
    for version in VERSIONS {
        assert_carries(&mosquitto.client(version), "tcp");
        assert_carries(&Client::at(ports.tls, version).trusting(&authority), "tls");
        assert_carries(&Client::at(ports.users, version).user(USER.0, USER.1), "users");
        for refused in
            [Client::at(ports.users, version), Client::at(ports.users, version).user(USER.0, "wrong")]
        {
            let error = refused.publish("users", &["hello"]).expect_err("it is refused");
            assert!(error.contains("not authorised") || error.contains("Not authorized"), "{error}");
        }
    }
    assert!(mosquitto.log().contains("Client"), "{}", mosquitto.log());
    assert!(mosquitto.memory().is_none_or(|bytes| bytes > 1_000_000), "{:?}", mosquitto.memory());
}

#[test]
fn mosquitto_stands_still_while_it_is_frozen() {
    let Some(mosquitto) = Mosquitto::start("mosquitto_stands_still_while_it_is_frozen", &Options::default())
    else {
        return;
    };
    let client = mosquitto.client(Version::V5).qos(1);
    mosquitto.freeze();
    client.publish_within(Duration::from_secs(1), "frozen", &["one"]).expect_err("nobody answers");
    mosquitto.thaw();
    client.publish("frozen", &["two"]).expect("it publishes");
}

#[test]
fn mosquitto_asks_for_the_clients_certificate() {
    let Some(mosquitto) = Mosquitto::start("mosquitto_asks_for_the_clients_certificate", &Options::default())
    else {
        return;
    };
    let identity = mosquitto.authority().identity("client.test", Valid::Now);
    let (certificate, key) = (mosquitto.path("client.pem"), mosquitto.path("client-key.pem"));
    std::fs::write(&certificate, identity.certificate.pem()).expect("written");
    std::fs::write(&key, identity.key.serialize_pem()).expect("written");
    let unknown =
        Client::at(mosquitto.ports().tls_for_known_clients, Version::V5).trusting(&mosquitto.path("ca.pem"));
    assert_carries(&unknown.clone().showing(&certificate, &key), "known");
    unknown.publish_within(Duration::from_secs(3), "known", &["hello"]).expect_err("it is refused");
}

#[test]
fn mosquitto_comes_back_with_or_without_what_it_knew() {
    let test = "mosquitto_comes_back_with_or_without_what_it_knew";
    for (persistence, kept) in [(Persistence::Off, false), (Persistence::EveryChange, true)] {
        let options = Options { persistence, ..Options::default() };
        let Some(mut mosquitto) = Mosquitto::start(test, &options) else { return };
        let (client, ports) = (mosquitto.client(Version::V311).qos(1), mosquitto.ports());
        client.clone().with(&["-r"]).publish("kept", &["retained"]).expect("it publishes");
        let sleeper = client.clone().named("sleeper").keeping_its_session();
        sleeper.subscribe("sleeper", 1).expect("it subscribes").kill();
        client.publish("sleeper", &["queued"]).expect("it publishes");
        for ended in [Mosquitto::kill, Mosquitto::stop] {
            ended(&mut mosquitto);
            client.publish_within(Duration::from_secs(3), "kept", &["lost"]).expect_err("nobody is there");
            mosquitto.start_again();
            assert_eq!(mosquitto.ports().tcp, ports.tcp);
            assert_carries(&mosquitto.client(Version::V5), "again");
        }
        if kept {
            let retained = client.subscribe("kept", 1).expect("it subscribes").messages();
            assert_eq!((retained[0].payload.as_str(), retained[0].retained), ("retained", true));
            assert_eq!(sleeper.subscribe("sleeper", 1).expect("it subscribes").payloads(), ["queued"]);
        } else {
            client.publish("kept", &["new"]).expect("it publishes");
            let subscription = client.with(&["-R"]).subscribe("kept", 1).expect("it subscribes");
            mosquitto.client(Version::V5).publish("kept", &["newer"]).expect("it publishes");
            assert_eq!(subscription.payloads(), ["newer"]);
        }
    }
}
