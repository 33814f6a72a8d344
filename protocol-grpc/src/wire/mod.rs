//! What gRPC says over HTTP/2: messages in their frames, metadata, time-outs, statuses, compression. Pure; bytes are moved by
//! [`crate::session`].

pub(crate) mod compression;
pub(crate) mod details;
pub(crate) mod frame;
pub(crate) mod metadata;
pub(crate) mod status;
pub(crate) mod timeout;

use bytes::Bytes;

pub(crate) use compression::Compression;
pub(crate) use frame::{Decoder, Malformed};
pub(crate) use status::{Code, code_text};

/// A peer's text for people: what would not be seen is escaped, quotes are left alone.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

/// Reads `bytes` as everything that a server may send, in pieces of several lengths: nothing may panic.
pub(crate) fn read_anything(bytes: &[u8]) {
    const LIMIT: usize = 1 << 16;
    for length in [1, 3, 5, 16, bytes.len().max(1)] {
        for compression in Compression::ALL {
            let mut decoder = Decoder::new(LIMIT);
            'pieces: for piece in bytes.chunks(length) {
                decoder.push(Bytes::copy_from_slice(piece));
                loop {
                    match decoder.next_message() {
                        Ok(Some(message)) => drop(message.open(compression, LIMIT)),
                        Ok(None) => break,
                        Err(_) => break 'pieces,
                    }
                }
            }
            let _ = decoder.finish();
        }
    }
    let _ = status::percent_decode(bytes);
    let _ = status::parse(bytes);
    let _ = details::Details::from_header(bytes);
    let _ = details::Details::from_bytes(bytes).map(|details| details.to_string());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = metadata::name(text);
        let _ = metadata::value("x", text);
        let _ = metadata::value("x-bin", text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    #[test]
    fn texts_are_shown_as_they_are_but_for_what_cannot_be_seen() {
        assert_eq!(super::printable("isn't \"ü\"\n\u{1b}[1m"), "isn't \"ü\"\\n\\u{1b}[1m");
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            super::read_anything(&bytes);
        }

        #[test]
        fn whether_a_message_is_there_is_known_before_it_is_taken(
            bytes in prop::collection::vec(0..6_u8, 0..200), length in 1..20_usize,
        ) {
            let mut decoder = super::Decoder::new(100);
            'pieces: for piece in bytes.chunks(length) {
                decoder.push(bytes::Bytes::copy_from_slice(piece));
                loop {
                    let known = decoder.has_message();
                    let next = decoder.next_message();
                    assert_eq!(known, next.as_ref().map(Option::is_some).map_err(Clone::clone));
                    match next {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'pieces,
                    }
                }
            }
        }

        #[test]
        fn nothing_behind_a_likely_head_panics(
            flag in 0..3_u8, length in 0..700_u32, bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut whole = vec![flag];
            whole.extend_from_slice(&length.to_be_bytes());
            whole.extend_from_slice(&bytes);
            super::read_anything(&whole);
        }
    }
}
