//! The task that moves a connection's bytes, and what the heart does to it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use prony_core::{FailureKind, Timestamp};
use prony_transport::{Beating, READS_A_TURN, Stream, failure_of_io, story_of_io, with_scratch};
use send_wrapper::SendWrapper;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Connection, Loss, SharedConnection, State, Trouble};
use crate::wire::Opcode;

/// Moves the bytes of one of a user's connections until it is over.
struct Pump {
    connection: SharedConnection,
    epoch: u32,
}

/// A slow reader takes no more than this at a time, or it would hold back what its server sends only after that much.
const SLOW_READ: usize = 4 * 1024;

pub(super) fn start(connection: &Rc<RefCell<Connection>>, epoch: u32) {
    tokio::spawn(Pump { connection: SendWrapper::new(Rc::clone(connection)), epoch });
}

impl Future for Pump {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let turned = {
            let mut connection = self.connection.borrow_mut();
            if connection.epoch != self.epoch {
                return Poll::Ready(());
            }
            connection.turn(context)
        };
        match turned {
            Ok(()) => Poll::Pending,
            Err((trouble, how)) => {
                Connection::lost(&self.connection, trouble, how);
                Poll::Ready(())
            }
        }
    }
}

/// How a connection ended.
pub(super) type Ended = (Trouble, Loss);

/// What the system says of a connection that broke.
pub(super) fn broken(error: &io::Error) -> Ended {
    let text = format!("the connection broke: {}", story_of_io(error));
    (Trouble::new(failure_of_io(error), text), Loss::Theirs)
}

impl Connection {
    /// Reads what there is, as far as a turn goes, and writes all that is wanted.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        if !self.pump.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            let is_first = self.pump.replace(context.waker().clone()).is_none();
            if is_first && !self.rest.is_empty() {
                // What came with the handshake.
                self.take_in(&[])?;
            }
        }
        let mut left = READS_A_TURN;
        while self.may_read(context)? {
            if left == 0 {
                context.waker().wake_by_ref();
                break;
            }
            left -= 1;
            let Some(mut stream) = self.stream.take() else { break };
            let most = if self.part.compiled.settings.pace.is_some() { SLOW_READ } else { usize::MAX };
            let read = read(&mut stream, most, context, |bytes| self.take_in(bytes));
            self.stream = Some(stream);
            match read {
                Poll::Pending => break,
                Poll::Ready(Ok(Some(taken))) => taken?,
                Poll::Ready(Ok(None)) => {
                    let text = "the server closed the connection without a CLOSE (code 1006)";
                    return Err((Trouble::new(FailureKind::Closed, text), Loss::Theirs));
                }
                Poll::Ready(Err(error)) => return Err(broken(&error)),
            }
        }
        self.flush(context)
    }

    /// Whether more may be read; a slow reader takes what it has read already first.
    fn may_read(&mut self, context: &mut Context<'_>) -> Result<bool, Ended> {
        while let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Ok(false);
            }
            self.pause = None;
            self.take_in(&[])?;
        }
        Ok(true)
    }
}

/// Reads once and hands the bytes to `take`; nothing at the connection's end.
fn read<T>(
    stream: &mut Stream,
    most: usize,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<Option<T>>> {
    with_scratch(|scratch| {
        let most = most.min(scratch.len());
        let mut buffer = ReadBuf::new(&mut scratch[..most]);
        Pin::new(stream)
            .poll_read(context, &mut buffer)
            .map_ok(|()| Some(buffer.filled()).filter(|bytes| !bytes.is_empty()).map(take))
    })
}

impl Beating for Connection {
    fn planned(&self) -> &Cell<u64> {
        &self.planned
    }

    /// Sends a PING when nothing has come for long, and gives the connection up when nothing comes after it.
    fn look(this: &Rc<RefCell<Self>>, now: Timestamp) {
        let mut connection = this.borrow_mut();
        let Some(keep_alive) = connection.part.compiled.settings.keep_alive else { return };
        if connection.state != State::Up {
            return;
        }
        match connection.probed.filter(|probed| *probed > connection.heard) {
            Some(probed) if now >= probed + keep_alive.timeout => {
                let text = format!(
                    "nothing came within {} of a PING",
                    prony_core::units::show_duration(keep_alive.timeout)
                );
                drop(connection);
                return Self::lost(this, Trouble::new(FailureKind::Timeout, text), Loss::Theirs);
            }
            None if now >= connection.heard + keep_alive.every => {
                connection.put_control(Opcode::Ping, b"");
                connection.probed = Some(now);
                connection.wants_to_write();
            }
            _ => {}
        }
        let next = match connection.probed.filter(|probed| *probed > connection.heard) {
            // When the answer has come by then, the silence is counted from it.
            Some(probed) => (probed + keep_alive.timeout).min(now + keep_alive.every),
            None => connection.heard + keep_alive.every,
        };
        connection.part.heart.look_at(this, &connection.planned, next);
    }
}
