//! MQTT's packets, 3.1.1 and 5: frames found in a stream of bytes, and what stands in them.
//!
//! Set-up packets (CONNECT, SUBSCRIBE and their answers) are rumqttc's codecs ([`control`]). The packets of messages are
//! read and written here: they are the hot path, where a view of the bytes takes the place of three allocations, and
//! rumqttc 0.25.1 misreads several subscription identifiers, an empty DISCONNECT and AUTH.

mod ack;
pub(crate) mod control;
mod frame;
pub(crate) mod properties;
mod publish;
pub(crate) mod topic;

pub(crate) use ack::{Ack, AckKind, read_disconnect, write_ack};
pub(crate) use frame::{Frame, Framing, next_frame};
pub(crate) use publish::{Publish, PublishHead, write_publish};

/// Which MQTT is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.1, whose protocol level is 4.
    V4,
    /// 5.
    V5,
}

/// How hard sender and receiver try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::enum_variant_names, reason = "the words of the standard")]
pub(crate) enum Qos {
    /// QoS 0.
    #[default]
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce,
    /// QoS 2.
    ExactlyOnce,
}

impl Qos {
    /// The level as a number from 0 to 2.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// What came is not MQTT, or not allowed by it; in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Takes bytes off the front of a packet.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        match self.0.split_at_checked(length) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => Err(Malformed::new(format!(
                "a packet ends in the middle: {length} bytes expected, {} left",
                self.0.len()
            ))),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn long_number(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Bytes with their length in front.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    /// A text with its length in front.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::new("a text that is not UTF-8"))
    }

    /// A number of one to four bytes, seven bits each (MQTT 5, section 1.5.5).
    pub(crate) fn variable_number(&mut self) -> Result<u32, Malformed> {
        let mut number = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::new("a length of more than four bytes"))
    }
}

/// Writes a number of one to four bytes, seven bits each. `number` is at most 268,435,455.
pub(crate) fn put_variable_number(out: &mut Vec<u8>, mut number: u32) {
    loop {
        let byte = (number & 0x7F) as u8;
        number >>= 7;
        if number == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// The bytes that [`put_variable_number`] writes.
pub(crate) const fn length_of_variable_number(number: usize) -> usize {
    match number {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

/// Writes bytes with their length in front; `bytes` is at most 65,535 long.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads `bytes` as everything that a broker may send.
pub(crate) fn read_anything(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Framing::Whole(frame)) = next_frame(rest, 1 << 20) {
        for version in [Version::V4, Version::V5] {
            let _ = control::ConnAck::read(&frame, version);
            let _ = control::read_codes(&frame, version);
            let _ = Ack::read(&frame, version);
            let _ = Publish::read(&frame, version).map(|publish| {
                crate::reply::Arrived::new(&publish, "t", 0, prony_core::Timestamp::default())
            });
        }
        let _ = read_disconnect(&frame);
        let _ = prony_core::delivery::Stamp::read(frame.body);
        rest = &rest[frame.length..];
    }
}
