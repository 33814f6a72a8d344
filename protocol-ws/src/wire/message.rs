//! From frames to messages: fragments put together, texts and codes checked.

use std::borrow::Cow;

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::Malformed;
use super::frame::{Frame, MOST_CONTROL, Opcode};

/// Puts a connection's fragments together.
#[derive(Debug, Default)]
pub(crate) struct Assembly(Option<Box<Begun>>);

/// A message whose end has not come.
#[derive(Debug)]
struct Begun {
    is_text: bool,
    payload: Vec<u8>,
    length: usize,
}

/// What a frame completes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    Message {
        is_text: bool,
        payload: Cow<'a, [u8]>,
        /// The bytes of all its frames, heads and all.
        length: usize,
    },
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close {
        code: Option<u16>,
        reason: &'a str,
    },
    /// Part of a message.
    Part,
}

impl Assembly {
    /// Takes a frame; messages are no longer than `most`.
    ///
    /// # Errors
    /// With the rule that it breaks.
    pub(crate) fn take<'a>(&mut self, frame: &Frame<'a>, most: usize) -> Result<Incoming<'a>, Malformed> {
        match frame.opcode {
            Opcode::Ping => Ok(Incoming::Ping(frame.payload)),
            Opcode::Pong => Ok(Incoming::Pong(frame.payload)),
            Opcode::Close => read_close(frame.payload),
            Opcode::Text | Opcode::Binary if self.0.is_some() => {
                Err(Malformed::rule("a new message before the last one was finished"))
            }
            Opcode::Text | Opcode::Binary if frame.is_final => {
                let is_text = frame.opcode == Opcode::Text;
                check_text(is_text, frame.payload)?;
                Ok(Incoming::Message { is_text, payload: Cow::Borrowed(frame.payload), length: frame.length })
            }
            Opcode::Text | Opcode::Binary => {
                let is_text = frame.opcode == Opcode::Text;
                self.0 =
                    Some(Box::new(Begun { is_text, payload: frame.payload.to_vec(), length: frame.length }));
                Ok(Incoming::Part)
            }
            Opcode::Continuation => {
                let Some(mut begun) = self.0.take() else {
                    return Err(Malformed::rule("a continuation of no message"));
                };
                let together = begun.payload.len() + frame.payload.len();
                if together > most {
                    return Err(Malformed::too_long(together as u64, most));
                }
                begun.payload.extend_from_slice(frame.payload);
                begun.length += frame.length;
                if !frame.is_final {
                    self.0 = Some(begun);
                    return Ok(Incoming::Part);
                }
                check_text(begun.is_text, &begun.payload)?;
                Ok(Incoming::Message {
                    is_text: begun.is_text,
                    payload: Cow::Owned(begun.payload),
                    length: begun.length,
                })
            }
        }
    }
}

fn check_text(is_text: bool, payload: &[u8]) -> Result<(), Malformed> {
    if is_text && std::str::from_utf8(payload).is_err() {
        return Err(Malformed::text("a text message that is no UTF-8"));
    }
    Ok(())
}

fn read_close(payload: &[u8]) -> Result<Incoming<'_>, Malformed> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(Incoming::Close { code: None, reason: "" }),
            _ => Err(Malformed::rule("a CLOSE with half a code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(Malformed::rule(format!("a CLOSE with the code {code}, which may not be sent")));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Incoming::Close { code: Some(code), reason }),
        Err(_) => Err(Malformed::text("a CLOSE whose reason is no UTF-8")),
    }
}

/// What stands for the code of a CLOSE without one (section 7.1.5).
pub(crate) const fn no_code() -> u16 {
    1005
}

/// The payload of a CLOSE; a longer reason is cut off at a character.
pub(crate) fn close_payload(code: Option<u16>, reason: &str) -> Vec<u8> {
    let Some(code) = code else { return Vec::new() };
    let mut payload = code.to_be_bytes().to_vec();
    let end = reason.floor_char_boundary(MOST_CONTROL - 2);
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: Opcode, is_final: bool, payload: &[u8]) -> Frame<'_> {
        Frame { opcode, is_final, payload, length: payload.len() + 2 }
    }

    #[test]
    fn fragments_come_together_around_control_frames() {
        let mut assembly = Assembly::default();
        let euro = "€".as_bytes();
        assert_eq!(assembly.take(&frame(Opcode::Text, false, &euro[..1]), 100), Ok(Incoming::Part));
        assert_eq!(assembly.take(&frame(Opcode::Ping, true, b"x"), 100), Ok(Incoming::Ping(b"x")));
        assert_eq!(assembly.take(&frame(Opcode::Continuation, false, &[]), 100), Ok(Incoming::Part));
        let whole = Incoming::Message { is_text: true, payload: Cow::Borrowed(euro), length: 9 };
        assert_eq!(assembly.take(&frame(Opcode::Continuation, true, &euro[1..]), 100), Ok(whole));
    }

    #[test]
    fn rules_are_kept() {
        let told = |frames: &[(Opcode, bool, &[u8])]| {
            let mut assembly = Assembly::default();
            let mut taken = frames
                .iter()
                .map(|(opcode, last, payload)| assembly.take(&frame(*opcode, *last, payload), 10).err());
            taken.find_map(|wrong| wrong).map(|wrong| (wrong.code, wrong.story))
        };
        for (frames, code, part) in [
            (&[(Opcode::Continuation, true, &b""[..])][..], 1002, "continuation of no message"),
            (&[(Opcode::Text, false, b"a"), (Opcode::Text, true, b"b")], 1002, "before the last one"),
            (&[(Opcode::Text, true, b"\xFF")], 1007, "no UTF-8"),
            (&[(Opcode::Text, false, b"a"), (Opcode::Continuation, true, b"\xC3")], 1007, "no UTF-8"),
            (
                &[(Opcode::Binary, false, b"123456"), (Opcode::Continuation, true, b"123456")],
                1009,
                "max_message",
            ),
            (&[(Opcode::Close, true, b"\x03")], 1002, "half a code"),
            (&[(Opcode::Close, true, b"\x03\xED")], 1002, "1005"),
            (&[(Opcode::Close, true, b"\x03\xE8\xFF")], 1007, "reason"),
        ] {
            let (found, story) = told(frames).expect(part);
            assert!(found == code && story.contains(part), "{found} {story}");
        }
        assert_eq!(told(&[(Opcode::Close, true, b""), (Opcode::Binary, true, b"\xFF")]), None);
    }

    #[test]
    fn reasons_are_cut_at_a_character() {
        let payload = close_payload(Some(1000), &"é".repeat(100));
        assert_eq!((payload.len(), &payload[..2]), (124, &[0x03, 0xE8][..]));
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
        assert!(close_payload(None, "x").is_empty());
    }
}
