//! The short answers of messages: PUBACK, PUBREC, PUBREL, PUBCOMP; and DISCONNECT, which is one to a connection.

use super::properties::{Properties, Property};
use super::{Frame, Malformed, Reader, Version};

/// Which answer (PUBACK, PUBREC, PUBREL, PUBCOMP); the value is the packet's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckKind {
    Acknowledged = 4,
    Received = 5,
    Release = 6,
    Complete = 7,
}

/// An answer that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    pub(crate) id: u16,
    /// The reason code; 0 is success, 0x80 and above are failures. Always 0 in 3.1.1.
    pub(crate) reason: u8,
    /// The broker's own words.
    pub(crate) story: Option<&'a str>,
}

impl<'a> Ack<'a> {
    /// Reads a packet of type 4 to 7.
    ///
    /// # Errors
    /// When it is not as sections 3.4 to 3.7 of the standard say.
    pub(crate) fn read(frame: &Frame<'a>, version: Version) -> Result<Self, Malformed> {
        let mut reader = Reader(frame.body);
        let id = reader.number()?;
        if version == Version::V4 || reader.0.is_empty() {
            return Ok(Self { id, reason: 0, story: None });
        }
        let reason = reader.byte()?;
        let story = story(&mut reader)?;
        Ok(Self { id, reason, story })
    }
}

/// Reads a DISCONNECT's reason code and words. 3.1.1 brokers send none.
pub(crate) fn read_disconnect<'a>(frame: &Frame<'a>) -> Result<(u8, Option<&'a str>), Malformed> {
    let mut reader = Reader(frame.body);
    if reader.0.is_empty() {
        return Ok((0, None));
    }
    let reason = reader.byte()?;
    Ok((reason, story(&mut reader)?))
}

/// The reason string among the properties, which may be left out altogether.
fn story<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, Malformed> {
    if reader.0.is_empty() {
        return Ok(None);
    }
    let mut story = None;
    for property in Properties::take(reader)?.iter() {
        if let Property::ReasonString(text) = property? {
            story = Some(text);
        }
    }
    Ok(story)
}

/// Writes an answer that means success.
pub(crate) fn write_ack(kind: AckKind, id: u16, out: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    // PUBREL's flags are fixed to 2 (section 3.6.1).
    let flags = if kind == AckKind::Release { 2 } else { 0 };
    out.extend_from_slice(&[(kind as u8) << 4 | flags, 2, high, low]);
}

#[cfg(test)]
mod tests {
    use super::super::{Framing, next_frame};
    use super::*;

    fn read(bytes: &[u8], version: Version) -> Result<(u16, u8, Option<String>), Malformed> {
        let Framing::Whole(frame) = next_frame(bytes, 1_000)? else { panic!("whole") };
        Ack::read(&frame, version).map(|ack| (ack.id, ack.reason, ack.story.map(str::to_owned)))
    }

    #[test]
    fn answers_read_with_and_without_reasons() {
        let mut bytes = Vec::new();
        write_ack(AckKind::Release, 258, &mut bytes);
        assert_eq!(bytes, [0x62, 2, 1, 2]);
        assert_eq!(read(&bytes, Version::V5), Ok((258, 0, None)));
        assert_eq!(read(&[0x40, 3, 0, 1, 0x10], Version::V5), Ok((1, 0x10, None)));
        let told = [0x40, 9, 0, 1, 0x87, 5, 0x1F, 0, 2, b'n', b'o'];
        assert_eq!(read(&told, Version::V5), Ok((1, 0x87, Some("no".to_owned()))));
        assert!(read(&[0x40, 1, 0], Version::V4).is_err());
        assert!(read(&[0x40, 5, 0, 1, 0x87, 9, 0x1F], Version::V5).is_err());
    }
}
