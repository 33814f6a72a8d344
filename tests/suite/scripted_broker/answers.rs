//! How a script answers: packets, bytes, time, and ends of connections.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::{Message, Version};
use crate::processes::pause;

/// One connection, to be answered on. Clones answer on the same one, from other threads too; what one call sends is sent
/// in one piece.
#[derive(Clone)]
pub(crate) struct Answers {
    socket: Arc<Mutex<Option<TcpStream>>>,
    over: Arc<AtomicBool>,
    ids: Arc<AtomicU16>,
    connection: u64,
    version: Version,
}

/// A packet for a client, of any kind that rumqttc can write.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// Of 3.1.1.
    V4(v4::Packet),
    /// Of version 5.
    V5(v5::Packet),
}

impl Answers {
    pub(super) fn new(socket: &TcpStream, connection: u64, version: Version) -> Self {
        let socket = socket.try_clone().expect("a descriptor");
        let socket = Arc::new(Mutex::new(Some(socket)));
        Self { socket, over: Arc::default(), ids: Arc::default(), connection, version }
    }

    /// The connection's number, from 0 on.
    pub(crate) fn connection(&self) -> u64 {
        self.connection
    }

    /// The version the client asked for.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether it was closed or reset from here.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// A packet identifier for what is sent: from 1 to 65,535, then from 1 again.
    pub(crate) fn next_id(&self) -> u16 {
        let next = |id: u16| id.checked_add(1).unwrap_or(1);
        let last = self.ids.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |id| Some(next(id)));
        next(last.unwrap_or_default())
    }

    /// Sends bytes. A client that is gone is none of a script's business.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.on_socket(|socket| {
            let _ = socket.write_all(bytes);
        });
    }

    fn on_socket(&self, act: impl FnOnce(&mut TcpStream)) {
        if let Some(socket) = &mut *self.socket.lock().expect("nobody panics with it") {
            act(socket);
        }
    }

    /// Sends bytes one by one, so far apart; each a TCP segment of its own.
    pub(crate) fn bytes_one_by_one(&self, bytes: &[u8], apart: Duration) {
        self.on_socket(|socket| {
            for byte in bytes {
                let _ = socket.write_all(&[*byte]).and_then(|()| socket.flush());
                pause(apart);
            }
        });
    }

    /// Sends a packet.
    pub(crate) fn send(&self, packet: &Outgoing) {
        self.bytes(&encoded(packet));
    }

    /// Sends packets in one write.
    pub(crate) fn send_at_once(&self, packets: &[Outgoing]) {
        self.bytes(&packets.iter().map(encoded).collect::<Vec<_>>().concat());
    }

    /// Waits.
    pub(crate) fn wait(&self, time: Duration) {
        pause(time);
    }

    /// Closes in good order (FIN).
    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.on_socket(|socket| {
            let _ = socket.shutdown(Shutdown::Both);
        });
    }

    /// Closes for writing only, and goes on reading.
    pub(crate) fn close_for_writing(&self) {
        self.on_socket(|socket| {
            let _ = socket.shutdown(Shutdown::Write);
        });
    }

    /// Resets the connection (RST).
    pub(crate) fn reset(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.on_socket(|socket| {
            let _ = socket2::SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
            // Tells the peer nothing, but wakes the thread that reads, whose socket is the last.
            let _ = socket.shutdown(Shutdown::Read);
        });
        self.socket.lock().expect("nobody panics with it").take();
    }

    /// CONNACK: welcome, without a session.
    pub(crate) fn accept(&self) {
        self.connack(0, 0);
    }

    /// CONNACK: welcome back, to a session.
    pub(crate) fn accept_to_session(&self) {
        self.connack(1, 0);
    }

    /// CONNACK with a return code of 3.1.1, or a reason code of version 5, other than 0.
    pub(crate) fn refuse(&self, code: u8) {
        self.connack(0, code);
    }

    fn connack(&self, flags: u8, code: u8) {
        match self.version {
            Version::V311 => self.bytes(&[0x20, 2, flags, code]),
            Version::V5 => self.bytes(&[0x20, 3, flags, code, 0]),
        }
    }

    /// PUBACK.
    pub(crate) fn puback(&self, id: u16) {
        self.acknowledge(0x40, id);
    }

    /// PUBREC.
    pub(crate) fn pubrec(&self, id: u16) {
        self.acknowledge(0x50, id);
    }

    /// PUBREL.
    pub(crate) fn pubrel(&self, id: u16) {
        self.acknowledge(0x62, id);
    }

    /// PUBCOMP.
    pub(crate) fn pubcomp(&self, id: u16) {
        self.acknowledge(0x70, id);
    }

    /// A reason code of version 5, such as 0x97, in a PUBACK.
    pub(crate) fn puback_with_reason(&self, id: u16, reason: u8) {
        let [high, low] = id.to_be_bytes();
        self.bytes(&[0x40, 3, high, low, reason]);
    }

    /// The form that is right in either version: no reason is success.
    fn acknowledge(&self, first: u8, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.bytes(&[first, 2, high, low]);
    }

    /// SUBACK with a code a filter: the QoS granted, or from 0x80 on a refusal.
    pub(crate) fn suback(&self, id: u16, codes: &[u8]) {
        self.with_codes(0x90, id, codes);
    }

    /// UNSUBACK for so many filters.
    pub(crate) fn unsuback(&self, id: u16, filters: usize) {
        let codes = if self.version == Version::V5 { vec![0; filters] } else { Vec::new() };
        self.with_codes(0xb0, id, &codes);
    }

    fn with_codes(&self, first: u8, id: u16, codes: &[u8]) {
        let properties: &[u8] = if self.version == Version::V5 { &[0] } else { &[] };
        let length = u8::try_from(2 + properties.len() + codes.len()).expect("few enough codes");
        self.bytes(&[&[first, length][..], &id.to_be_bytes(), properties, codes].concat());
    }

    /// PINGRESP.
    pub(crate) fn pingresp(&self) {
        self.bytes(&[0xd0, 0]);
    }

    /// DISCONNECT with a reason, which only version 5 has from brokers.
    pub(crate) fn disconnect(&self, reason: u8) {
        self.bytes(&[0xe0, 1, reason]);
    }

    /// PUBLISH.
    pub(crate) fn publish(&self, message: &Message) {
        self.bytes(&self.publish_bytes(message));
    }

    /// The bytes of a PUBLISH, to be sent in parts.
    pub(crate) fn publish_bytes(&self, message: &Message) -> Vec<u8> {
        let Message { topic, payload, qos, id, retain, duplicate } = message.clone();
        encoded(&match self.version {
            Version::V311 => {
                let qos = rumqttc::qos(qos).expect("a QoS");
                let mut publish = v4::Publish::from_bytes(topic, qos, payload);
                (publish.pkid, publish.retain, publish.dup) = (id, retain, duplicate);
                Outgoing::V4(v4::Packet::Publish(publish))
            }
            Version::V5 => {
                let qos = rumqttc::v5::mqttbytes::qos(qos).expect("a QoS");
                let mut publish = v5::Publish::new(topic, qos, payload, None);
                (publish.pkid, publish.retain, publish.dup) = (id, retain, duplicate);
                Outgoing::V5(v5::Packet::Publish(publish))
            }
        })
    }
}

fn encoded(packet: &Outgoing) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    match packet {
        Outgoing::V4(packet) => packet.write(&mut bytes, usize::MAX).expect("it can be written"),
        Outgoing::V5(packet) => packet.write(&mut bytes, None).expect("it can be written"),
    };
    bytes.to_vec()
}
