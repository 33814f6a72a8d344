//! What travels with a message, so that its receiver knows which one it is and when it was due.
//!
//! 36 bytes, big-endian: magic (4), run (4), stream (4), sequence (4), intended (8), sent (8), checksum (4). Magic and
//! checksum together make it a matter of 1 in 2⁶⁴ that somebody else's payload is taken for one. Where a message is text,
//! the same bytes travel as base64url.

use crate::Timestamp;

/// The number of a publisher's stream (its messages on one topic) in its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// Of all streams for which the ledger had no room.
    pub const BEYOND: Self = Self(u32::MAX);
}

/// What travels with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The run, so that what an earlier one left behind is told apart.
    pub run: u32,
    /// The stream in this run.
    pub stream: StreamId,
    /// Its number in the stream, from 0.
    pub sequence: u32,
    /// When it was due.
    pub intended: Timestamp,
    /// When it was handed to the connection.
    pub sent: Timestamp,
}

const MAGIC: [u8; 4] = [0xA7, b'P', b'r', 0x1D];
const BODY: usize = 32;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Stamp {
    /// Bytes of one.
    pub const LENGTH: usize = 36;
    /// Characters of one as text.
    pub const TEXT_LENGTH: usize = 48;

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.run.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.stream.0.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.intended.as_nanos().to_be_bytes());
        bytes[24..32].copy_from_slice(&self.sent.as_nanos().to_be_bytes());
        let sum = checksum(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// The stamp at the beginning of `payload`, if there is one.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = payload.first_chunk()?;
        if bytes[..4] != MAGIC || checksum(&bytes[..BODY]).to_be_bytes() != bytes[BODY..] {
            return None;
        }
        let short = |at: usize| bytes[at..].first_chunk().map(|four| u32::from_be_bytes(*four));
        let long = |at: usize| bytes[at..].first_chunk().map(|eight| u64::from_be_bytes(*eight));
        Some(Self {
            run: short(4)?,
            stream: StreamId(short(8)?),
            sequence: short(12)?,
            intended: Timestamp::from_nanos(long(16)?),
            sent: Timestamp::from_nanos(long(24)?),
        })
    }

    /// Its text: [`Self::TEXT_LENGTH`] characters of base64url (RFC 4648, section 5).
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(Self::TEXT_LENGTH);
        for three in self.to_bytes().chunks_exact(3) {
            let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            for shift in [18, 12, 6, 0] {
                text.push(char::from(ALPHABET[bits >> shift & 63]));
            }
        }
        text
    }

    /// The stamp at the beginning of `text`, if there is one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let characters: &[u8; Self::TEXT_LENGTH] = text.as_bytes().first_chunk()?;
        let mut bytes = [0; Self::LENGTH];
        for (four, three) in characters.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
            let mut bits = 0_u32;
            for character in four {
                bits = bits << 6 | sextet(*character)?;
            }
            three.copy_from_slice(&bits.to_be_bytes()[1..]);
        }
        Self::read(&bytes)
    }
}

/// What a character of base64url stands for.
fn sextet(character: u8) -> Option<u32> {
    Some(u32::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

/// A sum over whole words. Each word is multiplied in and folded, so every bit reaches the result.
fn checksum(body: &[u8]) -> u32 {
    let mut sum = 0x9E37_79B9_7F4A_7C15_u64;
    for word in body.chunks_exact(8) {
        let word = word.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        sum = (sum ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        sum ^= sum >> 32;
    }
    sum as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    fn sample() -> Stamp {
        Stamp {
            run: 7,
            stream: StreamId(0xFEDC_BA98),
            sequence: 3,
            intended: Timestamp::from_nanos(u64::MAX),
            sent: Timestamp::from_nanos(1),
        }
    }

    #[test]
    fn a_stamp_survives_bytes_and_text_with_something_after_it() {
        let mut bytes = sample().to_bytes().to_vec();
        bytes.extend_from_slice(b"{payload}");
        assert_eq!(Stamp::read(&bytes), Some(sample()));
        let text = sample().to_text();
        assert_eq!(text.len(), Stamp::TEXT_LENGTH);
        assert_eq!(Stamp::from_text(&(text + "é rest")), Some(sample()));
    }

    #[test]
    fn a_stamp_with_any_bit_changed_is_none() {
        let bytes = sample().to_bytes();
        for bit in 0..Stamp::LENGTH * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Stamp::read(&changed), None, "bit {bit}");
        }
    }

    #[test]
    fn random_payloads_are_never_taken_for_stamps() {
        let mut random = Random::new(1, 2, 3);
        for round in 0..1_000_000_u32 {
            let mut payload = [0_u8; 48];
            for eight in payload.chunks_exact_mut(8) {
                eight.copy_from_slice(&random.bits().to_be_bytes());
            }
            // Half of them begin like one: the checksum alone must tell.
            if round % 2 == 0 {
                payload[..4].copy_from_slice(&MAGIC);
            }
            let length = random.below(49) as usize;
            assert_eq!(Stamp::read(&payload[..length]), None);
            assert_eq!(Stamp::from_text(&String::from_utf8_lossy(&payload[..length])), None);
        }
    }
}
