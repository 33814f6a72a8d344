//! Frames and messages (RFC 6455, sections 5 to 7): read in place, written masked.

mod frame;
mod message;

use prony_core::FailureKind;

pub(crate) use frame::{Framing, Opcode, next_frame, put_frame};
pub(crate) use message::{Assembly, Incoming, close_payload, no_code};

/// What came is not WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) kind: FailureKind,
    /// The code with which the connection is ended.
    pub(crate) code: u16,
    /// What was sent: `a masked frame`.
    pub(crate) story: String,
}

impl Malformed {
    /// A rule was broken.
    pub(crate) fn rule(story: impl Into<String>) -> Self {
        Self { kind: FailureKind::Protocol, code: 1002, story: story.into() }
    }

    /// A text is none.
    pub(crate) fn text(story: impl Into<String>) -> Self {
        Self { kind: FailureKind::Protocol, code: 1007, story: story.into() }
    }

    /// A message is longer than allowed.
    pub(crate) fn too_long(length: u64, most: usize) -> Self {
        let story =
            format!("a message of {length} bytes or more, where {most} are taken; raise `max_message`");
        Self { kind: FailureKind::TooLarge, code: 1009, story }
    }
}

/// Reads `bytes` as a server's frames, for fuzzing.
pub(crate) fn read_anything(bytes: &[u8]) {
    const MOST: usize = 1 << 16;
    let mut assembly = Assembly::default();
    let mut taken = 0;
    while let Ok(Framing::Whole(frame)) = next_frame(&bytes[taken..], MOST) {
        taken += frame.length;
        match assembly.take(&frame, MOST) {
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
