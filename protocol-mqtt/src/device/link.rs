//! A connection's bytes: TCP or TLS as they are, or in the binary messages of a WebSocket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use prony_transport::{Stream, with_scratch};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// See the module's head.
pub(crate) enum Link {
    Plain(Stream),
    WebSocket(Box<WebSocketStream<Stream>>),
}

/// What one reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Bytes came and were handed on.
    Some,
    /// The peer has ended the connection.
    End,
}

impl Link {
    /// Reads once and hands the bytes to `take`.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<Read>> {
        match self {
            Self::Plain(stream) => with_scratch(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
                if buffer.filled().is_empty() {
                    return Poll::Ready(Ok(Read::End));
                }
                take(buffer.filled());
                Poll::Ready(Ok(Read::Some))
            }),
            Self::WebSocket(socket) => match ready!(Pin::new(socket).poll_next(context)) {
                None => Poll::Ready(Ok(Read::End)),
                Some(Ok(Message::Binary(bytes))) => {
                    take(&bytes);
                    Poll::Ready(Ok(Read::Some))
                }
                Some(Ok(Message::Close(_))) => Poll::Ready(Ok(Read::End)),
                Some(Ok(Message::Text(_))) => Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "a text message on the WebSocket, where MQTT has binary ones",
                ))),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    Poll::Ready(Ok(Read::Some))
                }
                Some(Err(error)) => Poll::Ready(Err(plain(error))),
            },
        }
    }

    /// Hands bytes to the connection; how many it took.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::WebSocket(socket) => {
                ready!(Pin::new(&mut *socket).poll_ready(context)).map_err(plain)?;
                Pin::new(&mut *socket)
                    .start_send(Message::Binary(bytes::Bytes::copy_from_slice(bytes)))
                    .map_err(plain)?;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    /// Sees to it that nothing handed over is held back.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // TCP holds nothing back.
            Self::Plain(Stream::Plain(_)) => Poll::Ready(Ok(())),
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::WebSocket(socket) => Pin::new(socket).poll_flush(context).map_err(plain),
        }
    }

    /// Ends the connection in good order.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::WebSocket(socket) => Pin::new(socket).poll_close(context).map_err(plain),
        }
    }

    /// Ends the connection by a TCP reset.
    pub(crate) fn abort(self) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::WebSocket(socket) => socket.into_inner(),
        };
        stream.reset();
    }
}

/// A WebSocket's trouble as one of input and output.
fn plain(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the WebSocket is closed")
        }
        Error::Protocol(error) => {
            io::Error::new(io::ErrorKind::Unsupported, format!("the WebSocket's frames are wrong: {error}"))
        }
        other => io::Error::new(io::ErrorKind::Unsupported, format!("the WebSocket: {other}")),
    }
}
