//! Nodes and hosts on the fake host, without a broker.

use std::time::SystemTime;

use prony_plugin::prelude::*;
use prony_plugin::testing::{Host, Published};
use prost::Message;

use crate::Sparkplug;
use crate::book::{IN_SEQUENCE, METRICS_KNOWN, SESSION_KNOWN};
use crate::payload::{Metric, Payload};
use crate::topic::{Kind, of_node};

fn fake() -> Host {
    let mut host = Host::new();
    host.wall(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    host
}

fn payload(message: &Published) -> Payload {
    Payload::read(&message.payload).unwrap()
}

fn rebirth() -> mqtt::Message {
    let command = Payload::new(0, None, vec![Metric::rebirth(true)]);
    mqtt::message(of_node("prony", Kind::NodeCommand, "node-0"), command.encode_to_vec())
}

#[test]
fn a_node_is_born_speaks_and_dies() {
    let mut host = fake();
    host.wanted_for(Duration::from_secs(200));
    host.run::<Sparkplug>(json!({"role": "node", "devices": 1, "metrics": 3})).unwrap();

    let published = host.mqtt().published();
    let topics: Vec<_> = published.iter().map(|message| message.topic.as_str()).collect();
    assert_eq!(
        topics[..4],
        [
            "spBv1.0/prony/NBIRTH/node-0",
            "spBv1.0/prony/DBIRTH/node-0/device-0",
            "spBv1.0/prony/NDATA/node-0",
            "spBv1.0/prony/DDATA/node-0/device-0"
        ]
    );
    assert_eq!(topics.last(), Some(&"spBv1.0/prony/NDEATH/node-0"));
    let numbers: Vec<_> = published.iter().filter_map(|message| payload(message).seq).collect();
    assert!(numbers.len() > 300, "the numbers begin again from 0");
    assert!(numbers.iter().enumerate().all(|(place, &number)| number == place as u64 % 256));
    let names: Vec<_> = payload(&published[0]).metrics.into_iter().filter_map(|metric| metric.name).collect();
    assert_eq!(names, ["bdSeq", "Node Control/Rebirth", "reading/0", "reading/1", "reading/2"]);
    assert_eq!(payload(&published[0]).timestamp, Some(1_700_000_000_000));
    assert!(host.failed_requests().is_empty());
    assert!(!host.mqtt().connected());
}

#[test]
fn the_will_is_the_death_of_the_same_session() {
    let mut host = fake();
    let config = json!({"role": "node", "session_ms": 3000, "abort_share": 1});
    let nodes = host.configure::<Sparkplug>(config).unwrap();
    for session in 0..3_u64 {
        host.iterate(&nodes).unwrap();
        let will = host.mqtt().connections().pop().unwrap().will.unwrap();
        assert_eq!((will.topic.as_str(), will.qos, will.retain), ("spBv1.0/prony/NDEATH/node-0", 1, false));
        assert_eq!(Payload::read(&will.payload).unwrap().bd_seq(), Some(session));
        let births = host.mqtt().published_on("spBv1.0/prony/NBIRTH/#");
        assert_eq!(births.last().map(|birth| payload(birth).bd_seq()), Some(Some(session)));
        let deaths = host.mqtt().published_on("spBv1.0/prony/NDEATH/#");
        assert!(deaths.iter().all(|death| death.will));
        assert_eq!(deaths.len() as u64, session + 1);
    }
}

#[test]
fn a_node_that_is_asked_is_born_again() {
    let mut host = fake();
    host.wanted_for(Duration::from_secs(10));
    host.mqtt().feed_after(Duration::from_millis(4500), rebirth());
    host.run::<Sparkplug>(json!({"role": "node"})).unwrap();
    let published = host.mqtt().published();
    let births: Vec<_> =
        published.iter().enumerate().filter(|(_, message)| message.topic.contains("/NBIRTH/")).collect();
    assert_eq!(births.len(), 2);
    let (place, birth) = births[1];
    assert_eq!((payload(birth).seq, payload(birth).bd_seq()), (Some(0), Some(0)));
    let after: Vec<_> = published[place..].iter().filter_map(|message| payload(message).seq).collect();
    assert!(after.len() > 3 && after.iter().enumerate().all(|(at, &number)| number == at as u64));
    assert_eq!(host.counter("rebirths"), 1.0);
}

/// What a node publishes in half a minute, and when.
fn session(config: serde_json::Value) -> Vec<Published> {
    let mut host = fake();
    host.wanted_for(Duration::from_secs(30)).run::<Sparkplug>(config).unwrap();
    host.mqtt().published()
}

/// A host that hears these messages, a second after it has come.
fn listener(heard: Vec<Published>) -> Host {
    let mut host = fake();
    for message in heard {
        let at = Duration::from_secs(1) + message.at;
        host.mqtt().feed_after(at, mqtt::message(message.topic, message.payload).qos(message.qos));
    }
    host.wanted_for(Duration::from_secs(40)).run::<Sparkplug>(json!({"role": "host"})).unwrap();
    host
}

#[test]
fn a_host_says_that_it_is_there_and_finds_good_nodes_good() {
    let heard = session(json!({"role": "node", "devices": 2}));
    let data = heard.iter().filter(|message| message.topic.contains("DATA")).count();
    let host = listener(heard);
    assert_eq!(
        (host.counter("births"), host.counter("device_births"), host.counter("deaths")),
        (1.0, 2.0, 1.0)
    );
    assert_eq!((host.counter("data"), host.counter("gaps")), (data as f64, 0.0));
    assert!(host.checks().iter().all(|check| check.failed == 0), "{:?}", host.checks());
    assert_eq!((host.check(SESSION_KNOWN).passed, host.check(METRICS_KNOWN).passed), (1, data as u64));
    assert_eq!(host.gauge("nodes_online"), Some(0.0));

    let said: Vec<_> = host.mqtt().published_on("spBv1.0/STATE/host-0");
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].text(), r#"{"online":true,"timestamp":1700000000000}"#);
    assert_eq!(said[1].text(), r#"{"online":false,"timestamp":1700000040000}"#);
    assert!(said.iter().all(|state| state.retain && state.qos == 1));
    let will = host.mqtt().connections().remove(0).will.unwrap();
    assert_eq!(will.payload, br#"{"online":false,"timestamp":1700000000000}"#);
}

#[test]
fn a_host_asks_for_a_birth_where_something_is_missing() {
    let mut heard = session(json!({"role": "node", "devices": 0}));
    heard.remove(5);
    let host = listener(heard.clone());
    assert_eq!((host.check(IN_SEQUENCE).failed, host.counter("gaps")), (1, 1.0));
    let asked = host.mqtt().published_on("spBv1.0/prony/NCMD/node-0");
    assert_eq!(asked.len(), 1);
    assert!(payload(&asked[0]).asks_for_birth());

    heard.remove(0);
    let host = listener(heard);
    assert_eq!(host.counter("births"), 0.0);
    assert_eq!(
        host.mqtt().published_on("spBv1.0/prony/NCMD/node-0").len(),
        1,
        "once, until there is a birth"
    );
}

#[test]
fn messages_that_a_node_leaves_out_are_gaps() {
    let heard = session(json!({"role": "node", "skip_share": 0.5}));
    let host = listener(heard);
    assert!(host.counter("gaps") > 5.0);
}

#[test]
fn a_host_that_is_said_to_be_gone_says_that_it_is_there() {
    let mut host = fake();
    host.mqtt().feed(mqtt::message("spBv1.0/STATE/host-0", r#"{"online":false,"timestamp":5}"#).retain());
    let offline = r#"{"online":false,"timestamp":1700000000000}"#;
    host.mqtt().feed_after(Duration::from_secs(3), mqtt::message("spBv1.0/STATE/host-0", offline).retain());
    host.wanted_for(Duration::from_secs(5)).run::<Sparkplug>(json!({"role": "host"})).unwrap();
    let said: Vec<_> = host.mqtt().published().iter().map(Published::text).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[1], r#"{"online":true,"timestamp":1700000003000}"#);
}

#[test]
fn who_cannot_connect_waits_before_the_next_try() {
    for role in ["node", "host"] {
        let mut host = fake();
        host.mqtt().fail_connections("connect_refused", "nobody listens");
        let error = host.run::<Sparkplug>(json!({"role": role})).unwrap_err();
        assert_eq!(error.message(), "connect_refused: nobody listens");
        assert!((500..=1000).contains(&host.now().as_millis()), "{:?}", host.now());
    }
}

#[test]
fn a_session_that_ends_by_an_error_is_found_dead_when_its_connection_is_lost() {
    let mut host = fake();
    host.mqtt().respond("spBv1.0/+/NDATA/#", |_| vec![mqtt::message("spBv1.0/prony/NCMD/node-0", [0xFF])]);
    let error = host.run::<Sparkplug>(json!({"role": "node"})).unwrap_err();
    assert_eq!(error.message(), "the payload is none of Sparkplug B");
    host.mqtt().cut();
    let wills = host.mqtt().published_on("spBv1.0/prony/NDEATH/node-0");
    assert_eq!((wills.len(), wills[0].will), (1, true));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let problem =
        |config: serde_json::Value| fake().configure::<Sparkplug>(config).err().unwrap().to_string();
    assert_eq!(problem(json!({"role": "node", "skip_share": 2})), "skip_share: a share is from 0 to 1");
    assert_eq!(
        problem(json!({"role": "node", "group": "a/b"})),
        "group: a name is not empty, and has no `/`, `+` or `#`"
    );
    assert_eq!(
        problem(json!({"role": "node", "every_ms": 0})),
        "every_ms: the pause between data is 1 ms or more"
    );
    assert!(problem(json!({"role": "primary"})).starts_with("role: unknown variant `primary`"));
}

#[test]
fn without_the_time_of_day_it_says_what_to_do() {
    let error = Host::new().run::<Sparkplug>(json!({"role": "node"})).unwrap_err();
    assert_eq!(error.message(), "messages tell the time of day: add `allow: {clock: true}` to the plugin");
}
