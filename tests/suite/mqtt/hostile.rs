//! Brokers that misbehave: each has its kind of failure or its counter, nothing hangs, nothing panics, and what was good
//! before is still there.

use std::time::Duration;

use serde_json::Value as Json;

use super::{metric, scenario};
use crate::binary::{Plan, Prony};
use crate::scripted_broker::{Answers, Incoming, Kind, Message, ScriptedBroker};

/// What a scripted broker is told to do.
type Script = fn(&Incoming, &mut Answers);

/// Publishes one message of `qos` that is waited for, and subscribes when `subscribes`; in MQTT `version`.
fn outcome(script: Script, version: &str, steps: &str) -> (Json, String) {
    let broker = ScriptedBroker::start(move |_| script);
    let plan = Plan::new(&format!(
        "name: hostile\ntarget: {}\nmqtt: {{version: \"{version}\", timeout: 1s, max_packet: 4kb, keep_alive: 2s}}\nscenarios:\n  one:\n    load: {{users: 1, iterations: 1}}\n    graceful_stop: 3s\n    steps: {steps}\n",
        broker.url()
    ));
    let finished = Prony::run(&plan).finish_within(Duration::from_secs(30));
    assert!(
        !finished.stderr.contains("panicked") && !finished.stdout.contains("defect"),
        "{}",
        finished.stderr
    );
    let shown = format!("{}\n{}", finished.stdout, finished.stderr);
    (scenario(&finished, "one"), shown)
}

const PUBLISH1: &str = "[{mqtt: {publish: t/a, qos: 1, size: 50, wait: true}}]";
const PUBLISH2: &str = "[{mqtt: {publish: t/a, qos: 2, size: 50, wait: true}}]";
const SUBSCRIBE: &str = "[{mqtt: {subscribe: t/#, qos: 1}}]";
const RECEIVE: &str = "[{mqtt: {subscribe: t/#, qos: 2}}, {mqtt: receive}, {stay: 500ms}]";

/// What must come of it: a failure of this kind, told in these words.
fn fails(name: &str, version: &str, steps: &str, kind: &str, words: &str, script: Script) {
    let (seen, shown) = outcome(script, version, steps);
    let count = seen["failures"]["by_kind"][kind].as_u64().unwrap_or(0);
    assert!(count >= 1, "{name}: no failure of kind {kind}\n{shown}");
    let notices = seen["notices"].to_string();
    assert!(notices.contains(words), "{name}: {words} is not told: {notices}\n{shown}");
}

fn passes(name: &str, version: &str, steps: &str, script: Script) -> Json {
    let (seen, shown) = outcome(script, version, steps);
    assert_eq!(seen["failures"]["total"], 0, "{name}\n{shown}");
    seen
}

/// Answers all but messages.
fn accept(packet: &Incoming, answers: &mut Answers) -> Option<Message> {
    match packet.kind() {
        Kind::Connect { .. } => answers.accept(),
        Kind::Subscribe(id, filters) => {
            let codes: Vec<u8> = filters.iter().map(|(_, qos)| *qos).collect();
            answers.suback(id, &codes);
        }
        Kind::PingReq => answers.pingresp(),
        Kind::Publish(message) => return Some(message),
        Kind::Disconnect => answers.close(),
        _ => {}
    }
    None
}

#[test]
fn connections_that_are_refused_or_go_wrong_at_once() {
    fails("refused 3.1.1", "3.1.1", PUBLISH1, "status", "not authorised", |_, answers| answers.refuse(5));
    fails("refused 5", "5", PUBLISH1, "status", "server busy", |_, answers| answers.refuse(0x89));
    fails("closed", "3.1.1", PUBLISH1, "closed", "in answer to CONNECT", |_, answers| answers.close());
    fails("reset", "3.1.1", PUBLISH1, "reset", "broke while it was made", |_, answers| answers.reset());
    fails("silent", "3.1.1", PUBLISH1, "timeout", "no connection within 1s", |_, _| {});
    fails("HTTP", "3.1.1", PUBLISH1, "protocol", "an HTTP server", |_, answers| {
        answers.bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    fails("another packet", "3.1.1", PUBLISH1, "protocol", "type 13", |_, answers| answers.pingresp());
    fails("AUTH", "5", PUBLISH1, "protocol", "AUTH", |_, answers| answers.bytes(&[0xF0, 2, 0x18, 0]));
    fails("CONNACK of bad properties", "5", PUBLISH1, "protocol", "CONNACK", |_, answers| {
        answers.bytes(&[0x20, 5, 0, 0, 2, 0x7F, 1]);
    });
}

#[test]
fn a_connack_byte_by_byte_is_a_connack() {
    let seen = passes("bytes", "3.1.1", PUBLISH1, |packet, answers| {
        if let Kind::Connect { .. } = packet.kind() {
            answers.bytes_one_by_one(&[0x20, 2, 0, 0], Duration::from_millis(20));
        } else if let Some(message) = accept(packet, answers) {
            answers.bytes_one_by_one(
                &[0x40, 2, (message.id >> 8) as u8, message.id as u8],
                Duration::from_millis(10),
            );
        }
    });
    assert_eq!(seen["requests"], 1);
}

#[test]
fn answers_that_are_wrong_missing_or_refuse() {
    fails("no PUBACK", "3.1.1", PUBLISH1, "timeout", "no PUBACK within 1s", |packet, answers| {
        accept(packet, answers);
    });
    fails("no PUBCOMP", "3.1.1", PUBLISH2, "timeout", "no PUBCOMP within 1s", |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.pubrec(message.id);
        }
    });
    fails("PUBACK for QoS 2", "3.1.1", PUBLISH2, "protocol", "PUBACK for packet", |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.puback(message.id);
        }
    });
    fails("PUBCOMP before PUBREC", "3.1.1", PUBLISH2, "protocol", "PUBCOMP for packet", |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.pubcomp(message.id);
        }
    });
    fails("refused message", "5", PUBLISH1, "status", "not authorised", |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.puback_with_reason(message.id, 0x87);
        }
    });
    fails("refused subscription", "3.1.1", SUBSCRIBE, "status", "reason code 128", |packet, answers| {
        match packet.kind() {
            Kind::Subscribe(id, _) => answers.suback(id, &[0x80]),
            _ => {
                accept(packet, answers);
            }
        }
    });
    fails(
        "SUBACK for other filters",
        "3.1.1",
        SUBSCRIBE,
        "protocol",
        "a SUBACK for 3 filters",
        |packet, answers| match packet.kind() {
            Kind::Subscribe(id, _) => answers.suback(id, &[1, 1, 1]),
            _ => {
                accept(packet, answers);
            }
        },
    );
}

#[test]
fn answers_to_nothing_are_counted_and_hurt_nobody() {
    let seen = passes("stray", "3.1.1", PUBLISH1, |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.puback(message.id.wrapping_add(7));
            answers.pubcomp(9_999);
            answers.puback(message.id);
            answers.puback(message.id);
        }
    });
    assert!(metric(&seen, "stray_acks") > 1.5, "{seen:#}");
    passes("PUBREC twice", "3.1.1", PUBLISH2, |packet, answers| {
        if let Some(message) = accept(packet, answers) {
            answers.pubrec(message.id);
            answers.pubrec(message.id);
        } else if let Kind::PubRel(id) = packet.kind() {
            answers.pubcomp(id);
        }
    });
}

#[test]
fn every_reason_to_disconnect_is_told() {
    for (reason, words) in [
        (0x8B_u8, "server shutting down"),
        (0x8D, "keep alive timeout"),
        (0x8E, "session taken over"),
        (0x93, "receive maximum exceeded"),
        (0x97, "quota exceeded"),
        (0x98, "administrative action"),
        (0x9D, "server moved"),
    ] {
        let broker = ScriptedBroker::start(move |_| {
            move |packet: &Incoming, answers: &mut Answers| {
                if accept(packet, answers).is_some() {
                    answers.disconnect(reason);
                }
            }
        });
        let plan = Plan::new(&format!(
            "name: hostile\ntarget: {}\nmqtt: {{version: \"5\", timeout: 1s}}\nscenarios:\n  one:\n    load: {{users: 1, iterations: 1}}\n    steps: {PUBLISH1}\n",
            broker.url()
        ));
        let finished = Prony::run(&plan).finish_within(Duration::from_secs(30));
        let seen = scenario(&finished, "one");
        assert_eq!(seen["failures"]["by_kind"]["goaway"], 1, "{words}\n{}", finished.stdout);
        assert!(seen["notices"].to_string().contains(words), "{words}: {}", seen["notices"]);
        assert!((metric(&seen, "disconnects_received") - 1.0).abs() < 0.1);
    }
}

#[test]
fn what_no_broker_may_send_ends_the_connection_as_a_protocol_failure() {
    let cases: [(&str, &str, &[u8], &str); 11] = [
        ("a packet of a client's", "3.1.1", &[0xC0, 0], "type 12"),
        ("type 0", "3.1.1", &[0x00, 0], "type 0"),
        ("a second CONNACK", "3.1.1", &[0x20, 2, 0, 0], "type 2"),
        ("QoS 3", "3.1.1", &[0x36, 5, 0, 1, b't', 0, 1], "QoS 3"),
        ("a topic with a wildcard", "3.1.1", &[0x30, 5, 0, 3, b't', b'/', b'#'], "no topic"),
        ("a topic that is no text", "3.1.1", &[0x30, 4, 0, 2, 0xFF, 0xFE], "UTF-8"),
        ("identifier 0", "3.1.1", &[0x32, 5, 0, 1, b't', 0, 0], "identifier 0"),
        ("an unknown alias", "5", &[0x30, 6, 0, 0, 3, 0x23, 0, 9], "alias 9"),
        ("an alias beyond what was allowed", "5", &[0x30, 7, 0, 1, b't', 3, 0x23, 0xFF, 0xFF], "alias 65535"),
        ("an endless length", "3.1.1", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF], "four bytes"),
        ("a packet too large", "3.1.1", &[0x30, 0xFF, 0x7F], "max_packet"),
    ];
    for (name, version, bytes, words) in cases {
        let bytes = bytes.to_vec();
        let broker = ScriptedBroker::start(move |_| {
            let bytes = bytes.clone();
            move |packet: &Incoming, answers: &mut Answers| {
                if accept(packet, answers).is_some() {
                    answers.bytes(&bytes);
                }
            }
        });
        let plan = Plan::new(&format!(
            "name: hostile\ntarget: {}\nmqtt: {{version: \"{version}\", timeout: 2s, max_packet: 4kb}}\nscenarios:\n  one:\n    load: {{users: 1, iterations: 1}}\n    steps: {PUBLISH1}\n",
            broker.url()
        ));
        let finished = Prony::run(&plan).finish_within(Duration::from_secs(30));
        let seen = scenario(&finished, "one");
        assert_eq!(seen["failures"]["by_kind"]["protocol"], 1, "{name}\n{}", finished.stdout);
        assert!(seen["notices"].to_string().contains(words), "{name}: {}", seen["notices"]);
    }
}

#[test]
fn a_message_of_qos_2_that_comes_twice_before_its_release_is_received_once() {
    let seen = passes("twice", "3.1.1", RECEIVE, |packet, answers| match packet.kind() {
        Kind::Subscribe(id, _) => {
            answers.suback(id, &[2]);
            let message =
                Message { topic: "t/x".into(), payload: "hello".into(), qos: 2, id: 7, ..Message::default() };
            answers.publish(&message);
            answers.publish(&Message { duplicate: true, ..message });
        }
        Kind::PubRec(id) => answers.pubrel(id),
        _ => {
            accept(packet, answers);
        }
    });
    assert!((metric(&seen, "received") - 2.0).abs() < 0.1, "{seen:#}");
    assert!((metric(&seen, "redelivered") - 1.0).abs() < 0.1, "{seen:#}");
}

#[test]
fn a_server_keep_alive_is_kept() {
    // Two seconds without anything to say, and a broker that wants to hear something every second.
    let seen = passes(
        "keep-alive",
        "5",
        "[{mqtt: connect}, {stay: 2500ms}, {mqtt: {publish: t/a, qos: 1, size: 50, wait: true}}]",
        |packet, answers| {
            static PINGS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            match packet.kind() {
                Kind::Connect { .. } => answers.bytes(&[0x20, 6, 0, 0, 3, 0x13, 0, 1]),
                Kind::PingReq => {
                    PINGS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    answers.pingresp();
                }
                Kind::Publish(message) if PINGS.load(std::sync::atomic::Ordering::SeqCst) >= 1 => {
                    answers.puback(message.id);
                }
                _ => {
                    accept(packet, answers);
                }
            }
        },
    );
    assert_eq!(seen["failures"]["total"], 0);
}

#[test]
fn a_broker_that_answers_no_ping_is_given_up() {
    fails(
        "no PINGRESP",
        "3.1.1",
        "[{mqtt: connect}, {stay: 4s}, {mqtt: {publish: t/a, qos: 1, size: 50, wait: true}}]",
        "timeout",
        "did not answer a PINGREQ",
        |packet, answers| match packet.kind() {
            // MQTT 3.1.1 has no say in it, so the plan's own.
            Kind::PingReq => {}
            _ => {
                accept(packet, answers);
            }
        },
    );
}
