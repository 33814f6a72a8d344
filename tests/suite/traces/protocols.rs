//! The other protocols, each against a server that writes down what it was told.

use std::process::{Command, Stdio};

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
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("traces");
    let port = mosquitto.ports().tcp.to_string();
    let file = std::fs::File::create(&log).expect("a file");
    let mut subscriber = Command::new("stdbuf")
        .args(["-oL", "mosquitto_sub"])
        .args(["-h", "localhost", "-p", &port, "-V", "mqttv5", "-q", "1", "-t", "load/#", "-F", "%P"])
        .stdin(Stdio::null())
        .stdout(file)
        .spawn()
        .expect("it runs");
    let subscribed = || mosquitto.log().contains("load/#");
    assert!(within(std::time::Duration::from_secs(20), subscribed), "{}", mosquitto.log());
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
    let told = || std::fs::read_to_string(&log).unwrap_or_default();
    let all_came = within(std::time::Duration::from_secs(20), || told().lines().count() >= 120);
    pause(std::time::Duration::from_millis(100));
    let _ = subscriber.kill();
    let _ = subscriber.wait();
    assert!(all_came, "{}", told());
    let parents = told();
    let parents: Vec<Told> = parents
        .lines()
        .map(|line| Told::of(line.strip_prefix("traceparent:").unwrap_or_else(|| panic!("{line}"))))
        .collect();
    assert_eq!(parents.len(), 120);
    assert_eq!(sampled(&parents), places(&requests));
    for span in &requests {
        assert_eq!(span.kind, "SPAN_KIND_PRODUCER");
        assert_eq!(span.attributes["messaging.system"], "mqtt");
        let template = span.attributes.contains_key("messaging.destination.template");
        assert_eq!(template, span.name == "with a hole", "{span:?}");
    }
}
