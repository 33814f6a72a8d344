//! A reply taken apart into its messages, for faults that befall one of them: tonic hands out frames, which may hold
//! many messages or a part of one.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use tonic::body::Body;

use super::answer::{Answer, Gone};
use super::status;

/// Bytes before a message: the flag of compression and the length.
pub(super) const PREFIX: usize = 5;

/// What a field that no message has takes beside its content.
pub(super) const UNKNOWN_FIELD: u32 = 7;

/// The messages of a reply.
pub(super) struct Messages {
    body: Option<Body>,
    buffer: BytesMut,
    trailers: HeaderMap,
}

impl Messages {
    /// Those of `body`; no body has none. `more` is added to its trailers.
    pub(super) fn new(body: Option<Body>, more: HeaderMap) -> Self {
        Self { body, buffer: BytesMut::new(), trailers: more }
    }

    /// The next message with its prefix, unless there is none or the client goes first.
    pub(super) async fn next(&mut self, answer: &mut Answer) -> Result<Option<Bytes>, Gone> {
        loop {
            if let Some(message) = self.buffered() {
                return Ok(Some(message));
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            let frame = answer.unless_gone(body.frame()).await?;
            // What goes wrong in a service is among its trailers, not an error.
            let Some(Ok(frame)) = frame else {
                self.body = None;
                continue;
            };
            match frame.into_data() {
                Ok(data) => self.buffer.put(data),
                Err(frame) => self.trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
    }

    /// The trailers, once all messages have been taken; those of a call that went well where there are none.
    pub(super) fn into_trailers(self) -> HeaderMap {
        let mut trailers = status::ok();
        trailers.extend(self.trailers);
        trailers
    }

    fn buffered(&mut self) -> Option<Bytes> {
        let mut prefix = self.buffer.get(1..PREFIX)?;
        let length = PREFIX + prefix.get_u32() as usize;
        (self.buffer.len() >= length).then(|| self.buffer.split_to(length).freeze())
    }
}

/// The prefix of a message of `length` bytes that is not compressed.
pub(super) fn prefix(length: u32) -> [u8; PREFIX] {
    let [a, b, c, d] = length.to_be_bytes();
    [0, a, b, c, d]
}

/// The beginning of a message of `length` bytes that any client can read, whatever type it expects: its prefix, and the
/// head of one field that no message has. The remaining bytes may be anything.
pub(super) fn unknown_field(length: u32) -> (Bytes, u32) {
    let inside = length.saturating_sub(UNKNOWN_FIELD);
    let mut head = Vec::with_capacity(PREFIX + UNKNOWN_FIELD as usize);
    head.extend(prefix(length));
    // Field 2047, length-delimited, and its length in five bytes whatever it is, as a varint may be written.
    head.extend([0xfa, 0x7f]);
    head.extend([0, 7, 14, 21].map(|shift| (inside >> shift) as u8 | 0x80));
    head.push((inside >> 28) as u8);
    (head.into(), inside)
}

/// A small message that any client can read, for where a reply has none.
pub(super) fn made_up() -> Bytes {
    let (head, inside) = unknown_field(64);
    let mut message = BytesMut::from(&head[..]);
    message.put_bytes(b'.', inside as usize);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart_wherever_they_are_cut() {
        let whole = [&prefix(3)[..], b"abc", &prefix(0)[..], &prefix(2)[..], b"de"].concat();
        for cut in 0..whole.len() {
            let mut messages = Messages::new(None, HeaderMap::new());
            let mut found = Vec::new();
            for part in [&whole[..cut], &whole[cut..]] {
                messages.buffer.put(part);
                while let Some(message) = messages.buffered() {
                    found.push(message.slice(PREFIX..));
                }
            }
            assert_eq!(found, ["abc", "", "de"], "{cut}");
        }
    }

    #[test]
    fn a_made_up_message_is_read_as_one_without_fields() {
        use prost::Message;
        let read = super::super::generated::Item::decode(&made_up()[PREFIX..]).expect("a message");
        assert_eq!(read, super::super::generated::Item::default());
    }
}
