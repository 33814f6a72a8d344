//! Packets of a connection by hand, out and in.

use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};

use prony_transport::story_of_io;

use super::{Client, PokeError, failed, said};
use crate::device::link::Read;
use crate::packet::{Frame, Framing, next_frame, read_disconnect};

/// A packet with its own bytes.
pub(super) struct Packet {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) body: Vec<u8>,
}

impl Packet {
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame { kind: self.kind, flags: self.flags, body: &self.body, length: self.body.len() }
    }
}

impl Client {
    /// The next packet, within the time a request may take.
    pub(super) async fn answer(&mut self, to: &str) -> Result<Packet, PokeError> {
        let limit = self.timeout;
        tokio::time::timeout(limit, self.packet(to)).await.unwrap_or_else(|_| {
            failed(format!("no answer to {to} within {}", prony_core::units::show_duration(limit)))
        })
    }

    /// The next packet; it may be the answer `to` something. Loses nothing when it is given up.
    pub(super) async fn packet(&mut self, to: &str) -> Result<Packet, PokeError> {
        loop {
            match next_frame(&self.bytes, self.most) {
                Err(mistake) => return Err(mistake.into()),
                Ok(Framing::Part) => {}
                Ok(Framing::Whole(frame)) => {
                    let packet = Packet { kind: frame.kind, flags: frame.flags, body: frame.body.to_vec() };
                    let length = frame.length;
                    self.bytes.drain(..length);
                    if packet.kind == 14 {
                        let (reason, story) = read_disconnect(&packet.frame()).unwrap_or((0, None));
                        let said = said(reason, story, self.version);
                        return failed(format!("the broker ended the connection: {said}"));
                    }
                    return Ok(packet);
                }
            }
            let (link, bytes) = (&mut self.link, &mut self.bytes);
            let read =
                poll_fn(|context| link.poll_read(context, &mut |more| bytes.extend_from_slice(more))).await;
            match read {
                Ok(Read::Some) => {}
                Ok(Read::End) => {
                    return failed(match to {
                        "" => "the broker closed the connection".to_owned(),
                        "CONNECT" => "the broker closed the connection in answer to CONNECT; does it speak this version of MQTT (`--mqtt`)?".to_owned(),
                        _ => format!("the broker closed the connection in answer to {to}, which in MQTT 3.1.1 may mean that it forbids it"),
                    });
                }
                Err(error) => return failed(format!("the connection broke: {}", story_of_io(&error))),
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), PokeError> {
        self.last_sent = self.clock.now();
        let (link, mut done) = (&mut self.link, 0);
        let sent: io::Result<()> = poll_fn(|context| {
            while done < bytes.len() {
                match ready!(link.poll_write(context, &bytes[done..]))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => done += written,
                }
            }
            link.poll_flush(context)
        })
        .await;
        sent.map_err(|error| PokeError::Failed(format!("the connection broke: {}", story_of_io(&error))))
    }
}
