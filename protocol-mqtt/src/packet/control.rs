//! Set-up packets: CONNECT, SUBSCRIBE, UNSUBSCRIBE and what a broker says to them. They are written by rumqttc's codecs, and
//! the many properties of CONNACK are read by them.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::properties::Properties;
use super::{Frame, Malformed, Qos, Reader, Version};

/// How many topics a broker may give an alias on a connection.
pub(crate) const TOPIC_ALIASES: u16 = 1_000;

/// What a CONNECT says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    /// Seconds; 0 is none.
    pub(crate) keep_alive: u16,
    /// Only with a user name may there be a password.
    pub(crate) login: Option<(String, String)>,
    pub(crate) will: Option<Will>,
    /// Seconds; MQTT 5 only, as all below.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) max_packet: Option<u32>,
    pub(crate) topic_aliases: Option<u16>,
    pub(crate) user_properties: Vec<(String, String)>,
}

/// What the broker is to publish when the connection is lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// Seconds; MQTT 5 only.
    pub(crate) delay: Option<u32>,
    pub(crate) user_properties: Vec<(String, String)>,
}

fn v4_qos(qos: Qos) -> rumqttc::mqttbytes::QoS {
    match qos {
        Qos::AtMostOnce => rumqttc::mqttbytes::QoS::AtMostOnce,
        Qos::AtLeastOnce => rumqttc::mqttbytes::QoS::AtLeastOnce,
        Qos::ExactlyOnce => rumqttc::mqttbytes::QoS::ExactlyOnce,
    }
}

fn v5_qos(qos: Qos) -> rumqttc::v5::mqttbytes::QoS {
    match qos {
        Qos::AtMostOnce => rumqttc::v5::mqttbytes::QoS::AtMostOnce,
        Qos::AtLeastOnce => rumqttc::v5::mqttbytes::QoS::AtLeastOnce,
        Qos::ExactlyOnce => rumqttc::v5::mqttbytes::QoS::ExactlyOnce,
    }
}

impl Connect {
    /// Writes the packet.
    ///
    /// # Errors
    /// When the codec finds it too large.
    pub(crate) fn write(&self, version: Version) -> Result<BytesMut, Malformed> {
        let mut out = BytesMut::with_capacity(128);
        let written = match version {
            Version::V4 => {
                let mut connect = v4::Connect::new(self.client_id.as_str());
                connect.keep_alive = self.keep_alive;
                connect.clean_session = self.clean_start;
                if let Some((user, password)) = &self.login {
                    connect.set_login(user, password);
                }
                connect.last_will = self.will.as_ref().map(|will| {
                    v4::LastWill::new(&will.topic, will.payload.clone(), v4_qos(will.qos), will.retain)
                });
                connect.write(&mut out).map_err(|error| error.to_string())
            }
            Version::V5 => {
                let login = self.login.as_ref().map(|(user, password)| v5::Login::new(user, password));
                let will = self.will.as_ref().map(Will::v5);
                let properties = v5::ConnectProperties {
                    session_expiry_interval: self.session_expiry,
                    receive_maximum: self.receive_maximum,
                    max_packet_size: self.max_packet,
                    topic_alias_max: self.topic_aliases,
                    request_response_info: None,
                    request_problem_info: None,
                    user_properties: self.user_properties.clone(),
                    authentication_method: None,
                    authentication_data: None,
                };
                let connect = v5::Connect {
                    keep_alive: self.keep_alive,
                    client_id: self.client_id.clone(),
                    clean_start: self.clean_start,
                    properties: Some(properties),
                };
                connect.write(&will, &login, &mut out).map_err(|error| error.to_string())
            }
        };
        written.map_err(|error| Malformed::new(format!("the CONNECT cannot be written: {error}")))?;
        Ok(out)
    }
}

impl Will {
    fn v5(&self) -> v5::LastWill {
        let properties = v5::LastWillProperties {
            delay_interval: self.delay,
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: self.user_properties.clone(),
        };
        v5::LastWill {
            topic: Bytes::copy_from_slice(self.topic.as_bytes()),
            message: Bytes::copy_from_slice(&self.payload),
            qos: v5_qos(self.qos),
            retain: self.retain,
            properties: Some(properties),
        }
    }
}

/// What a broker allows, as its CONNACK says; what the standard sets where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) session_present: bool,
    /// Messages of QoS 1 and 2 under way at a time.
    pub(crate) receive_maximum: u16,
    pub(crate) max_qos: Qos,
    pub(crate) retain: bool,
    /// The largest packet it takes, in bytes.
    pub(crate) max_packet: u32,
    pub(crate) topic_aliases: u16,
    /// The keep-alive it wants in place of ours, in seconds.
    pub(crate) keep_alive: Option<u16>,
    pub(crate) client_id: Option<String>,
}

impl Default for Granted {
    fn default() -> Self {
        Self {
            session_present: false,
            receive_maximum: u16::MAX,
            max_qos: Qos::ExactlyOnce,
            retain: true,
            max_packet: u32::MAX,
            topic_aliases: 0,
            keep_alive: None,
            client_id: None,
        }
    }
}

/// A broker's answer to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnAck {
    Granted(Box<Granted>),
    /// With the reason code, and the broker's own words.
    Refused(u8, Option<String>),
}

impl ConnAck {
    /// Reads a packet of type 2.
    ///
    /// # Errors
    /// When it is not as section 3.2 of the standard says.
    pub(crate) fn read(frame: &Frame<'_>, version: Version) -> Result<Self, Malformed> {
        let mut reader = Reader(frame.body);
        let (flags, reason) = (reader.byte()?, reader.byte()?);
        let properties = match version {
            Version::V5 if reason == 0 || !reader.0.is_empty() => connack_properties(&mut reader)?,
            _ => None,
        };
        if reason != 0 {
            return Ok(Self::Refused(reason, properties.and_then(|properties| properties.reason_string)));
        }
        if flags & 0xFE != 0 {
            return Err(Malformed::new("a CONNACK with unknown flags"));
        }
        let session_present = flags & 1 != 0;
        let Some(properties) = properties else {
            return Ok(Self::Granted(Box::new(Granted { session_present, ..Granted::default() })));
        };
        let receive_maximum = properties.receive_max.unwrap_or(u16::MAX);
        if receive_maximum == 0 || properties.max_packet_size == Some(0) {
            return Err(Malformed::new("a CONNACK with a maximum of 0"));
        }
        Ok(Self::Granted(Box::new(Granted {
            session_present,
            receive_maximum,
            max_qos: properties.max_qos.and_then(Qos::from_number).unwrap_or(Qos::ExactlyOnce),
            retain: properties.retain_available != Some(0),
            max_packet: properties.max_packet_size.unwrap_or(u32::MAX),
            topic_aliases: properties.topic_alias_max.unwrap_or(0),
            keep_alive: properties.server_keep_alive,
            client_id: properties.assigned_client_identifier,
        })))
    }
}

fn connack_properties(reader: &mut Reader<'_>) -> Result<Option<v5::ConnAckProperties>, Malformed> {
    let begin = reader.0;
    let length = reader.variable_number()? as usize;
    reader.take(length)?;
    let with_length = begin.len() - reader.0.len();
    let mut bytes = Bytes::copy_from_slice(&begin[..with_length]);
    v5::ConnAckProperties::read(&mut bytes)
        .map_err(|error| Malformed::new(format!("a CONNACK whose properties cannot be read: {error}")))
}

/// A subscription as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    /// MQTT 5 only: not one's own messages.
    pub(crate) no_local: bool,
    /// MQTT 5 only: with the retain flag as it was published.
    pub(crate) retain_as_published: bool,
    /// MQTT 5 only: which retained messages to send.
    pub(crate) retained: Retained,
}

/// Which retained messages a subscription brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retained {
    #[default]
    Always,
    /// If the subscription is new.
    New,
    Never,
}

/// Writes a SUBSCRIBE.
///
/// # Errors
/// When the codec finds it too large.
pub(crate) fn subscribe(
    id: u16,
    wishes: &[Wish],
    identifier: Option<u32>,
    version: Version,
) -> Result<BytesMut, Malformed> {
    let mut out = BytesMut::with_capacity(64);
    let written = match version {
        Version::V4 => {
            let filters = wishes
                .iter()
                .map(|wish| v4::SubscribeFilter { path: wish.filter.clone(), qos: v4_qos(wish.qos) });
            v4::Subscribe { pkid: id, filters: filters.collect() }
                .write(&mut out)
                .map_err(|error| error.to_string())
        }
        Version::V5 => {
            let filters = wishes.iter().map(|wish| v5::Filter {
                path: wish.filter.clone(),
                qos: v5_qos(wish.qos),
                nolocal: wish.no_local,
                preserve_retain: wish.retain_as_published,
                retain_forward_rule: match wish.retained {
                    Retained::Always => v5::RetainForwardRule::OnEverySubscribe,
                    Retained::New => v5::RetainForwardRule::OnNewSubscribe,
                    Retained::Never => v5::RetainForwardRule::Never,
                },
            });
            let properties = identifier.map(|number| v5::SubscribeProperties {
                id: Some(number as usize),
                user_properties: Vec::new(),
            });
            v5::Subscribe { pkid: id, filters: filters.collect(), properties }
                .write(&mut out)
                .map_err(|error| error.to_string())
        }
    };
    written.map_err(|error| Malformed::new(format!("the SUBSCRIBE cannot be written: {error}")))?;
    Ok(out)
}

/// Writes an UNSUBSCRIBE.
///
/// # Errors
/// When the codec finds it too large.
pub(crate) fn unsubscribe(id: u16, filters: &[String], version: Version) -> Result<BytesMut, Malformed> {
    let mut out = BytesMut::with_capacity(64);
    let written = match version {
        Version::V4 => v4::Unsubscribe { pkid: id, topics: filters.to_vec() }
            .write(&mut out)
            .map_err(|error| error.to_string()),
        Version::V5 => v5::Unsubscribe { pkid: id, filters: filters.to_vec(), properties: None }
            .write(&mut out)
            .map_err(|error| error.to_string()),
    };
    written.map_err(|error| Malformed::new(format!("the UNSUBSCRIBE cannot be written: {error}")))?;
    Ok(out)
}

/// Reads a SUBACK or an UNSUBACK: its identifier and a reason code for each filter (3.1.1's UNSUBACK has none).
///
/// # Errors
/// When it is not as sections 3.9 and 3.11 of the standard say.
pub(crate) fn read_codes<'a>(frame: &Frame<'a>, version: Version) -> Result<(u16, &'a [u8]), Malformed> {
    let mut reader = Reader(frame.body);
    let id = reader.number()?;
    if version == Version::V5 {
        Properties::take(&mut reader)?.check()?;
    }
    Ok((id, reader.0))
}

/// The reason codes of MQTT 5 in words (section 2.4); those of a 3.1.1 CONNACK differ.
pub(crate) fn reason_text(reason: u8, version: Version) -> &'static str {
    match (version, reason) {
        (Version::V4, 1) => "unacceptable protocol version",
        (Version::V4, 2) => "client identifier rejected",
        (Version::V4, 3) => "server unavailable",
        (Version::V4, 4) => "bad user name or password",
        (Version::V4, 5) => "not authorised",
        (_, 0x00) => "success",
        (_, 0x04) => "disconnect with will message",
        (_, 0x10) => "no matching subscribers",
        (_, 0x11) => "no subscription existed",
        (_, 0x80) => "unspecified error",
        (_, 0x81) => "malformed packet",
        (_, 0x82) => "protocol error",
        (_, 0x83) => "implementation specific error",
        (_, 0x84) => "unsupported protocol version",
        (_, 0x85) => "client identifier not valid",
        (_, 0x86) => "bad user name or password",
        (_, 0x87) => "not authorised",
        (_, 0x88) => "server unavailable",
        (_, 0x89) => "server busy",
        (_, 0x8A) => "banned",
        (_, 0x8B) => "server shutting down",
        (_, 0x8C) => "bad authentication method",
        (_, 0x8D) => "keep alive timeout",
        (_, 0x8E) => "session taken over",
        (_, 0x8F) => "topic filter invalid",
        (_, 0x90) => "topic name invalid",
        (_, 0x91) => "packet identifier in use",
        (_, 0x92) => "packet identifier not found",
        (_, 0x93) => "receive maximum exceeded",
        (_, 0x94) => "topic alias invalid",
        (_, 0x95) => "packet too large",
        (_, 0x96) => "message rate too high",
        (_, 0x97) => "quota exceeded",
        (_, 0x98) => "administrative action",
        (_, 0x99) => "payload format invalid",
        (_, 0x9A) => "retain not supported",
        (_, 0x9B) => "QoS not supported",
        (_, 0x9C) => "use another server",
        (_, 0x9D) => "server moved",
        (_, 0x9E) => "shared subscriptions not supported",
        (_, 0x9F) => "connection rate exceeded",
        (_, 0xA0) => "maximum connect time",
        (_, 0xA1) => "subscription identifiers not supported",
        (_, 0xA2) => "wildcard subscriptions not supported",
        _ => "a reason the standard does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Framing, next_frame};
    use super::*;

    fn connack(bytes: &[u8], version: Version) -> Result<ConnAck, Malformed> {
        match next_frame(bytes, 10_000)? {
            Framing::Whole(frame) => ConnAck::read(&frame, version),
            Framing::Part => Err(Malformed::new("a part")),
        }
    }

    #[test]
    fn a_broker_grants_what_it_says_and_the_standard_the_rest() {
        let Ok(ConnAck::Granted(granted)) = connack(&[0x20, 2, 1, 0], Version::V4) else { panic!("granted") };
        assert!(granted.session_present);
        assert_eq!((granted.receive_maximum, granted.topic_aliases), (65_535, 0));
        let told = [0x20, 9, 0, 0, 6, 0x21, 0, 20, 0x22, 0, 10];
        let Ok(ConnAck::Granted(granted)) = connack(&told, Version::V5) else { panic!("granted") };
        assert_eq!((granted.receive_maximum, granted.topic_aliases, granted.keep_alive), (20, 10, None));
        assert_eq!(connack(&[0x20, 2, 0, 5], Version::V4), Ok(ConnAck::Refused(5, None)));
        assert_eq!(connack(&[0x20, 3, 0, 0x87, 0], Version::V5), Ok(ConnAck::Refused(0x87, None)));
        assert!(connack(&[0x20, 6, 0, 0, 3, 0x21, 0, 0], Version::V5).is_err(), "a maximum of 0");
    }

    #[test]
    fn no_bytes_make_a_reader_panic() {
        let mut random = prony_core::Random::new(7, 7, 7);
        for _ in 0..200_000 {
            let length = random.below(40) as usize;
            let body: Vec<u8> = (0..length)
                .map(|_| if random.below(3) == 0 { random.below(48) as u8 } else { random.bits() as u8 })
                .collect();
            for kind in 1..16 {
                let mut packet = vec![kind << 4 | random.below(16) as u8, length as u8];
                packet.extend_from_slice(&body);
                super::super::read_anything(&packet);
            }
        }
    }
}
