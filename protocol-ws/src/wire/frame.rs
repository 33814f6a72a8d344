//! One frame: its head read and written by tungstenite's, its payload left where it lies.
//!
//! tungstenite's `WebSocketContext` is not used: it holds a read buffer a connection, makes an allocation a message, does not tell
//! when a frame came, and its errors do not say which rule a server broke.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::Malformed;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A frame that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    /// The last of its message.
    pub(crate) is_final: bool,
    pub(crate) payload: &'a [u8],
    /// With its head.
    pub(crate) length: usize,
}

/// What bytes are the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing<'a> {
    Whole(Frame<'a>),
    Part,
}

/// The longest payload of a control frame (section 5.5).
pub(crate) const MOST_CONTROL: usize = 125;

/// The frame at the beginning of `bytes`, as a server may send it: no longer than `most`.
///
/// # Errors
/// With the rule that it breaks; told by its head, before the payload is waited for.
pub(crate) fn next_frame(bytes: &[u8], most: usize) -> Result<Framing<'_>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let (head, length) = match FrameHeader::parse(&mut cursor) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Ok(Framing::Part),
        Err(_) => {
            let opcode = bytes.first().map_or(0, |first| first & 0x0F);
            return Err(Malformed::rule(format!("a frame with the reserved opcode {opcode:#x}")));
        }
    };
    let opcode = match head.opcode {
        OpCode::Data(Data::Continue) => Opcode::Continuation,
        OpCode::Data(Data::Text) => Opcode::Text,
        OpCode::Data(_) => Opcode::Binary,
        OpCode::Control(Control::Close) => Opcode::Close,
        OpCode::Control(Control::Ping) => Opcode::Ping,
        OpCode::Control(_) => Opcode::Pong,
    };
    if head.rsv1 || head.rsv2 || head.rsv3 {
        return Err(Malformed::rule("a frame with a reserved bit set, though no extension was agreed on"));
    }
    if head.mask.is_some() {
        return Err(Malformed::rule("a masked frame, which only clients send"));
    }
    if matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
        if !head.is_final {
            return Err(Malformed::rule("a control frame in fragments"));
        }
        if length > MOST_CONTROL as u64 {
            return Err(Malformed::rule(format!("a control frame of {length} bytes, where 125 are allowed")));
        }
    }
    let wanted = usize::try_from(length).ok().filter(|length| *length <= most);
    let wanted = wanted.ok_or_else(|| Malformed::too_long(length, most))?;
    let begin = cursor.position() as usize;
    match bytes.get(begin..begin + wanted) {
        Some(payload) => {
            Ok(Framing::Whole(Frame { opcode, is_final: head.is_final, payload, length: begin + wanted }))
        }
        None => Ok(Framing::Part),
    }
}

/// Writes a frame, masked as a client's must be. Returns its length.
pub(crate) fn put_frame(
    out: &mut Vec<u8>,
    opcode: Opcode,
    is_final: bool,
    payload: &[u8],
    mask: [u8; 4],
) -> usize {
    let opcode = match opcode {
        Opcode::Continuation => OpCode::Data(Data::Continue),
        Opcode::Text => OpCode::Data(Data::Text),
        Opcode::Binary => OpCode::Data(Data::Binary),
        Opcode::Close => OpCode::Control(Control::Close),
        Opcode::Ping => OpCode::Control(Control::Ping),
        Opcode::Pong => OpCode::Control(Control::Pong),
    };
    let head = FrameHeader { is_final, opcode, mask: Some(mask), ..FrameHeader::default() };
    let before = out.len();
    out.reserve(head.len(payload.len() as u64) + payload.len());
    // Writing to memory cannot fail.
    let _ = head.format(payload.len() as u64, out);
    let begin = out.len();
    out.extend_from_slice(payload);
    apply(&mut out[begin..], mask);
    out.len() - before
}

/// Masks or unmasks: eight bytes at a time, which compilers make wide of.
fn apply(bytes: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame as Theirs;

    use super::*;

    #[test]
    fn rules_that_servers_break_are_told_by_the_head_alone() {
        for (bytes, part) in [
            (&[0x83, 0x00][..], "reserved opcode 0x3"),
            (&[0x8B, 0x00], "reserved opcode 0xb"),
            (&[0xC1, 0x00], "reserved bit"),
            (&[0x91, 0x00], "reserved bit"),
            (&[0x81, 0x81, 1, 2, 3, 4, 5], "masked"),
            (&[0x09, 0x00], "in fragments"),
            (&[0x89, 126, 0, 126], "of 126 bytes"),
            (&[0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0], "raise `max_message`"),
            (&[0x82, 126, 0x10, 0x01], "raise `max_message`"),
        ] {
            let told = next_frame(bytes, 4096).expect_err(part);
            assert!(told.story.contains(part), "{told:?}");
        }
    }

    proptest! {
        #[test]
        fn frames_in_any_pieces_are_those_that_were_sent(
            payload in prop::collection::vec(any::<u8>(), 0..70_000),
            is_final: bool,
            cut in 0.0..1.0,
        ) {
            let mut bytes = Vec::new();
            let opcode = OpCode::Data(Data::Binary);
            Theirs::message(payload.clone(), opcode, is_final).format(&mut bytes).expect("memory");
            let whole = bytes.len();
            bytes.extend_from_slice(b"more");
            let cut = ((whole as f64) * cut) as usize;
            prop_assert_eq!(next_frame(&bytes[..cut], 1 << 20), Ok(Framing::Part));
            let frame = Frame { opcode: Opcode::Binary, is_final, payload: &payload, length: whole };
            prop_assert_eq!(next_frame(&bytes, 1 << 20), Ok(Framing::Whole(frame)));
        }

        #[test]
        fn what_is_written_unmasks_to_what_was_meant(payload in prop::collection::vec(any::<u8>(), 0..300), mask: [u8; 4]) {
            let mut bytes = Vec::new();
            let length = put_frame(&mut bytes, Opcode::Text, true, &payload, mask);
            prop_assert_eq!(length, bytes.len());
            let mut cursor = Cursor::new(&bytes);
            let (head, told) = FrameHeader::parse(&mut cursor).expect("a head").expect("whole");
            prop_assert_eq!((head.mask, told), (Some(mask), payload.len() as u64));
            let begin = cursor.position() as usize;
            let unmasked: Vec<u8> = bytes[begin..].iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
            prop_assert_eq!(unmasked, payload);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            super::super::read_anything(&bytes);
        }
    }
}
