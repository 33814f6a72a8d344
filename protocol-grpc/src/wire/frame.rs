//! Messages in their frames: a flag, a length in four bytes, and the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Compression;
use super::compression::Undecodable;

/// The bytes before a message.
pub(crate) const HEAD: usize = 5;

/// Puts a message's frame at the end of `out`; `write` puts the message itself. What it compresses to, if anything, is written
/// instead.
///
/// # Errors
/// Whatever `write` has to say.
pub(crate) fn put<E>(
    out: &mut Vec<u8>,
    compression: Compression,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.put_bytes(0, HEAD);
    write(out)?;
    if compression != Compression::Identity {
        let packed = compression.pack(&out[start + HEAD..]);
        out.truncate(start + HEAD);
        out.extend_from_slice(&packed);
        out[start] = 1;
    }
    // A message of 4 GiB is beyond what `max_message` of any peer allows, and of what anybody has in memory here.
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start + 1..start + HEAD].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// What is wrong with the messages that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The flag is neither 0 nor 1.
    #[error("a message's first byte is {0}, where gRPC has 0, or 1 for a compressed message")]
    Flag(u8),
    /// Longer than is taken.
    #[error("a message of {length} bytes; `max_message` takes {limit}")]
    TooLong {
        /// Its length.
        length: u64,
        /// The most that is taken.
        limit: usize,
    },
    /// Compressed, though no compression was announced.
    #[error("a compressed message, though the answer names no `grpc-encoding`")]
    Unannounced,
    /// It does not decompress.
    #[error("a message that is not what its `grpc-encoding: {0}` says")]
    Undecodable(&'static str),
    /// The bytes ended within a message.
    #[error("the answer ended within a message: {have} bytes of {wanted} came")]
    Half {
        /// What came of it, its head included.
        have: usize,
        /// What it has, as far as is known.
        wanted: usize,
    },
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Framed {
    compressed: bool,
    pub(crate) bytes: Bytes,
}

impl Framed {
    /// The message itself, decompressed where it is compressed.
    pub(crate) fn open(self, compression: Compression, limit: usize) -> Result<Bytes, Malformed> {
        if !self.compressed {
            return Ok(self.bytes);
        }
        if compression == Compression::Identity {
            return Err(Malformed::Unannounced);
        }
        compression.unpack(&self.bytes, limit).map_err(|problem| match problem {
            Undecodable::Broken => Malformed::Undecodable(compression.name()),
            Undecodable::TooLong => Malformed::TooLong { length: limit as u64 + 1, limit },
        })
    }
}

/// Finds the messages in what comes. A message that lies in one piece is a part of that piece; others are put together.
#[derive(Debug)]
pub(crate) struct Decoder {
    piece: Bytes,
    /// The beginning of a message whose end is not there yet, its head included.
    begun: BytesMut,
    limit: usize,
}

impl Decoder {
    /// A decoder that takes messages of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { piece: Bytes::new(), begun: BytesMut::new(), limit }
    }

    /// Takes the next piece. All messages of the piece before were asked for.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() {
            self.piece = piece;
        } else {
            let mut joined = BytesMut::from(&self.piece[..]);
            joined.extend_from_slice(&piece);
            self.piece = joined.freeze();
        }
    }

    /// The next whole message, if there is one.
    pub(crate) fn next_message(&mut self) -> Result<Option<Framed>, Malformed> {
        if self.begun.is_empty() {
            if self.piece.len() >= HEAD {
                let (compressed, length) = self.head(&self.piece[..HEAD])?;
                if self.piece.len() - HEAD >= length {
                    self.piece.advance(HEAD);
                    return Ok(Some(Framed { compressed, bytes: self.piece.split_to(length) }));
                }
            }
            if self.piece.is_empty() {
                return Ok(None);
            }
        }
        self.move_over(HEAD);
        if self.begun.len() < HEAD {
            return Ok(None);
        }
        let (compressed, length) = self.head(&self.begun[..HEAD])?;
        self.move_over(HEAD + length);
        if self.begun.len() < HEAD + length {
            return Ok(None);
        }
        let mut whole = std::mem::take(&mut self.begun).freeze();
        whole.advance(HEAD);
        Ok(Some(Framed { compressed, bytes: whole }))
    }

    /// Whether a whole message is there.
    pub(crate) fn has_message(&mut self) -> Result<bool, Malformed> {
        if !self.begun.is_empty() {
            self.move_over(HEAD);
            if self.begun.len() < HEAD {
                return Ok(false);
            }
            let (_, length) = self.head(&self.begun[..HEAD])?;
            self.move_over(HEAD + length);
            return Ok(self.begun.len() == HEAD + length);
        }
        Ok(self.piece.len() >= HEAD && self.piece.len() - HEAD >= self.head(&self.piece[..HEAD])?.1)
    }

    /// Whether the bytes may end here.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        let rest: Vec<u8> = self.begun.iter().chain(self.piece.iter()).copied().take(HEAD).collect();
        let have = self.begun.len() + self.piece.len();
        if have == 0 {
            return Ok(());
        }
        let wanted = if have < HEAD { HEAD } else { HEAD + self.head(&rest)?.1 };
        Err(Malformed::Half { have, wanted })
    }

    /// Moves bytes of the piece to the beginning that is there, until that has `length`.
    fn move_over(&mut self, length: usize) {
        let more = length.saturating_sub(self.begun.len()).min(self.piece.len());
        self.begun.extend_from_slice(&self.piece.split_to(more));
    }

    fn head(&self, head: &[u8]) -> Result<(bool, usize), Malformed> {
        let compressed = match head[0] {
            0 => false,
            1 => true,
            flag => return Err(Malformed::Flag(flag)),
        };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if length as usize > self.limit {
            return Err(Malformed::TooLong { length: u64::from(length), limit: self.limit });
        }
        Ok((compressed, length as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    fn framed(messages: &[Vec<u8>], compression: Compression) -> Vec<u8> {
        let mut out = Vec::new();
        for message in messages {
            put::<()>(&mut out, compression, |out| {
                out.extend_from_slice(message);
                Ok(())
            })
            .expect("writes");
        }
        out
    }

    fn read(bytes: &[u8], length: usize, compression: Compression) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut decoder = Decoder::new(10_000);
        let mut messages = Vec::new();
        for piece in bytes.chunks(length.max(1)) {
            decoder.push(Bytes::copy_from_slice(piece));
            while let Some(message) = decoder.next_message()? {
                messages.push(message.open(compression, 10_000)?.to_vec());
            }
        }
        decoder.finish().map(|()| messages)
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
            length in 1..700_usize, way in 0..3_usize,
        ) {
            let compression = Compression::ALL[way];
            prop_assert_eq!(read(&framed(&messages, compression), length, compression), Ok(messages));
        }
    }

    #[test]
    fn a_message_within_one_piece_is_not_copied() {
        let piece = Bytes::from(framed(&[b"hello".to_vec()], Compression::Identity));
        let at = piece[HEAD..].as_ptr();
        let mut decoder = Decoder::new(5);
        decoder.push(piece);
        let message = decoder.next_message().expect("well made").expect("whole");
        assert_eq!(message.bytes.as_ptr(), at);
    }

    #[test]
    fn each_mistake_has_a_word_of_its_own() {
        let identity = Compression::Identity;
        assert_eq!(read(&[2, 0, 0, 0, 0], 1, identity), Err(Malformed::Flag(2)));
        assert_eq!(read(&[0, 0, 0, 0, 4, 1, 2], 9, identity), Err(Malformed::Half { have: 7, wanted: 9 }));
        assert_eq!(read(&[0, 0], 9, identity), Err(Malformed::Half { have: 2, wanted: 5 }));
        assert_eq!(
            read(&[0, 0, 1, 0, 0], 2, identity),
            Err(Malformed::TooLong { length: 65_536, limit: 10_000 })
        );
        assert_eq!(read(&[1, 0, 0, 0, 1, 7], 9, identity), Err(Malformed::Unannounced));
        assert_eq!(read(&[1, 0, 0, 0, 1, 7], 9, Compression::Gzip), Err(Malformed::Undecodable("gzip")));
        assert_eq!(read(&[1, 0, 0, 0, 1, 7], 9, Compression::Zstd), Err(Malformed::Undecodable("zstd")));
        let bomb = framed(&[vec![0; 100_000]], Compression::Gzip);
        assert!(matches!(read(&bomb, 99, Compression::Gzip), Err(Malformed::TooLong { .. })));
    }
}
