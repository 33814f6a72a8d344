//! Frames that break the rules of RFC 6455, byte for byte.

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::fault::Broken;

/// What a frame announces that is sent by half.
const ANNOUNCED: u8 = 100;

/// A piece of what is long.
const PIECE: usize = 64 * 1024;

/// What a fragment without an end carries.
const FRAGMENT: u16 = 16_000;

/// Sends one. Returns whether the connection is to end behind it, whatever the client makes of it.
pub(super) async fn send<S: AsyncWrite + Unpin>(stream: &mut S, broken: Broken) -> std::io::Result<bool> {
    match broken {
        Broken::Oversized(size) => {
            let mut head = vec![0x82, 127];
            head.extend(size.to_be_bytes());
            stream.write_all(&head).await?;
            let piece = vec![b'.'; PIECE];
            let mut left = size;
            while left > 0 {
                let length = left.min(PIECE as u64) as usize;
                stream.write_all(&piece[..length]).await?;
                left -= length as u64;
            }
        }
        Broken::Endless => {
            let fragment = |first: u8| {
                let mut frame = vec![first, 126];
                frame.extend(FRAGMENT.to_be_bytes());
                frame.resize(frame.len() + usize::from(FRAGMENT), b'.');
                frame
            };
            stream.write_all(&fragment(0x02)).await?;
            let next = fragment(0x00);
            loop {
                stream.write_all(&next).await?;
                // A client that waits must have its turn on this thread, too.
                tokio::task::yield_now().await;
            }
        }
        _ => stream.write_all(&bytes(broken)).await?,
    }
    stream.flush().await?;
    Ok(broken == Broken::HalfFrame)
}

fn bytes(broken: Broken) -> Vec<u8> {
    let text = |head: &[u8]| [head, b"hello"].concat();
    match broken {
        Broken::HalfFrame | Broken::StuckFrame => {
            [&[0x81, ANNOUNCED], &[b'.'; ANNOUNCED as usize / 2][..]].concat()
        }
        Broken::Masked => {
            let mask = [0x37, 0xfa, 0x21, 0x3d];
            let masked = b"hello".iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
            [0x81, 0x85].into_iter().chain(mask).chain(masked).collect()
        }
        Broken::ReservedBit => text(&[0xc1, 5]),
        Broken::Opcode => text(&[0x83, 5]),
        Broken::Utf8 => vec![0x81, 4, b'h', 0xc3, 0x28, b'!'],
        Broken::CloseOfOneByte => vec![0x88, 1, 3],
        // 1005: no code was there.
        Broken::CloseCode => vec![0x88, 2, 0x03, 0xed],
        Broken::Continuation => text(&[0x80, 5]),
        Broken::Interrupted => [text(&[0x01, 5]), text(&[0x81, 5])].concat(),
        Broken::LongPing => [&[0x89, 126, 0, 126], &[b'.'; 126][..]].concat(),
        Broken::PartPing => [text(&[0x09, 5]), text(&[0x80, 5])].concat(),
        Broken::Oversized(_) | Broken::Endless => Vec::new(),
    }
}
