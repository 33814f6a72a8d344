//! The other protocols, each against a server that writes down what it was told.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Told, over_http, places, requests, run, sampled, spans};
use crate::binary::Plan;
use crate::grpc::servers::Shop;
use crate::mosquitto::{Mosquitto, Options};
use crate::outputs::otlp::Receiver;
use crate::processes::{pause, within};
use crate::ws::servers::Server;

fn lines(text: &str) -> Vec<Told> {
    text.lines().map(Told::of).collect()
}

#[test]
fn what_grpcio_is_told_is_what_the_receiver_gets_over_grpc() {
    let Some(receiver) = Receiver::start("traces of gRPC") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("traces");
    let Some(shop) = Shop::python_tracing("traces of gRPC", &log) else { return };
    let plan = Plan::new(&format!(
        r#"
target: {}
trace: 50%
scenarios:
  main:
    load: {{users: 2, iterations: 20}}
    steps:
      - grpc: {{call: prony.demo.v1.Shop/GetItem, data: {{id: "{{{{random.int 1 99}}}}"}}}}
      - grpc: {{call: prony.demo.v1.Shop/GetItem, data: {{id: 0}}, metadata: {{x-a: "{{{{iteration}}}}"}}}}
        name: none
      - grpc: {{call: prony.demo.v1.Shop/Watch, data: {{count: 3, interval_us: 100}}}}
      - grpc: {{open: prony.demo.v1.Shop/Chat, as: chat}}
      - grpc: {{close: chat}}
"#,
        shop.url()
    ));
    let output = format!("otlp={{url: http://127.0.0.1:{}, over: grpc, period: 1s}}", receiver.grpc);
    let (_, summary) = run(&plan, &output, &[]);
    let requests = requests(&spans(&receiver), &summary);
    let told = lines(&std::fs::read_to_string(&log).expect("a log"));
    assert_eq!(told.len(), 160);
    // What is done on a stream tells the server nothing of its own.
    let calls: Vec<_> = requests.iter().filter(|span| !span.name.starts_with("close")).cloned().collect();
    assert_eq!(sampled(&told), places(&calls));
    assert_eq!(calls.len() * 5, requests.len() * 4);
    for span in &calls {
        assert_eq!(span.attributes["rpc.system"], "grpc");
        assert_eq!(span.attributes["server.port"], shop.port().to_string());
        let none = span.name == "none";
        assert_eq!(span.failed, none, "{span:?}");
        assert_eq!(span.attributes["rpc.grpc.status_code"], if none { "5" } else { "0" });
        if span.name.ends_with("Watch") {
            assert_eq!(span.attributes["rpc.service"], "prony.demo.v1.Shop");
            assert_eq!(span.attributes["rpc.method"], "Watch");
        }
    }
}

#[test]
fn what_a_websocket_server_is_told_in_handshakes_is_what_the_receiver_gets() {
    let Some(receiver) = Receiver::start("traces of WebSocket") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("traces");
    let Some(server) = Server::start_tracing("traces of WebSocket", &log) else { return };
    let plan = Plan::new(&format!(
        r#"
target: {}
trace: 50%
scenarios:
  main:
    load: {{users: 2, iterations: 20}}
    steps:
      - ws: connect /echo
      - ws: {{request: hello}}
      - ws: close
"#,
        server.url()
    ));
    let (_, summary) = run(&plan, &over_http(&receiver), &[]);
    let requests = requests(&spans(&receiver), &summary);
    let told = lines(&std::fs::read_to_string(&log).expect("a log"));
    assert_eq!(told.len(), 40);
    let handshakes: Vec<_> =
        requests.iter().filter(|span| span.name.starts_with("connect")).cloned().collect();
    assert_eq!(sampled(&told), places(&handshakes));
    assert_eq!(handshakes.len() * 3, requests.len());
    assert!(requests.iter().all(|span| span.attributes["network.protocol.name"] == "websocket"));
}

#[test]
fn what_subscribers_of_mosquitto_are_told_is_what_the_receiver_gets() {
    let test = "traces of MQTT";
    let Some(receiver) = Receiver::start(test) else { return };
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let port = mosquitto.ports().tcp;
    let subscriber = Subscriber::start(&mosquitto, "load/#");
    let plan = Plan::new(&format!(
        r#"
target: mqtt://127.0.0.1:{port}
mqtt: {{version: 5, stamp: off}}
trace: 50%
scenarios:
  main:
    load: {{users: 2, iterations: 20}}
    steps:
      - mqtt: {{publish: load/a, text: hello}}
      - mqtt: {{publish: "load/{{{{user.id}}}}", text: hello, qos: 1}}
        name: with a hole
      - mqtt: {{publish: load/c, text: hello, qos: 2, wait: true}}
"#
    ));
    let (_, summary) = run(&plan, &over_http(&receiver), &[]);
    let requests = requests(&spans(&receiver), &summary);
    let parents = subscriber.told(120);
    assert_eq!(parents.len(), 120);
    assert_eq!(sampled(&parents), places(&requests));
    for span in &requests {
        assert_eq!(span.kind, "SPAN_KIND_PRODUCER");
        assert_eq!(span.attributes["messaging.system"], "mqtt");
        let template = span.attributes.contains_key("messaging.destination.template");
        assert_eq!(template, span.name == "with a hole", "{span:?}");
    }
}

/// A `mosquitto_sub` that writes down the user properties of each message. It ends with this value.
pub(super) struct Subscriber {
    child: Child,
    folder: tempfile::TempDir,
}

/// The longest that a broker may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Subscriber {
    pub(super) fn start(mosquitto: &Mosquitto, filter: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = mosquitto.ports().tcp.to_string();
        let child = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub", "-h", "localhost", "-p", &port, "-V", "mqttv5"])
            .args(["-q", "1", "-t", filter, "-F", "%P"])
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(folder.path().join("traces")).expect("a file"))
            .spawn()
            .expect("it runs");
        let subscribed = || mosquitto.log().contains(&format!("{filter} (QoS 1)"));
        assert!(within(PATIENCE, subscribed), "{}", mosquitto.log());
        Self { child, folder }
    }

    /// What came with messages, when so many are there, and a little later still no more.
    pub(super) fn told(&self, count: usize) -> Vec<Told> {
        let parents = || {
            let text = std::fs::read_to_string(self.folder.path().join("traces")).expect("a file");
            let after = text.lines().filter_map(|line| line.split_once("traceparent:"));
            after
                .map(|(_, parent)| parent.split(' ').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(within(PATIENCE, || parents().len() >= count), "{:?}", parents());
        pause(Duration::from_millis(100));
        parents().iter().map(|parent| Told::of(parent)).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
