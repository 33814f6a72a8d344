//! Plugins: what they ask for is in the trace of their iteration, and they need not know of it.

use super::http::{LOG, all, told};
use super::protocols::Subscriber;
use super::{Told, over_http, places, requests, run, sampled, spans};
use crate::binary::Plan;
use crate::grpc::servers::Shop;
use crate::mosquitto::{Mosquitto, Options};
use crate::nginx::Nginx;
use crate::outputs::otlp::Receiver;
use crate::plugins::{guest, released};
use crate::ws::servers::Server;

/// A plan of a plugin's journey, all of it sampled.
fn plan(target: &str, more: &str, plugin: &std::path::Path) -> Plan {
    configured(target, more, plugin, "{}")
}

fn configured(target: &str, more: &str, plugin: &std::path::Path, config: &str) -> Plan {
    Plan::new(&format!(
        r#"
target: {target}
trace: 100%
{more}
scenarios:
  main: {{load: {{users: 2, iterations: 3}}, plugin: {{path: "{}", config: {config}}}}}
"#,
        plugin.display()
    ))
}

#[test]
fn requests_over_http() {
    let Some(receiver) = Receiver::start("traces of a plugin") else { return };
    let Some(nginx) = Nginx::start("traces of a plugin", LOG) else { return };
    let plan = plan(&nginx.http(), "", &released("0.1.0", "shop"));
    let (_, summary) = run(&plan, &over_http(&receiver), &[]);
    let requests = requests(&spans(&receiver), &summary);
    let told = all(&told(nginx));
    assert!(told.len() >= 6, "{told:?}");
    assert_eq!(sampled(&told), places(&requests));
    assert_eq!(summary["traces"]["iterations"], 6);
}

#[test]
fn calls_and_streams_of_grpc() {
    let test = "traces of a plugin's calls";
    let (Some(receiver), Some(shop)) = (Receiver::start(test), guest(test, "grpc-shop")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("traces");
    let Some(server) = Shop::python_tracing(test, &log) else { return };
    let (_, summary) = run(
        &configured(&server.url(), "", &shop, "{items: [7, 12, 40], lines: 20}"),
        &over_http(&receiver),
        &[],
    );
    let requests = requests(&spans(&receiver), &summary);
    let text = std::fs::read_to_string(&log).expect("a log");
    let told: Vec<Told> = text.lines().map(Told::of).collect();
    assert_eq!(told.len(), 36, "six of each iteration");
    assert_eq!(sampled(&told), places(&requests));
}

#[test]
fn handshakes_of_websocket() {
    let test = "traces of a plugin's handshakes";
    let (Some(receiver), Some(tour)) = (Receiver::start(test), guest(test, "ws-tour")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("traces");
    let Some(server) = Server::start_tracing(test, &log) else { return };
    let (_, summary) = run(&plan(&format!("{}/echo", server.url()), "", &tour), &over_http(&receiver), &[]);
    let requests = requests(&spans(&receiver), &summary);
    let text = std::fs::read_to_string(&log).expect("a log");
    let told: Vec<Told> = text.lines().map(Told::of).collect();
    assert!(told.len() >= 6, "{text}");
    let (told, places) = (sampled(&told), places(&requests));
    assert!(told.is_subset(&places), "{told:?} {places:?}");
}

#[test]
fn messages_over_mqtt() {
    let test = "traces of a plugin's messages";
    let (Some(receiver), Some(tour)) = (Receiver::start(test), guest(test, "mqtt-tour")) else { return };
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let subscriber = Subscriber::start(&mosquitto, "#");
    let target = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    let (_, summary) =
        run(&plan(&target, "mqtt: {version: 5, stamp: off}\n", &tour), &over_http(&receiver), &[]);
    let requests = requests(&spans(&receiver), &summary);
    // Twenty of each iteration, and some more.
    let (told, places) = (sampled(&subscriber.told(120)), places(&requests));
    assert!(told.is_subset(&places), "{told:?} {places:?}");
}
