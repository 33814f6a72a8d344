//! The broker by itself: it starts, carries on past clients that misbehave, and stops. What it carries for clients that are
//! not ours is in tests/suite.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{BrokerError, BrokerOptions, DemoBroker};

/// CONNECT of 3.1.1, clean, without a name.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00";
/// CONNECT of 5, likewise.
const CONNECT_5: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00";
/// CONNACK of 3.1.1: welcome, no session.
const WELCOME: &[u8] = b"\x20\x02\x00\x00";

fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn start() -> DemoBroker {
    DemoBroker::start(BrokerOptions { tcp: any(), websocket: Some(any()) }).expect("it starts")
}

fn connect(broker: &DemoBroker) -> TcpStream {
    let socket = TcpStream::connect(broker.addresses().tcp).expect("it accepts");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    socket
}

/// A client that does everything right is served.
fn assert_serves(broker: &DemoBroker) {
    let mut socket = connect(broker);
    let mut answer = [0; 4];
    socket.write_all(CONNECT).expect("written");
    socket.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, WELCOME);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind(any()).expect("a port");
    let address = taken.local_addr().expect("an address");
    for options in [
        BrokerOptions { tcp: address, websocket: None },
        BrokerOptions { tcp: any(), websocket: Some(address) },
    ] {
        let error = DemoBroker::start(options).expect_err("it is taken");
        assert!(matches!(&error, BrokerError::Bind { address: named, .. } if *named == address), "{error}");
        assert!(error.to_string().contains("another port"), "{error}");
    }
}

#[test]
fn stopping_closes_connections_and_frees_the_port() {
    let broker = start();
    let addresses = broker.addresses();
    let mut socket = connect(&broker);
    socket.write_all(CONNECT).expect("written");
    socket.read_exact(&mut [0; 4]).expect("an answer");
    broker.stop();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    let again = BrokerOptions { tcp: addresses.tcp, websocket: addresses.websocket };
    let broker = DemoBroker::start(again).expect("both ports are free");
    assert_eq!(broker.addresses(), addresses);
    assert_serves(&broker);
}

#[test]
fn clients_that_send_nonsense_hurt_only_themselves() {
    let broker = start();
    let after = |connect: &[u8], rest: &[u8]| [connect, rest].concat();
    for nonsense in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\0\0garbage".to_vec(),
        vec![0xff; 5000],
        // A length without an end; half a CONNECT; one with every flag; one that asks for version 99.
        b"\x10\xff\xff\xff\xff\xff".to_vec(),
        CONNECT[..6].to_vec(),
        b"\x10\x0c\x00\x04MQTT\x04\xff\x00\x0a\x00\x00".to_vec(),
        b"\x10\x0c\x00\x04MQTT\x63\x02\x00\x0a\x00\x00".to_vec(),
        // CONNECT twice; a topic longer than its packet; no topics at all; topics that are not UTF-8; properties that lie.
        after(CONNECT, CONNECT),
        after(CONNECT, b"\x30\x05\x00\x09abc"),
        after(CONNECT, b"\x82\x02\x00\x01"),
        after(CONNECT, b"\x82\x07\x00\x01\x00\x02\xff\xfe\x01"),
        after(CONNECT_5, b"\x62\x03\x00\x05\x10"),
        after(CONNECT_5, b"\x30\x08\x00\x01a\x03\x23\x00\x05x"),
        // Acknowledgements of nothing, packets that only a server sends, packets without a kind.
        after(CONNECT, b"\x40\x02\x00\x05\x50\x02\x00\x05\x62\x02\x00\x05\x70\x02\x00\x05"),
        after(CONNECT, b"\x20\x02\x00\x00\xd0\x00"),
        after(CONNECT, b"\xf0\x02\x00\x05"),
        after(CONNECT, b"\x00\x00"),
        // Groups without a name.
        after(CONNECT, b"\x82\x0c\x00\x01\x00\x07$share/\x01"),
    ] {
        let mut socket = connect(&broker);
        // It may hang up while this writes.
        let _ = socket.write_all(&nonsense);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
    }
    assert_serves(&broker);
}

/// The case that ends rumqttd: clients of one name that are gone before they are welcome.
#[test]
fn connections_reset_during_connect_do_not_keep_the_name() {
    let broker = start();
    let named = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03abc";
    for _ in 0..500 {
        let mut socket = connect(&broker);
        socket.write_all(named).expect("written");
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("an option");
    }
    let mut socket = connect(&broker);
    let mut answer = [0; 4];
    socket.write_all(named).expect("written");
    socket.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, WELCOME);
}

#[test]
fn the_websocket_port_speaks_mqtt_in_frames() {
    let broker = start();
    let mut socket = TcpStream::connect(broker.addresses().websocket.expect("a port")).expect("it accepts");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    socket
        .write_all(
            b"GET /mqtt HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: mqtt\r\n\r\n",
        )
        .expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-protocol: mqtt"), "{head}");
    // A binary frame, masked with zeros (RFC 6455, section 5.2).
    let frame = [&[0x82, 0x80 | CONNECT.len() as u8, 0, 0, 0, 0], CONNECT].concat();
    socket.write_all(&frame).expect("written");
    let mut answer = [0; 6];
    socket.read_exact(&mut answer).expect("a frame");
    assert_eq!(answer, [&[0x82, 0x04], WELCOME].concat()[..]);
}
