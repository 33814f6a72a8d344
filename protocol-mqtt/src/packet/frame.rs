//! Where a packet begins and ends.

use super::Malformed;

/// A packet as it stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Its type, 1 to 15.
    pub(crate) kind: u8,
    /// The flags beside the type.
    pub(crate) flags: u8,
    /// All after the fixed header.
    pub(crate) body: &'a [u8],
    /// The whole packet's length.
    pub(crate) length: usize,
}

/// What the stream's front holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing<'a> {
    /// A whole packet.
    Whole(Frame<'a>),
    /// A part of one.
    Part,
}

/// The packet at the front of `bytes`.
///
/// # Errors
/// When its length is malformed or above `most`.
pub(crate) fn next_frame(bytes: &[u8], most: usize) -> Result<Framing<'_>, Malformed> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(Framing::Part) };
    let mut length = 0;
    for (place, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 != 0 {
            continue;
        }
        let head = 2 + place;
        if head + length > most {
            return Err(Malformed::new(format!(
                "a packet of {} bytes, more than the {most} allowed (`max_packet`)",
                head + length
            )));
        }
        return Ok(match bytes.get(head..head + length) {
            Some(body) => {
                Framing::Whole(Frame { kind: first >> 4, flags: first & 0x0F, body, length: head + length })
            }
            None => Framing::Part,
        });
    }
    if rest.len() >= 4 {
        return Err(Malformed::new("a packet whose length has more than four bytes"));
    }
    Ok(Framing::Part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_whole_or_not_at_all() {
        let bytes = [0x30, 0x03, 0, 1, b'a', 0xD0, 0x00];
        for cut in 0..5 {
            assert_eq!(next_frame(&bytes[..cut], 100), Ok(Framing::Part), "{cut}");
        }
        let Ok(Framing::Whole(frame)) = next_frame(&bytes, 100) else { panic!("a packet") };
        assert_eq!((frame.kind, frame.flags, frame.body, frame.length), (3, 0, &bytes[2..5], 5));
        let Ok(Framing::Whole(frame)) = next_frame(&bytes[5..], 100) else { panic!("a packet") };
        assert_eq!((frame.kind, frame.body.len(), frame.length), (13, 0, 2));
    }

    #[test]
    fn lengths_that_cannot_be_are_told() {
        assert!(next_frame(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], usize::MAX).is_err());
        assert_eq!(next_frame(&[0x30, 0xFF, 0xFF, 0xFF], usize::MAX), Ok(Framing::Part));
        assert!(next_frame(&[0x30, 0xFF, 0x01], 100).is_err(), "before its body has come");
    }
}
