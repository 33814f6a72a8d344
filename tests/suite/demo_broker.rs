//! The broker of `prony serve`, held against Mosquitto's clients.

use std::net::TcpListener;
use std::time::Duration;

use crate::binary::{Prony, Served};
use crate::mosquitto_clients::{Client, VERSIONS, Version};
use crate::requirements::missing;

/// The broker, where there are clients for it.
fn start(test: &str) -> Option<Served> {
    if Client::exists() {
        return Some(Served::with_broker());
    }
    missing(test, "mosquitto-clients");
    None
}

#[test]
fn serve_tells_where_its_broker_listens() {
    let served = Served::with_broker();
    assert!(served.mqtt().starts_with("mqtt://127.0.0.1:"), "{}", served.mqtt());
    let websocket = served.mqtt_websocket();
    assert!(websocket.starts_with("ws://127.0.0.1:") && websocket.ends_with("/mqtt"), "{websocket}");
}

fn port(served: &Served) -> u16 {
    let (_, port) = served.mqtt().rsplit_once(':').expect("a port");
    port.parse().expect("a number")
}

#[test]
fn the_brokers_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for flags in [&["--mqtt", &address][..], &["--mqtt", "127.0.0.1:0", "--mqtt-ws", &address]] {
        let run = Prony::with(&["serve", "--http", "127.0.0.1:0"])
            .arguments(flags)
            .finish_within(Duration::from_secs(10));
        assert_eq!(run.exit_code(), 3, "{}", run.stderr);
        let told = format!("cannot listen on {address}");
        assert!(run.stderr.contains(&told) && run.stderr.contains("take another port"), "{}", run.stderr);
    }
}

#[test]
fn the_broker_carries_messages_of_each_qos_between_versions() {
    let Some(served) = start("the_broker_carries_messages_of_each_qos_between_versions") else { return };
    for (from, to) in VERSIONS.into_iter().flat_map(|from| VERSIONS.map(|to| (from, to))) {
        for qos in 0..=2 {
            let topic = format!("{from:?}/{to:?}/{qos}");
            let subscriber = Client::at(port(&served), to).qos(qos);
            let subscription =
                subscriber.subscribe(&format!("{from:?}/+/{qos}"), 200).expect("it subscribes");
            let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
            let payloads: Vec<&str> = numbers.iter().map(String::as_str).collect();
            Client::at(port(&served), from).qos(qos).publish(&topic, &payloads).expect("it publishes");
            let messages = subscription.messages();
            assert!(messages.iter().all(|message| message.qos == qos && message.topic == topic), "{topic}");
            let seen: Vec<String> = messages.into_iter().map(|message| message.payload).collect();
            assert_eq!(seen, numbers, "{topic}");
        }
    }
}

#[test]
fn the_broker_keeps_retained_messages_and_sessions() {
    let Some(served) = start("the_broker_keeps_retained_messages_and_sessions") else { return };
    for version in VERSIONS {
        let client = Client::at(port(&served), version).qos(1);
        let topic = format!("kept/{version:?}");
        client.clone().with(&["-r"]).publish(&topic, &["retained"]).expect("it publishes");
        let messages = client.subscribe(&topic, 1).expect("it subscribes").messages();
        assert_eq!((messages[0].payload.as_str(), messages[0].retained), ("retained", true));

        let topic = format!("sleeper/{version:?}");
        let sleeper = client.clone().named(&format!("sleeper-{version:?}")).keeping_its_session();
        sleeper.subscribe(&topic, 1).expect("it subscribes").kill();
        client.publish(&topic, &["one", "two"]).expect("it publishes");
        assert_eq!(sleeper.subscribe(&topic, 2).expect("it subscribes").payloads(), ["one", "two"]);
    }
}

/// The limits that docs/serve.md tells of names.
#[test]
fn the_broker_is_particular_about_names() {
    let Some(served) = start("the_broker_is_particular_about_names") else { return };
    for version in VERSIONS {
        let named = |name: &str| Client::at(port(&served), version).qos(1).named(name);
        for good in ["a name: with.signs-and_ümlaut", &"x".repeat(128)] {
            named(good).publish("topic", &["hello"]).expect("it publishes");
        }
        for bad in ["with/slash", "with\\backslash", &"x".repeat(129)] {
            named(bad)
                .publish_within(Duration::from_secs(3), "topic", &["hello"])
                .expect_err("it is refused");
        }
    }
}

#[test]
fn the_broker_tells_wills_and_shares_subscriptions() {
    let Some(served) = start("the_broker_tells_wills_and_shares_subscriptions") else { return };
    for version in VERSIONS {
        let client = Client::at(port(&served), version).qos(1);
        let wills = client.subscribe("will", 1).expect("it subscribes");
        let mortal = client.clone().with(&["--will-topic", "will", "--will-payload", "gone"]);
        mortal.subscribe("other", 1).expect("it subscribes").kill();
        assert_eq!(wills.payloads(), ["gone"]);

        let group = [(); 2].map(|()| client.subscribe("$share/group/work", 5).expect("it subscribes"));
        client.publish("work", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]).expect("it publishes");
        let mut seen = group.map(crate::mosquitto_clients::Subscription::payloads).concat();
        seen.sort();
        assert_eq!(seen.concat(), "0123456789");
    }
}

#[test]
fn the_broker_hands_properties_on() {
    let Some(served) = start("the_broker_hands_properties_on") else { return };
    let publisher = Client::at(port(&served), Version::V5).qos(1).with(&[
        "-D",
        "publish",
        "content-type",
        "text",
        "-D",
        "publish",
        "user-property",
        "colour",
        "red",
    ]);
    for version in VERSIONS {
        let subscription = Client::at(port(&served), version).qos(1).subscribe("properties", 1);
        publisher.publish("properties", &["hello"]).expect("it publishes");
        assert_eq!(subscription.expect("it subscribes").payloads(), ["hello"]);
    }
}
