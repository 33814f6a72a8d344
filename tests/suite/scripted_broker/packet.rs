//! What a client sent, as rumqttc reads it, and both versions in the same words.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self, v4};
use rumqttc::v5::mqttbytes as mqttbytes5;
use rumqttc::v5::mqttbytes::v5;

use super::Version;

/// The largest packet it reads.
const LARGEST: usize = 16 * 1024 * 1024;

/// A packet from a client.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// Of 3.1.1.
    V4(v4::Packet),
    /// Of version 5.
    V5(v5::Packet),
}

/// What a packet is, in either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect {
        client: String,
        clean: bool,
        keep_alive: u16,
    },
    Publish(Message),
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
    /// Filters with the QoS asked for.
    Subscribe(u16, Vec<(String, u8)>),
    Unsubscribe(u16, Vec<String>),
    PingReq,
    Disconnect,
    /// AUTH, or what only brokers send.
    Other,
}

/// A message on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    /// The packet identifier, 0 for QoS 0.
    pub(crate) id: u16,
    pub(crate) retain: bool,
    /// Whether it is marked as sent before.
    pub(crate) duplicate: bool,
}

impl Incoming {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::V4(packet) => kind_of_4(packet),
            Self::V5(packet) => kind_of_5(packet),
        }
    }
}

fn kind_of_4(packet: &v4::Packet) -> Kind {
    match packet {
        v4::Packet::Connect(connect) => Kind::Connect {
            client: connect.client_id.clone(),
            clean: connect.clean_session,
            keep_alive: connect.keep_alive,
        },
        v4::Packet::Publish(publish) => Kind::Publish(Message {
            topic: publish.topic.clone(),
            payload: publish.payload.clone(),
            qos: publish.qos as u8,
            id: publish.pkid,
            retain: publish.retain,
            duplicate: publish.dup,
        }),
        v4::Packet::PubAck(ack) => Kind::PubAck(ack.pkid),
        v4::Packet::PubRec(ack) => Kind::PubRec(ack.pkid),
        v4::Packet::PubRel(ack) => Kind::PubRel(ack.pkid),
        v4::Packet::PubComp(ack) => Kind::PubComp(ack.pkid),
        v4::Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter().map(|filter| (filter.path.clone(), filter.qos as u8));
            Kind::Subscribe(subscribe.pkid, filters.collect())
        }
        v4::Packet::Unsubscribe(unsubscribe) => {
            Kind::Unsubscribe(unsubscribe.pkid, unsubscribe.topics.clone())
        }
        v4::Packet::PingReq => Kind::PingReq,
        v4::Packet::Disconnect => Kind::Disconnect,
        _ => Kind::Other,
    }
}

fn kind_of_5(packet: &v5::Packet) -> Kind {
    match packet {
        v5::Packet::Connect(connect, ..) => Kind::Connect {
            client: connect.client_id.clone(),
            clean: connect.clean_start,
            keep_alive: connect.keep_alive,
        },
        v5::Packet::Publish(publish) => Kind::Publish(Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.clone(),
            qos: publish.qos as u8,
            id: publish.pkid,
            retain: publish.retain,
            duplicate: publish.dup,
        }),
        v5::Packet::PubAck(ack) => Kind::PubAck(ack.pkid),
        v5::Packet::PubRec(ack) => Kind::PubRec(ack.pkid),
        v5::Packet::PubRel(ack) => Kind::PubRel(ack.pkid),
        v5::Packet::PubComp(ack) => Kind::PubComp(ack.pkid),
        v5::Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter().map(|filter| (filter.path.clone(), filter.qos as u8));
            Kind::Subscribe(subscribe.pkid, filters.collect())
        }
        v5::Packet::Unsubscribe(unsubscribe) => {
            Kind::Unsubscribe(unsubscribe.pkid, unsubscribe.filters.clone())
        }
        v5::Packet::PingReq(_) => Kind::PingReq,
        v5::Packet::Disconnect(_) => Kind::Disconnect,
        _ => Kind::Other,
    }
}

/// The version that a connection's first bytes, a CONNECT, ask for; `None` while there are too few.
pub(super) fn version(bytes: &[u8]) -> Result<Option<Version>, String> {
    if bytes.first().is_some_and(|first| *first != 0x10) {
        return Err(format!("the first packet is no CONNECT: {:02x?}", &bytes[..bytes.len().min(16)]));
    }
    // The length takes one to four bytes, then come the protocol's name and its level (section 3.1.2 of either version).
    let Some(length) = bytes.iter().skip(1).position(|byte| *byte < 0x80) else { return Ok(None) };
    match bytes.get(length + 2..length + 9) {
        Some([0, 4, b'M', b'Q', b'T', b'T', 4]) => Ok(Some(Version::V311)),
        Some([0, 4, b'M', b'Q', b'T', b'T', 5]) => Ok(Some(Version::V5)),
        Some(other) => Err(format!("the CONNECT is for no known protocol: {other:02x?}")),
        None => Ok(None),
    }
}

/// Takes the next packet from `bytes`; `None` while it is not whole.
pub(super) fn next(bytes: &mut BytesMut, version: Version) -> Result<Option<Incoming>, String> {
    let start = bytes[..bytes.len().min(32)].to_vec();
    let complain =
        |error: &dyn std::fmt::Debug| Err(format!("{error:?} in a packet that begins {start:02x?}"));
    match version {
        Version::V311 => match v4::Packet::read(bytes, LARGEST) {
            Ok(packet) => Ok(Some(Incoming::V4(packet))),
            Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => complain(&error),
        },
        Version::V5 => {
            // rumqttc does not know that a DISCONNECT may leave out its reason (section 3.14.2.1).
            if bytes.starts_with(&[0xe0, 0]) {
                let _ = bytes.split_to(2);
                let reason = v5::DisconnectReasonCode::NormalDisconnection;
                return Ok(Some(Incoming::V5(v5::Packet::Disconnect(v5::Disconnect::new(reason)))));
            }
            match v5::Packet::read(bytes, Some(LARGEST as u32)) {
                Ok(packet) => Ok(Some(Incoming::V5(packet))),
                Err(mqttbytes5::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => complain(&error),
            }
        }
    }
}
