//! A connection's socket, and how it is to end: in good order, at once, or by a reset.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How a connection is to end, as its requests order it.
#[derive(Debug, Default)]
pub struct Fate {
    reset: Cell<bool>,
    close: Notify,
}

impl Fate {
    /// The end, whenever it comes, is an RST.
    pub fn reset_at_the_end(&self) {
        self.reset.set(true);
    }

    /// The connection is to be closed now.
    pub fn close_now(&self) {
        self.close.notify_one();
    }

    /// Returns when the connection is to be closed.
    pub async fn closed(&self) {
        self.close.notified().await;
    }
}

/// A socket that knows its fate.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    fate: Rc<Fate>,
}

impl Socket {
    /// `stream`, whose end is `fate`'s to say.
    #[must_use]
    pub fn new(stream: TcpStream, fate: Rc<Fate>) -> Self {
        Self { stream, fate }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.fate.reset.get() {
            // A linger time of zero makes the kernel send RST instead of FIN. Where it cannot, the FIN must do.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
