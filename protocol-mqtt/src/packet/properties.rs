//! The properties of messages in MQTT 5 (section 2.2.2).

use super::{Malformed, Reader, length_of_variable_number, put_bytes, put_variable_number};

/// A property that matters to Prony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property<'a> {
    /// 1: the payload is a text.
    PayloadFormat(u8),
    /// 2: seconds.
    MessageExpiry(u32),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    SubscriptionIdentifier(u32),
    ReasonString(&'a str),
    TopicAlias(u16),
    User(&'a str, &'a str),
    ServerReference(&'a str),
    /// One of set-up packets that have no place in messages and acknowledgements.
    Other,
}

/// Properties in their order. Reading one that is malformed is an error, and the last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Properties<'a>(pub(crate) &'a [u8]);

impl<'a> Properties<'a> {
    /// Takes them off the front of a packet.
    pub(crate) fn take(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let length = reader.variable_number()?;
        Ok(Self(reader.take(length as usize)?))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Result<Property<'a>, Malformed>> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || {
            if reader.0.is_empty() {
                return None;
            }
            let read = one(&mut reader);
            if read.is_err() {
                reader.0 = &[];
            }
            Some(read)
        })
    }

    /// Whether all of them can be read.
    pub(crate) fn check(self) -> Result<(), Malformed> {
        self.iter().try_for_each(|property| property.map(|_| ()))
    }
}

fn one<'a>(reader: &mut Reader<'a>) -> Result<Property<'a>, Malformed> {
    Ok(match reader.byte()? {
        0x01 => Property::PayloadFormat(reader.byte()?),
        0x02 => Property::MessageExpiry(reader.long_number()?),
        0x03 => Property::ContentType(reader.text()?),
        0x08 => Property::ResponseTopic(reader.text()?),
        0x09 => Property::CorrelationData(reader.bytes()?),
        0x0B => Property::SubscriptionIdentifier(reader.variable_number()?),
        0x1C => Property::ServerReference(reader.text()?),
        0x1F => Property::ReasonString(reader.text()?),
        0x23 => Property::TopicAlias(reader.number()?),
        0x26 => Property::User(reader.text()?, reader.text()?),
        0x11 => reader.long_number().map(|_| Property::Other)?,
        unknown => return Err(Malformed::new(format!("an unknown property 0x{unknown:02X} in a packet"))),
    })
}

impl Property<'_> {
    /// The bytes that [`Self::write`] writes.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::PayloadFormat(_) => 2,
            Self::MessageExpiry(_) => 5,
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::ReasonString(text)
            | Self::ServerReference(text) => 3 + text.len(),
            Self::CorrelationData(bytes) => 3 + bytes.len(),
            Self::SubscriptionIdentifier(number) => 1 + length_of_variable_number(*number as usize),
            Self::TopicAlias(_) => 3,
            Self::User(name, value) => 5 + name.len() + value.len(),
            Self::Other => 0,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::PayloadFormat(format) => out.extend_from_slice(&[0x01, *format]),
            Self::MessageExpiry(seconds) => {
                out.push(0x02);
                out.extend_from_slice(&seconds.to_be_bytes());
            }
            Self::ContentType(text) => put_text(out, 0x03, text),
            Self::ResponseTopic(text) => put_text(out, 0x08, text),
            Self::CorrelationData(bytes) => {
                out.push(0x09);
                put_bytes(out, bytes);
            }
            Self::SubscriptionIdentifier(number) => {
                out.push(0x0B);
                put_variable_number(out, *number);
            }
            Self::ServerReference(text) => put_text(out, 0x1C, text),
            Self::ReasonString(text) => put_text(out, 0x1F, text),
            Self::TopicAlias(alias) => {
                out.push(0x23);
                out.extend_from_slice(&alias.to_be_bytes());
            }
            Self::User(name, value) => {
                put_text(out, 0x26, name);
                put_bytes(out, value.as_bytes());
            }
            Self::Other => {}
        }
    }
}

fn put_text(out: &mut Vec<u8>, identifier: u8, text: &str) {
    out.push(identifier);
    put_bytes(out, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_read_back_as_they_were_written() {
        let all = [
            Property::SubscriptionIdentifier(1),
            Property::SubscriptionIdentifier(300),
            Property::SubscriptionIdentifier(70_000),
            Property::PayloadFormat(1),
            Property::MessageExpiry(60),
            Property::ContentType("text/plain"),
            Property::ResponseTopic("answers/7"),
            Property::CorrelationData(b"\x00\xff"),
            Property::TopicAlias(3),
            Property::User("a", "b"),
            Property::User("", ""),
        ];
        let mut bytes = Vec::new();
        all.iter().for_each(|property| property.write(&mut bytes));
        assert_eq!(bytes.len(), all.iter().map(Property::length).sum::<usize>());
        let back: Result<Vec<_>, _> = Properties(&bytes).iter().collect();
        assert_eq!(back.as_deref(), Ok(all.as_slice()));
        for cut in 1..bytes.len() {
            let _ = Properties(&bytes[..cut]).check();
        }
        assert!(Properties(&[0x26, 0, 5, b'a']).check().is_err());
        assert!(Properties(&[0x7F]).check().is_err());
    }
}
