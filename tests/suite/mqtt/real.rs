//! Against a real Mosquitto: both versions, all QoS, TCP, TLS and WebSocket, and what somebody else's client sees.

use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use super::{delivered, metric, run, scenario, step};
use crate::binary::{Plan, Prony};
use crate::brokers::{Nats, RabbitMq};
use crate::mosquitto::{Mosquitto, Options, USER};
use crate::mosquitto_clients::Version;
use crate::servers::Valid;

/// Ten devices say a hundred things each, two hosts hear them all.
fn fleet(version: &str, qos: u8) -> String {
    format!(
        "
mqtt: {{version: \"{version}\", settle: 2s}}
scenarios:
  devices:
    start_after: 300ms
    load: {{users: 10, iterations: 1}}
    steps:
      - repeat: 100
        steps: [{{mqtt: {{publish: \"site/{{{{user.id}}}}/t\", qos: {qos}, size: 100}}}}]
  hosts:
    load: {{users: 2, for: 2s}}
    steps:
      - mqtt: {{devices: {{subscribe: {{to: site/+/t, qos: {qos}}}}}}}
"
    )
}

fn assert_adds_up(url: &str, rest: &str, name: &str) {
    let finished = run(url, rest);
    let (devices, hosts) = (scenario(&finished, "devices"), scenario(&finished, "hosts"));
    assert_eq!(step(&devices, "publish site/{{user.id}}/t"), (1_000, 0), "{name}\n{}", finished.stdout);
    assert_eq!(delivered(&hosts, "deliver site/+/t"), 2_000, "{name}\n{}", finished.stdout);
    for (metric_name, wanted) in [
        ("expected", 2_000.0),
        ("delivered", 2_000.0),
        ("lost", 0.0),
        ("duplicated", 0.0),
        ("reordered", 0.0),
    ] {
        let found = metric(&hosts, metric_name);
        assert!((found - wanted).abs() < 0.5, "{name}: {metric_name} {found}\n{}", finished.stdout);
    }
}

#[test]
fn messages_add_up_in_both_versions_and_all_qos() {
    let Some(mosquitto) =
        Mosquitto::start("messages_add_up_in_both_versions_and_all_qos", &Options::default())
    else {
        return;
    };
    let url = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    for version in ["3.1.1", "5"] {
        for qos in 0..=2 {
            assert_adds_up(&url, &fleet(version, qos), &format!("{version} QoS {qos}"));
        }
    }
}

#[test]
fn messages_add_up_over_tls_and_websocket() {
    let Some(mosquitto) = Mosquitto::start("messages_add_up_over_tls_and_websocket", &Options::default())
    else {
        return;
    };
    let ports = mosquitto.ports();
    let ca = mosquitto.path("ca.pem").display().to_string();
    let tls = format!("\ntls: {{ca: {ca}}}");
    assert_adds_up(&format!("mqtts://localhost:{}", ports.tls), &(fleet("3.1.1", 1) + &tls), "TLS");
    assert_adds_up(&format!("ws://127.0.0.1:{}/mqtt", ports.websocket), &fleet("5", 1), "WebSocket");
    let secure = fleet("3.1.1", 2) + &tls;
    assert_adds_up(&format!("wss://localhost:{}/mqtt", ports.websocket_tls), &secure, "WebSocket over TLS");
}

#[test]
fn a_certificate_a_device_and_a_password_a_device() {
    let Some(mosquitto) =
        Mosquitto::start("a_certificate_a_device_and_a_password_a_device", &Options::default())
    else {
        return;
    };
    let ports = mosquitto.ports();
    let authority = mosquitto.authority();
    let mut rows = String::from("name,cert,key\n");
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..4 {
        let (cert, key) =
            (folder.path().join(format!("{number}.pem")), folder.path().join(format!("{number}.key")));
        let identity = authority.identity(&format!("device-{number}"), Valid::Now);
        std::fs::write(&cert, identity.certificate.pem()).expect("it is written");
        std::fs::write(&key, identity.key.serialize_pem()).expect("it is written");
        rows.push_str(&format!("device-{number},{},{}\n", cert.display(), key.display()));
    }
    let plan = Plan::new(&format!(
        "name: identities\ntarget: mqtts://localhost:{}\ntls: {{ca: {}}}\ndata: {{ids: {{file: ids.csv, order: unique}}}}\nmqtt: {{client_id: \"{{{{ids.name}}}}\", certificate: {{file: \"{{{{ids.cert}}}}\", key: \"{{{{ids.key}}}}\"}}}}\nscenarios:\n  devices:\n    load: {{users: 4, iterations: 1}}\n    steps: [{{mqtt: connect}}, {{mqtt: {{publish: t, qos: 1, size: 50, wait: true}}}}, {{mqtt: disconnect}}]\n",
        ports.tls_for_known_clients,
        mosquitto.path("ca.pem").display()
    ))
    .with_file("ids.csv", rows);
    let finished = Prony::run(&plan).finish();
    let devices = scenario(&finished, "devices");
    assert_eq!(step(&devices, "publish t"), (4, 0), "{}\n{}", finished.stdout, finished.stderr);
    let log = mosquitto.log();
    assert!((0..4).all(|number| log.contains(&format!("device-{number}"))), "{log}");

    let url = format!("mqtt://127.0.0.1:{}", ports.users);
    let steps = "scenarios:\n  one:\n    load: {users: 1, iterations: 1}\n    steps: [{mqtt: connect}]\n";
    let (name, password) = USER;
    let good = run(&url, &format!("mqtt: {{username: {name}, password: {password}}}\n{steps}"));
    assert_eq!(step(&scenario(&good, "one"), "connect"), (1, 0), "{}", good.stdout);
    let bad = run(&url, &format!("mqtt: {{username: {name}, password: wrong}}\n{steps}"));
    let one = scenario(&bad, "one");
    assert_eq!(one["failures"]["by_kind"]["status"], 1, "{}", bad.stdout);
    assert!(one["notices"].to_string().contains("refused the connection"), "{}", one["notices"]);
}

#[test]
fn somebody_elses_client_gets_what_prony_publishes_and_prony_what_it_publishes() {
    let test = "somebody_elses_client_gets_what_prony_publishes_and_prony_what_it_publishes";
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let url = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    for (version, words) in [(Version::V311, "3.1.1"), (Version::V5, "5")] {
        let client = mosquitto.client(version).qos(2);
        let subscription = client.subscribe("out/#", 4).expect("it subscribes");
        let finished = run(
            &url,
            &format!(
                "mqtt: {{version: \"{words}\", stamp: off}}\nscenarios:\n  one:\n    load: {{users: 1, iterations: 4}}\n    steps: [{{mqtt: {{publish: \"out/{{{{iteration}}}}\", qos: 2, json: {{n: \"{{{{iteration | raw}}}}\"}}, wait: true}}}}]\n"
            ),
        );
        assert_eq!(finished.exit_code(), 0, "{}\n{}", finished.stdout, finished.stderr);
        let messages = subscription.messages();
        let seen: Vec<(String, String)> =
            messages.into_iter().map(|message| (message.topic, message.payload)).collect();
        let wanted: Vec<(String, String)> =
            (0..4).map(|n| (format!("out/{n}"), format!("{{\"n\":{n}}}"))).collect();
        assert_eq!(seen, wanted, "{words}");

        let plan = Plan::new(&format!(
            "name: receive\ntarget: {url}\nmqtt: {{version: \"{words}\"}}\nscenarios:\n  one:\n    load: {{users: 1, iterations: 1}}\n    steps:\n      - mqtt: {{subscribe: in/#, qos: 2}}\n      - mqtt: {{receive: in/+, count: 3, timeout: 10s}}\n        check: [body == third, topic topic == in/c]\n"
        ));
        let running = Prony::run(&plan).start();
        running.after(Duration::from_millis(700));
        for (topic, payload) in [("in/a", "first"), ("in/b", "second"), ("in/c", "third")] {
            client.publish(topic, &[payload]).expect("it publishes");
        }
        let finished = running.finish();
        let one = scenario(&finished, "one");
        assert_eq!(step(&one, "receive in/+"), (1, 0), "{}\n{}", finished.stdout, finished.stderr);
        assert_eq!(one["checks"][0]["passed"], 1, "{}", one["checks"]);
        // What has no stamp is received, and not audited.
        assert!((metric(&one, "unstamped") - 3.0).abs() < 0.1 && metric(&one, "expected") < 0.1);
    }
}

#[test]
fn rumqttcs_own_client_hears_what_prony_says() {
    let Some(mosquitto) = Mosquitto::start("rumqttcs_own_client_hears_what_prony_says", &Options::default())
    else {
        return;
    };
    let port = mosquitto.ports().tcp;
    let mut options = MqttOptions::new("listener", "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60));
    let (client, mut connection) = Client::new(options, 100);
    client.subscribe("heard/#", QoS::ExactlyOnce).expect("queued");
    let mut events = connection.iter().map_while(Result::ok);
    let subscribed = events.any(|event| matches!(event, Event::Incoming(Packet::SubAck(_))));
    assert!(subscribed, "it subscribes");
    let prony = std::thread::spawn(move || {
        run(
            &format!("mqtt://127.0.0.1:{port}"),
            "scenarios:\n  one:\n    load: {users: 1, iterations: 60}\n    steps: [{mqtt: {publish: \"heard/{{iteration}}\", qos: 2, text: \"number {{iteration}}\", wait: true}}]\n",
        )
    });
    let messages = events.filter_map(|event| match event {
        Event::Incoming(Packet::Publish(publish)) => Some((publish.topic, publish.payload)),
        _ => None,
    });
    for (number, (topic, payload)) in messages.take(60).enumerate() {
        assert_eq!((topic, payload), (format!("heard/{number}"), format!("number {number}").into()));
    }
    let finished = prony.join().expect("it runs");
    assert_eq!(
        step(&scenario(&finished, "one"), "publish heard/{{iteration}}"),
        (60, 0),
        "{}",
        finished.stdout
    );
}

#[test]
fn retained_messages_aliases_and_requests() {
    let test = "retained_messages_aliases_and_requests";
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let url = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    let finished = run(
        &url,
        "
mqtt: {version: \"5\", topic_aliases: 5, settle: 1s}
scenarios:
  keep:
    load: {users: 5, iterations: 3}
    steps: [{mqtt: {publish: \"kept/{{user.id}}\", qos: 1, retain: true, size: 60, wait: true}}]
  late:
    start_after: 1s
    load: {users: 2, for: 1s}
    steps: [{mqtt: {devices: {subscribe: {to: kept/+, qos: 1}}}}]
  ask:
    load: {users: 3, iterations: 4}
    steps:
      - mqtt: {request: \"ask/{{user.id}}\", reply: \"ask/{{user.id}}\", text: \"hello {{iteration}}\", qos: 1}
        check: [body contains hello]
",
    );
    let keep = scenario(&finished, "keep");
    assert_eq!(step(&keep, "publish kept/{{user.id}}"), (15, 0), "{}", finished.stdout);
    let late = scenario(&finished, "late");
    assert!((metric(&late, "retained") - 10.0).abs() < 0.5, "{}", finished.stdout);
    assert!(metric(&late, "expected") < 0.5, "nothing was owed to who came late\n{}", finished.stdout);
    let ask = scenario(&finished, "ask");
    assert_eq!(step(&ask, "request ask/{{user.id}}"), (12, 0), "{}", finished.stdout);
    assert_eq!(ask["checks"][0]["passed"], 12, "{}", finished.stdout);
}

#[test]
fn rabbitmq_and_nats_as_far_as_they_go() {
    let test = "rabbitmq_and_nats_as_far_as_they_go";
    if let Some(nats) = Nats::start(test) {
        for qos in 0..=1 {
            assert_adds_up(&format!("mqtt://127.0.0.1:{}", nats.port()), &fleet("3.1.1", qos), "NATS");
        }
    }
    if let Some(rabbit) = RabbitMq::start(test) {
        for qos in 0..=1 {
            assert_adds_up(&format!("mqtt://127.0.0.1:{}", rabbit.port()), &fleet("3.1.1", qos), "RabbitMQ");
        }
    }
}
