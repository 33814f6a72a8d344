//! Compression of messages: what `grpc-encoding` names.

use std::io::{Read, Write};

use bytes::Bytes;

/// How messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    Identity,
    Gzip,
    Zstd,
}

/// Why a message could not be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    Broken,
    TooLong,
}

/// What is always accepted from a peer, as `grpc-accept-encoding` says it.
pub(crate) const ACCEPTED: &str = "identity,gzip,zstd";

impl Compression {
    pub(crate) const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Zstd];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The one of that name; `None` when Prony does not know it.
    pub(crate) fn by_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name().as_bytes() == name)
    }

    /// `message`, compressed. Fast rather than small, as servers and clients have it.
    pub(crate) fn pack(self, message: &[u8]) -> Vec<u8> {
        // Writing to memory cannot fail.
        match self {
            Self::Identity => message.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let _ = encoder.write_all(message);
                encoder.finish().unwrap_or_default()
            }
            Self::Zstd => zstd::bulk::compress(message, 0).unwrap_or_default(),
        }
    }

    /// `message`, decompressed to at most `limit` bytes: a kilobyte can become a gigabyte.
    pub(crate) fn unpack(self, message: &[u8], limit: usize) -> Result<Bytes, Undecodable> {
        match self {
            Self::Identity => Ok(Bytes::copy_from_slice(message)),
            Self::Gzip => read(flate2::read::MultiGzDecoder::new(message), limit),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(message).map_err(|_| Undecodable::Broken)?;
                read(decoder, limit)
            }
        }
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Bytes, Undecodable> {
    let mut decoded = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).map_err(|_| Undecodable::Broken)?;
    if decoded.len() > limit { Err(Undecodable::TooLong) } else { Ok(decoded.into()) }
}
