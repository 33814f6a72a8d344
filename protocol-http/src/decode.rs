//! Undoing content codings, with a limit: a kilobyte can decompress to a gigabyte.

use std::io::Read;

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// It is not of its coding, or the coding is unknown.
    Broken,
    /// It is longer than the limit.
    TooLong,
}

/// Decodes `body`, whose `Content-Encoding` is `coding`, to at most `limit` bytes.
pub(crate) fn decode(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, Undecodable> {
    // Codings are listed in the order in which they were applied.
    let mut bytes = body.to_vec();
    for coding in coding.rsplit(',').map(str::trim).filter(|coding| !coding.is_empty()) {
        bytes = match coding.to_ascii_lowercase().as_str() {
            "identity" => bytes,
            "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(bytes.as_slice()), limit)?,
            "deflate" => read(flate2::read::ZlibDecoder::new(bytes.as_slice()), limit)?,
            "br" => read(brotli::Decompressor::new(bytes.as_slice(), 4096), limit)?,
            "zstd" => read(
                zstd::stream::read::Decoder::new(bytes.as_slice()).map_err(|_| Undecodable::Broken)?,
                limit,
            )?,
            _ => return Err(Undecodable::Broken),
        };
    }
    Ok(bytes)
}

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, Undecodable> {
    let mut decoded = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).map_err(|_| Undecodable::Broken)?;
    if decoded.len() > limit { Err(Undecodable::TooLong) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn bodies_are_decoded_up_to_the_limit() {
        assert_eq!(decode("gzip", &gzip(b"hello"), 5), Ok(b"hello".to_vec()));
        assert_eq!(decode("gzip", &gzip(&vec![0; 10_000_000]), 1_000), Err(Undecodable::TooLong));
        assert_eq!(
            decode("zstd", &zstd::encode_all(&b"hello"[..], 1).expect("encodes"), 9),
            Ok(b"hello".to_vec())
        );
        assert_eq!(decode("identity", b"x", 9), Ok(b"x".to_vec()));
        for coding in ["gzip", "br", "zstd", "deflate", "rot13"] {
            assert_eq!(decode(coding, b"not that", 1_000), Err(Undecodable::Broken), "{coding}");
        }
    }
}
