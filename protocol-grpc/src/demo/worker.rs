//! What a thread of the target has, and the connections given to it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use prony_core::Random;
use prony_transport::target::{Alarm, Fate, Serve, Standing, View};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::fault::Faults;
use super::services::Services;
use super::{Shared, exchange, services};

/// Streams a client may have open on one connection.
const STREAMS: u32 = 10_000;

/// The flow control windows for requests, in bytes.
const WINDOW: u32 = 1 << 20;

/// How long a client may take to shake hands of HTTP/2.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a thread's connections share.
pub(super) struct Worker {
    index: usize,
    pub(super) shared: Arc<Shared>,
    view: View<Faults>,
    pub(super) alarm: Rc<Alarm>,
    pub(super) random: RefCell<Random>,
    pub(super) services: Services,
}

impl Worker {
    /// That of one thread.
    pub(super) async fn make(
        index: usize,
        seed: u64,
        shared: Arc<Shared>,
        alarm: Rc<Alarm>,
    ) -> io::Result<Rc<Self>> {
        if index == 0 {
            services::all_healthy(&shared.health).await;
        }
        let services = Services::new(&shared, &alarm)?;
        let random = RefCell::new(Random::new(seed, 0, index as u64));
        Ok(Rc::new(Self { index, shared, view: View::default(), alarm, random, services }))
    }

    /// The orders as they stand.
    pub(super) fn standing(&self) -> Rc<Standing<Faults>> {
        self.view.standing(&self.shared.orders)
    }

    /// True for this share of the calls.
    pub(super) fn chance(&self, share: f64) -> bool {
        share >= 1.0 || self.random.borrow_mut().unit() < share
    }
}

/// One connection, as its calls see it.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) fate: Rc<Fate>,
    farewell: Cell<Option<Farewell>>,
    ordered: Notify,
    counted: Cell<bool>,
}

/// How a GOAWAY ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Calls under way are answered first.
    Graceful,
    /// With this code, and calls under way end with it.
    Abrupt(Reason),
}

impl Connection {
    /// Counts a call, and with the first one the connection.
    pub(super) fn count(&self, path: &str) {
        let counters = &self.worker.shared.counters;
        counters.call(self.worker.index, path);
        if !self.counted.replace(true) {
            counters.connection(self.worker.index);
        }
    }

    /// Has a GOAWAY sent.
    pub(super) fn bid(&self, farewell: Farewell) {
        self.farewell.set(Some(farewell));
        self.ordered.notify_one();
    }

    async fn farewell(&self) -> Farewell {
        loop {
            self.ordered.notified().await;
            if let Some(farewell) = self.farewell.take() {
                return farewell;
            }
        }
    }
}

impl Serve for Worker {
    async fn serve<S>(self: Rc<Self>, stream: S, fate: Rc<Fate>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connection = Rc::new(Connection {
            worker: self,
            fate,
            farewell: Cell::new(None),
            ordered: Notify::new(),
            counted: Cell::new(false),
        });
        converse(stream, connection).await;
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, connection: Rc<Connection>) {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 16)
        // A generator whose calls time out resets many streams; that is no attack here.
        .max_pending_accept_reset_streams(STREAMS as usize)
        .max_local_error_reset_streams(None);
    let Ok(Ok(mut h2)) = tokio::time::timeout(PATIENCE, builder.handshake(stream)).await else {
        return;
    };
    loop {
        tokio::select! {
            accepted = h2.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    tokio::task::spawn_local(exchange::serve(request, respond, Rc::clone(&connection)));
                }
                // An error is the client's departure, or something that it may not say and has been told so.
                Some(Err(_)) | None => return,
            },
            farewell = connection.farewell() => match farewell {
                Farewell::Graceful => h2.graceful_shutdown(),
                Farewell::Abrupt(reason) => h2.abrupt_shutdown(reason),
            },
            () = connection.fate.closed() => return,
        }
    }
}
