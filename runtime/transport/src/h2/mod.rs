//! The shared HTTP/2 client connection: HTTP and gRPC speak over it.
//!
//! All streams of a connection stay on one thread: the h2 crate guards a connection by a mutex, which is cheap only
//! while nobody waits for it.

mod relay;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use prony_core::FailureKind;
use send_wrapper::SendWrapper;

use self::relay::Relay;
use crate::failure::failure_of_io;
use crate::stream::Stream;

/// A stream's receive window: 1 MiB keeps a fast peer busy.
const STREAM_WINDOW: u32 = 1 << 20;
/// The connection's receive window. Below 16 MiB, h2 closes connections when many small DATA frames wait unread.
const CONNECTION_WINDOW: u32 = 1 << 24;

/// How a connection is set up beyond what HTTP needs.
#[derive(Clone, Copy, Debug)]
pub struct H2Options {
    /// A stream's receive window in bytes: what a peer may send ahead of who reads it.
    pub stream_window: u32,
    /// Pings that find out whether the peer is still there.
    pub keep_alive: Option<KeepAlive>,
    /// How many bytes of overhead small DATA frames may have that nobody has read yet, before the connection is closed as an
    /// attack; `None` for h2's own, half the connection's window. Who reads slowly on purpose needs more.
    pub small_frames: Option<usize>,
}

impl Default for H2Options {
    fn default() -> Self {
        Self { stream_window: STREAM_WINDOW, keep_alive: None, small_frames: None }
    }
}

/// Pings on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How often.
    pub every: Duration,
    /// A ping that is not answered within this ends the connection.
    pub timeout: Duration,
}

/// Why a connection or a stream of it ended, in Prony's words.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The kind.
    pub kind: FailureKind,
    /// The story.
    pub detail: Box<str>,
}

/// A connection's handle. Clones share it; the connection closes when the last is gone.
#[derive(Clone)]
pub struct H2Connection {
    requests: SendRequest<Bytes>,
    shared: SendWrapper<Rc<Shared>>,
}

/// What handles and tasks of a connection share. A task of its own moves its bytes, but while somebody who has it alone waits for
/// an answer: then [`Driving`] does, within that somebody's own task, and two switches of tasks a request are saved.
struct Shared {
    relay: Arc<Relay>,
    /// The relay, as h2 knows it.
    waker: Waker,
    state: RefCell<State>,
}

/// The connection itself.
struct State {
    connection: Option<Connection<Stream, Bytes>>,
    ended: Option<Ended>,
    /// The peer takes no further requests, though it may still answer earlier ones.
    leaving: bool,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

impl State {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(()) };
        let end = match Pin::new(connection).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => {
                Ended { kind: FailureKind::Closed, detail: "the connection was closed".into() }
            }
            Poll::Ready(Err(error)) => ended_by(&error),
        };
        self.end(end);
        Poll::Ready(())
    }

    /// Lets go of the connection; its streams end with it.
    fn end(&mut self, end: Ended) {
        self.ended = Some(end);
        self.connection = None;
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
    }
}

/// Pings a connection now and then, and waits for the answers.
struct Pinger {
    keep_alive: KeepAlive,
    pings: PingPong,
    /// A ping is on its way.
    asked: bool,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl Pinger {
    fn new(keep_alive: KeepAlive, pings: PingPong) -> Self {
        Self { keep_alive, pings, asked: false, timer: Box::pin(tokio::time::sleep(keep_alive.every)) }
    }

    /// Ready when the peer is silent.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            if self.asked {
                match self.pings.poll_pong(context) {
                    // A broken connection says so itself.
                    Poll::Ready(Err(_)) => return Poll::Pending,
                    Poll::Ready(Ok(_)) => {
                        self.asked = false;
                        self.wait(self.keep_alive.every);
                    }
                    Poll::Pending => {}
                }
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.asked {
                let limit = prony_core::units::show_duration(self.keep_alive.timeout);
                let detail = format!("the peer did not answer a PING within {limit}").into();
                return Poll::Ready(Ended { kind: FailureKind::Timeout, detail });
            }
            self.asked = self.pings.send_ping(Ping::opaque()).is_ok();
            self.wait(if self.asked { self.keep_alive.timeout } else { self.keep_alive.every });
        }
    }

    fn wait(&mut self, time: Duration) {
        self.timer = Box::pin(tokio::time::sleep(time));
    }
}

impl H2Connection {
    /// Begins HTTP/2 on `stream` and drives the connection by a task of this thread's runtime. `on_end` is called once,
    /// when the connection is gone.
    ///
    /// # Errors
    /// When the peer's first words are not HTTP/2.
    pub async fn open(stream: Stream, on_end: impl FnOnce() + Send + 'static) -> Result<Self, Ended> {
        Self::open_with(stream, &H2Options::default(), on_end).await
    }

    /// As [`Self::open`], with `options`.
    ///
    /// # Errors
    /// As there.
    pub async fn open_with(
        stream: Stream,
        options: &H2Options,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Ended> {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(options.stream_window)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .max_header_list_size(256 * 1024);
        if let Some(budget) = options.small_frames {
            builder.data_frame_budget(budget);
        }
        let (requests, mut connection) = builder.handshake(stream).await.map_err(|error| ended_by(&error))?;
        let mut pinger = options
            .keep_alive
            .and_then(|keep_alive| connection.ping_pong().map(|pings| Pinger::new(keep_alive, pings)));
        let relay = Relay::new();
        let shared = SendWrapper::new(Rc::new(Shared {
            waker: Waker::from(Arc::clone(&relay)),
            relay,
            state: RefCell::new(State {
                connection: Some(connection),
                ended: None,
                leaving: false,
                on_end: Some(Box::new(on_end)),
            }),
        }));
        let moved = shared.clone();
        tokio::spawn(std::future::poll_fn(move |context| {
            let mut state = moved.state.borrow_mut();
            if let Some(pinger) = &mut pinger
                && state.connection.is_some()
                && let Poll::Ready(silence) = pinger.poll(context)
            {
                state.end(silence);
            }
            let is_mine = moved.relay.own_task(context.waker());
            if is_mine || state.connection.is_none() {
                state.poll(&mut Context::from_waker(&moved.waker))
            } else {
                Poll::Pending
            }
        }));
        Ok(Self { requests, shared })
    }

    /// Why the connection is gone, if it is.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.shared.state.borrow().ended.clone()
    }

    /// Whether it still stands, and takes further requests.
    #[must_use]
    pub fn stands(&self) -> bool {
        let state = self.shared.state.borrow();
        state.ended.is_none() && !state.leaving
    }

    /// Notes that the peer takes no further requests on it: a stream of it has met a GOAWAY. True when that is news.
    pub fn leave(&self) -> bool {
        !std::mem::replace(&mut self.shared.state.borrow_mut().leaving, true)
    }

    /// Whether the peer has sent GOAWAY: also on a connection that has ended since.
    #[must_use]
    pub fn was_sent_away(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        match self.requests.poll_ready(&mut nobody) {
            Poll::Ready(Err(error)) => error.is_go_away() && error.is_remote(),
            _ => false,
        }
    }

    /// How many streams the peer allows at a time, as far as is known.
    #[must_use]
    pub fn most_streams(&self) -> usize {
        self.requests.current_max_send_streams()
    }

    /// The handle to send requests by.
    #[must_use]
    pub fn requests(&mut self) -> &mut SendRequest<Bytes> {
        &mut self.requests
    }

    /// Moves the connection's bytes from the caller's own task until the value is dropped. Only for who has the connection
    /// alone: others would wait for bytes that the caller moves when it is woken for its own.
    #[must_use]
    pub fn drive(&self) -> Driving {
        self.shared.relay.work();
        Driving { shared: self.shared.clone() }
    }
}

/// See [`H2Connection::drive`].
pub struct Driving {
    shared: SendWrapper<Rc<Shared>>,
}

impl Driving {
    /// Waits for `future`, which uses the connection: it is to call [`Self::move_bytes`] before it looks at what came, and again
    /// when it has sent anything.
    pub async fn attend<T>(&self, future: impl Future<Output = T>) -> T {
        let Shared { relay, waker, .. } = &**self.shared;
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            relay.work();
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            if polled.is_pending() {
                relay.rest(context.waker());
            }
            polled
        })
        .await
    }

    /// Moves what can be moved.
    pub fn move_bytes(&self) {
        self.shared.relay.settle();
        // Its end is told by `ended`, and by the streams that end with it.
        let _ = self.shared.state.borrow_mut().poll(&mut Context::from_waker(&self.shared.waker));
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.shared.relay.give_back();
        if self.shared.state.borrow().connection.is_none() {
            // There is nothing left to do for the connection's own task.
            self.shared.waker.wake_by_ref();
        }
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
        // What h2 makes of an end in good order; an error of the system has no text of its own.
        if io.kind() == std::io::ErrorKind::BrokenPipe && io.get_ref().is_some() {
            return Ended {
                kind: FailureKind::Closed,
                detail: "the peer closed the HTTP/2 connection".into(),
            };
        }
        return Ended { kind: failure_of_io(io), detail: story("the HTTP/2 connection broke") };
    }
    match (error.is_go_away(), error.is_remote(), error.is_reset()) {
        (true, true, _) => Ended { kind: FailureKind::GoAway, detail: story("the peer sent GOAWAY") },
        // A text read as a frame's head gives an absurd length.
        (true, false, _) if reason == Some(h2::Reason::FRAME_SIZE_ERROR) => Ended {
            kind: FailureKind::Protocol,
            detail: story("what the peer sent is not HTTP/2; perhaps it speaks HTTP/1.1 only"),
        },
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
