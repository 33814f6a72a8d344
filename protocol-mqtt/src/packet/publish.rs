//! PUBLISH, both ways.

use super::properties::{Properties, Property};
use super::{
    Frame, Malformed, Qos, Reader, Version, length_of_variable_number, put_bytes, put_variable_number,
};

/// A message that came, as it stands in the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publish<'a> {
    /// It may have been sent before.
    pub(crate) repeated: bool,
    pub(crate) qos: Qos,
    /// It was kept by the broker from before the subscription.
    pub(crate) retained: bool,
    /// Empty when an alias stands for it.
    pub(crate) topic: &'a str,
    /// 0 at QoS 0.
    pub(crate) id: u16,
    pub(crate) properties: Properties<'a>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Reads a packet of type 3.
    ///
    /// # Errors
    /// When it is not as section 3.3 of the standard says.
    pub(crate) fn read(frame: &Frame<'a>, version: Version) -> Result<Self, Malformed> {
        let qos =
            Qos::from_number((frame.flags >> 1) & 3).ok_or_else(|| Malformed::new("a PUBLISH of QoS 3"))?;
        let mut reader = Reader(frame.body);
        let topic = reader.text()?;
        let id = if qos == Qos::AtMostOnce { 0 } else { reader.number()? };
        if qos != Qos::AtMostOnce && id == 0 {
            return Err(Malformed::new("a PUBLISH with packet identifier 0"));
        }
        let properties = match version {
            Version::V4 => Properties::default(),
            Version::V5 => {
                let properties = Properties::take(&mut reader)?;
                properties.check()?;
                properties
            }
        };
        if topic.is_empty() && version == Version::V4 {
            return Err(Malformed::new("a PUBLISH without a topic"));
        }
        if topic.contains(['+', '#', '\0']) {
            return Err(Malformed::new(format!(
                "a PUBLISH to `{}`, which is no topic",
                topic.escape_debug()
            )));
        }
        Ok(Self {
            repeated: frame.flags & 8 != 0,
            qos,
            retained: frame.flags & 1 != 0,
            topic,
            id,
            properties,
            payload: reader.0,
        })
    }
}

/// All of a PUBLISH but its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishHead<'a> {
    pub(crate) repeated: bool,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// At most 65,535 bytes, as are all texts of the properties.
    pub(crate) topic: &'a str,
    pub(crate) id: u16,
    /// Only MQTT 5 has them.
    pub(crate) properties: &'a [Property<'a>],
}

/// Writes a PUBLISH whose payload is the pieces in a row; its length in bytes.
pub(crate) fn write_publish(
    head: &PublishHead<'_>,
    payload: &[&[u8]],
    version: Version,
    out: &mut Vec<u8>,
) -> usize {
    let properties: usize = head.properties.iter().map(Property::length).sum();
    let mut length = 2 + head.topic.len() + payload.iter().map(|piece| piece.len()).sum::<usize>();
    if head.qos != Qos::AtMostOnce {
        length += 2;
    }
    if version == Version::V5 {
        length += length_of_variable_number(properties) + properties;
    }
    let start = out.len();
    out.reserve(length + 5);
    out.push(0x30 | u8::from(head.retain) | ((head.qos as u8) << 1) | (u8::from(head.repeated) << 3));
    put_variable_number(out, length as u32);
    put_bytes(out, head.topic.as_bytes());
    if head.qos != Qos::AtMostOnce {
        out.extend_from_slice(&head.id.to_be_bytes());
    }
    if version == Version::V5 {
        put_variable_number(out, properties as u32);
        head.properties.iter().for_each(|property| property.write(out));
    }
    payload.iter().for_each(|piece| out.extend_from_slice(piece));
    out.len() - start
}

#[cfg(test)]
mod tests {
    use super::super::{Framing, next_frame};
    use super::*;

    #[test]
    fn what_is_written_is_what_rumqttc_reads() {
        let head = PublishHead {
            repeated: true,
            qos: Qos::AtLeastOnce,
            retain: true,
            topic: "site/7/t",
            id: 513,
            properties: &[Property::User("k", "v"), Property::TopicAlias(9)],
        };
        let payload = vec![7; 300];
        let mut bytes = Vec::new();
        let length = write_publish(&head, &[&payload[..100], &payload[100..]], Version::V5, &mut bytes);
        assert_eq!(length, bytes.len());
        let mut stream = bytes::BytesMut::from(bytes.as_slice());
        let read = rumqttc::v5::mqttbytes::v5::Packet::read(&mut stream, None).expect("a packet");
        let rumqttc::v5::mqttbytes::v5::Packet::Publish(publish) = read else { panic!("a PUBLISH") };
        assert_eq!((publish.pkid, publish.dup, publish.retain), (513, true, true));
        assert_eq!(
            (publish.topic.as_ref(), publish.payload.as_ref()),
            (b"site/7/t".as_slice(), payload.as_slice())
        );
        assert_eq!(publish.properties.expect("some").user_properties, [("k".to_owned(), "v".to_owned())]);

        let plain = PublishHead { qos: Qos::AtMostOnce, id: 0, properties: &[], ..head };
        let mut bytes = Vec::new();
        write_publish(&plain, &[b"hello"], Version::V4, &mut bytes);
        let mut stream = bytes::BytesMut::from(bytes.as_slice());
        let read = rumqttc::mqttbytes::v4::Packet::read(&mut stream, 1_000).expect("a packet");
        let rumqttc::mqttbytes::v4::Packet::Publish(publish) = read else { panic!("a PUBLISH") };
        assert_eq!((publish.topic.as_str(), publish.payload.as_ref()), ("site/7/t", b"hello".as_slice()));
    }

    #[test]
    fn what_is_written_reads_back_and_halves_do_not() {
        let properties = [Property::SubscriptionIdentifier(1), Property::SubscriptionIdentifier(2)];
        let head = PublishHead {
            repeated: false,
            qos: Qos::ExactlyOnce,
            retain: false,
            topic: "a/b",
            id: 1,
            properties: &properties,
        };
        let mut bytes = Vec::new();
        write_publish(&head, &[b"payload"], Version::V5, &mut bytes);
        let Ok(Framing::Whole(frame)) = next_frame(&bytes, 1_000) else { panic!("whole") };
        let read = Publish::read(&frame, Version::V5).expect("a PUBLISH");
        assert_eq!((read.topic, read.id, read.payload), ("a/b", 1, b"payload".as_slice()));
        assert_eq!(read.properties.iter().count(), 2);
        for cut in 0..8 {
            let half = Frame { body: &frame.body[..cut], ..frame };
            assert!(Publish::read(&half, Version::V5).is_err(), "{cut}");
        }
    }
}
