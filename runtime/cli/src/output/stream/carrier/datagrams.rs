//! Datagrams to a receiver that never answers. What a system drops on the way nobody hears of.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::{Refusal, Taken};

/// The most of a payload in one datagram: with its heads it fits what every network passes whole.
const LARGEST: usize = 1_400;
/// So many at a stretch; then the receiver gets a moment to read them.
const AT_A_STRETCH: usize = 16;
const MOMENT: Duration = Duration::from_millis(1);

/// See the module's head.
pub(in super::super) struct Datagrams {
    socket: UdpSocket,
}

impl Datagrams {
    /// A way to `address`. Nothing is sent yet.
    pub(in super::super) fn to(address: SocketAddr) -> std::io::Result<Self> {
        let any: SocketAddr = if address.is_ipv4() {
            (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(Self { socket })
    }

    /// Sends whole lines, as many a datagram as fit. An error is of what was sent before, so the rest is sent all the same.
    pub(super) async fn carry(&mut self, lines: &Bytes) -> Result<Taken, Refusal> {
        let mut refused = None;
        for (number, datagram) in Pieces(lines).enumerate() {
            if number > 0 && number % AT_A_STRETCH == 0 {
                sleep(MOMENT).await;
            }
            if let Err(error) = self.socket.send(datagram) {
                refused = Some(error);
            }
        }
        // Sending the same counts again would count them twice where they did arrive.
        refused.map_or_else(|| Ok(Taken::default()), |error| Err(Refusal::lasting(error.to_string())))
    }
}

/// Stretches of whole lines.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end_of_line = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let first = || self.0.iter().position(|byte| *byte == b'\n').map_or(self.0.len(), |at| at + 1);
        let length = if self.0.len() <= LARGEST {
            self.0.len()
        } else {
            // A line that is longer goes by itself.
            end_of_line(&self.0[..LARGEST]).unwrap_or_else(first)
        };
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_whole_and_none_is_lost() {
        let lines: Vec<String> = (0..300).map(|number| "x".repeat(number % 97) + "\n").collect();
        let long = "y".repeat(2 * LARGEST) + "\n";
        let text = lines.concat() + &long + "z\n";
        let pieces: Vec<&[u8]> = Pieces(text.as_bytes()).collect();
        assert_eq!(pieces.concat(), text.as_bytes());
        assert!(pieces.iter().all(|piece| piece.ends_with(b"\n")));
        assert!(pieces.iter().filter(|piece| piece.len() > LARGEST).eq([&long.as_bytes()]));
    }
}
