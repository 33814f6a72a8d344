//! The broker itself, held against clients that are not ours: rumqttc's and Mosquitto's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rumqttc::{Client as Rumqtt, Event, MqttOptions, Packet, QoS};

use super::{Answers, Faults, Incoming, Kind, Ledger, Relay, ScriptedBroker};
use crate::mosquitto_clients::{Client, VERSIONS};
use crate::requirements::missing;

/// CONNECT of 3.1.1, clean, without a name.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00";

#[test]
#[expect(clippy::disallowed_methods, reason = "the test itself has to wait; no worker is held up")]
fn a_scripted_broker_relays_with_the_faults_ordered() {
    let relay = Relay::with(Faults { drop_every: 10, double_every: 7, swap_every: 4 });
    let broker = ScriptedBroker::relaying(&relay);
    let mut options = MqttOptions::new("both", "127.0.0.1", broker.port());
    options.set_keep_alive(Duration::from_secs(5)).set_inflight(100);
    let (client, mut connection) = Rumqtt::new(options, 200);
    client.subscribe("numbers/+", QoS::AtLeastOnce).expect("queued");
    for number in 1..=30u8 {
        client.publish("numbers/all", QoS::AtLeastOnce, false, [number]).expect("queued");
    }
    // 10, 20 and 30 are dropped, 7, 14, 21 and 28 doubled, 4, 8, 12, 16 and 24 swapped with their successors.
    let expected = [
        1, 2, 3, 5, 4, 6, 7, 7, 9, 8, 11, 13, 12, 14, 14, 15, 17, 16, 18, 19, 21, 21, 22, 23, 25, 24, 26, 27,
        28, 28, 29,
    ];
    let mut seen = Vec::new();
    for event in connection.iter() {
        if let Event::Incoming(Packet::Publish(publish)) = event.expect("it carries on") {
            seen.push(publish.payload[0]);
        }
        if seen.len() == expected.len() {
            break;
        }
    }
    assert_eq!(seen, expected);
    // The last message is dropped: nobody sees it come.
    let patience = (0..500).take_while(|_| relay.ledger().published < 30);
    patience.for_each(|_| std::thread::sleep(Duration::from_millis(10)));
    let ledger = Ledger { acknowledged: 0, ..relay.ledger() };
    assert_eq!(
        ledger,
        Ledger { published: 30, sent: 31, dropped: 3, doubled: 4, swapped: 5, acknowledged: 0 }
    );
    assert_eq!(broker.complaints(), Vec::<String>::new());
}

#[test]
fn a_scripted_broker_serves_mosquittos_clients_in_each_qos() {
    if !Client::exists() {
        return missing("a_scripted_broker_serves_mosquittos_clients_in_each_qos", "mosquitto-clients");
    }
    let broker = ScriptedBroker::relaying(&Relay::default());
    for (version, qos) in VERSIONS.into_iter().flat_map(|version| [0, 1, 2].map(|qos| (version, qos))) {
        let client = Client::at(broker.port(), version).qos(qos);
        let subscription = client.subscribe("some/#", 2).expect("it subscribes");
        client.publish("some/topic", &["one", "two"]).expect("it publishes");
        assert_eq!(subscription.payloads(), ["one", "two"], "{version:?} {qos}");
    }
    assert_eq!(broker.complaints(), Vec::<String>::new());
    assert_eq!(broker.connections(), 12);
}

/// Connects, sends `bytes`, and reads until the end: what came, and whether the end was a reset.
fn talk(broker: &ScriptedBroker, bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut socket = TcpStream::connect(("127.0.0.1", broker.port())).expect("it accepts");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    socket.write_all(bytes).expect("written");
    let mut answer = Vec::new();
    let reset = socket.read_to_end(&mut answer).is_err();
    (answer, reset)
}

#[test]
fn a_scripted_broker_breaks_off_as_it_is_told() {
    let broker = ScriptedBroker::start(|connection| {
        move |packet: &Incoming, answers: &mut Answers| match (packet.kind(), connection) {
            (Kind::Connect { .. }, 0) => answers.refuse(5),
            (Kind::Connect { .. }, 1) => answers.bytes_one_by_one(b"\x20\x02\x00", Duration::from_millis(1)),
            (Kind::Connect { .. }, 2) => answers.reset(),
            (Kind::Connect { .. }, _) => answers.accept(),
            (Kind::PingReq, _) => answers.close(),
            _ => {}
        }
    });
    let ping = [CONNECT, b"\xc0\x00"].concat();
    assert_eq!(talk(&broker, &ping), (b"\x20\x02\x00\x05".to_vec(), false));
    assert_eq!(talk(&broker, &ping), (b"\x20\x02\x00".to_vec(), false));
    assert_eq!(talk(&broker, CONNECT), (Vec::new(), true));
    assert_eq!(talk(&broker, &ping), (b"\x20\x02\x00\x00".to_vec(), false));
    assert_eq!(broker.connections(), 4);
    assert_eq!(broker.complaints(), Vec::<String>::new());
}

#[test]
fn a_scripted_broker_complains_of_what_it_cannot_read() {
    let broker = ScriptedBroker::relaying(&Relay::default());
    talk(&broker, b"\xc0\x00");
    talk(&broker, b"\x10\x0c\x00\x04MQTT\x03\x02\x00\x0a\x00\x00");
    talk(&broker, &[CONNECT, b"\x30\x05\x00\x09abc"].concat());
    let complaints = broker.complaints();
    for (complaint, part) in
        complaints.iter().zip(["no CONNECT", "no known protocol", "packet that begins [30"])
    {
        assert!(complaint.contains(part), "{complaint}");
    }
    assert_eq!(complaints.len(), 3, "{complaints:?}");
}
