//! The shared HTTP/2 client connection: HTTP and gRPC speak over it.
//!
//! All streams of a connection stay on one thread: the h2 crate guards a connection by a mutex, which is cheap only
//! while nobody waits for it.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use prony_core::FailureKind;
use send_wrapper::SendWrapper;

use crate::failure::failure_of_io;
use crate::stream::Stream;

/// A stream's receive window: 1 MiB keeps a fast peer busy.
const STREAM_WINDOW: u32 = 1 << 20;
/// The connection's receive window. Below 16 MiB, h2 closes connections when many small DATA frames wait unread.
const CONNECTION_WINDOW: u32 = 1 << 24;

/// Why a connection or a stream of it ended, in Prony's words.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The kind.
    pub kind: FailureKind,
    /// The story.
    pub detail: Box<str>,
}

/// A connection's handle. Clones share it; the connection closes when the last is gone.
#[derive(Clone, Debug)]
pub struct H2Connection {
    requests: SendRequest<Bytes>,
    ended: SendWrapper<Rc<RefCell<Option<Ended>>>>,
}

impl H2Connection {
    /// Begins HTTP/2 on `stream` and drives the connection by a task of this thread's runtime. `on_end` is called once,
    /// when the connection is gone.
    ///
    /// # Errors
    /// When the peer's first words are not HTTP/2.
    pub async fn open(stream: Stream, on_end: impl FnOnce() + Send + 'static) -> Result<Self, Ended> {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .max_header_list_size(256 * 1024);
        let (requests, connection) = builder.handshake(stream).await.map_err(|error| ended_by(&error))?;
        let ended: SendWrapper<Rc<RefCell<Option<Ended>>>> = SendWrapper::new(Rc::new(RefCell::new(None)));
        let fate = ended.clone();
        tokio::spawn(async move {
            let end = match connection.await {
                Ok(()) => Ended { kind: FailureKind::Closed, detail: "the connection was closed".into() },
                Err(error) => ended_by(&error),
            };
            *fate.borrow_mut() = Some(end);
            on_end();
        });
        Ok(Self { requests, ended })
    }

    /// Why the connection is gone, if it is.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// How many streams the peer allows at a time, as far as is known.
    #[must_use]
    pub fn most_streams(&self) -> usize {
        self.requests.current_max_send_streams()
    }

    /// A handle to send one request by.
    #[must_use]
    pub fn requests(&self) -> SendRequest<Bytes> {
        self.requests.clone()
    }
}

/// What an error of the h2 crate means.
#[must_use]
pub fn ended_by(error: &h2::Error) -> Ended {
    let reason = error.reason();
    let story = |text: &str| -> Box<str> {
        match reason {
            Some(reason) => format!("{text}: {reason} ({reason:?})").into(),
            None => format!("{text}: {error}").into(),
        }
    };
    if let Some(io) = error.get_io() {
        return Ended { kind: failure_of_io(io), detail: story("the HTTP/2 connection broke") };
    }
    match (error.is_go_away(), error.is_remote(), error.is_reset()) {
        (true, true, _) => Ended { kind: FailureKind::GoAway, detail: story("the peer sent GOAWAY") },
        (true, false, _) => Ended {
            kind: FailureKind::Protocol,
            detail: story("Prony sent GOAWAY: what the peer sent cannot be accepted"),
        },
        (_, true, true) => Ended { kind: FailureKind::Reset, detail: story("the peer reset the stream") },
        (_, false, true) => Ended {
            kind: FailureKind::Protocol,
            detail: story("Prony reset the stream: what the peer sent is not HTTP/2"),
        },
        _ => Ended { kind: FailureKind::Protocol, detail: story("HTTP/2 failed") },
    }
}
