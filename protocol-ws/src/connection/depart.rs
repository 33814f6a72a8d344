//! What is sent.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use prony_core::FailureKind;
use prony_transport::{Stream, with_scratch};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::pump::{Ended, broken};
use super::{Connection, Loss, Trouble};
use crate::metrics::count;
use crate::wire::{Opcode, close_payload, put_frame};

/// An output buffer that had to grow beyond this is let go of: an idle connection holds none to speak of.
const LARGEST_KEPT: usize = 512;
/// How much may wait to be written before no more is taken.
const PILE: usize = 256 * 1024;
/// How much the answers to a server's PINGs may pile up when it does not read them.
const PILE_OF_CONTROL: usize = PILE + 64 * 1024;

impl Connection {
    /// Whether the connection takes more without piling it up.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.out_done < PILE
    }

    /// How many bytes have been written on this connection.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Puts a message on its way, in so many frames. How many bytes it takes, and how many will have been written by its end.
    pub(crate) fn put(&mut self, is_text: bool, payload: &[u8], fragments: u32) -> (u64, u64) {
        let part = Rc::clone(&self.part);
        let mut masks = part.masks.borrow_mut();
        let mut opcode = if is_text { Opcode::Text } else { Opcode::Binary };
        let before = self.out.len();
        let fragments = (fragments as usize).clamp(1, payload.len().max(1));
        for number in 0..fragments {
            let cut = |number: usize| payload.len() * number / fragments;
            let piece = &payload[cut(number)..cut(number + 1)];
            put_frame(
                &mut self.out,
                opcode,
                number + 1 == fragments,
                piece,
                (masks.bits() as u32).to_ne_bytes(),
            );
            opcode = Opcode::Continuation;
        }
        let length = (self.out.len() - before) as u64;
        self.queued += length;
        count(if is_text { &part.tallies.sent_text } else { &part.tallies.sent_binary }, 1);
        count(&part.tallies.sent_bytes, length);
        (length, self.queued)
    }

    /// Puts a control frame on its way, unless the server reads nothing. How many bytes will have been written by its end.
    pub(crate) fn put_control(&mut self, opcode: Opcode, payload: &[u8]) -> u64 {
        if self.out.len() - self.out_done < PILE_OF_CONTROL {
            let mask = (self.part.masks.borrow_mut().bits() as u32).to_ne_bytes();
            self.queued += put_frame(&mut self.out, opcode, true, payload, mask) as u64;
        }
        self.queued
    }

    /// Begins to close.
    pub(crate) fn put_close(&mut self, code: u16, reason: &str) {
        self.put_control(Opcode::Close, &close_payload(Some(code), reason));
        self.closing = true;
    }

    /// Writes at once what was put, in the name of the task that goes on with it.
    pub(crate) fn write_now(this: &Rc<RefCell<Self>>) {
        let mut connection = this.borrow_mut();
        // A connection whose task has not begun yet writes when it does.
        let Some(waker) = connection.pump.clone() else { return };
        let flushed = connection.flush(&mut Context::from_waker(&waker));
        drop(connection);
        if let Err((trouble, how)) = flushed {
            Self::lost(this, trouble, how);
        }
    }

    /// Has its task write what was put.
    pub(super) fn wants_to_write(&self) {
        if let Some(pump) = &self.pump {
            pump.wake_by_ref();
        }
    }

    /// Writes what is wanted, as much as the connection takes.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if self.out.is_empty() {
            return Ok(());
        }
        while self.out_done < self.out.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.out[self.out_done..]) {
                Poll::Ready(Ok(0)) => {
                    let trouble = Trouble::new(FailureKind::Closed, "the connection takes no more bytes");
                    return Err((trouble, Loss::Theirs));
                }
                Poll::Ready(Ok(written)) => {
                    self.out_done += written;
                    self.written += written as u64;
                }
                Poll::Ready(Err(error)) => return Err(broken(&error)),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(stream).poll_flush(context) {
            return Err(broken(&error));
        }
        if self.out_done == self.out.len() {
            self.out_done = 0;
            self.out.clear();
            if self.out.capacity() > LARGEST_KEPT {
                self.out = Vec::new();
            }
        }
        self.tell();
        Ok(())
    }
}

/// How long a server has to end TCP after the CLOSE frames: whoever ends it first keeps the port for a while, and that should not
/// be the machine that makes the load.
const LINGER: Duration = Duration::from_secs(1);
/// How much it may still send.
const LINGER_BYTES: usize = 1 << 20;

/// Sees a connection off: writes what is left and waits for the server to end it.
pub(super) async fn linger(mut stream: Stream, out: Vec<u8>) {
    let seen_off = async {
        stream.write_all(&out).await?;
        stream.flush().await?;
        let mut left = LINGER_BYTES;
        while left > 0 {
            let read = std::future::poll_fn(|context| {
                with_scratch(|scratch| {
                    let mut buffer = ReadBuf::new(scratch);
                    let read = Pin::new(&mut stream).poll_read(context, &mut buffer);
                    read.map_ok(|()| buffer.filled().len())
                })
            });
            match read.await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, seen_off).await;
}
