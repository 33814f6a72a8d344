//! The target's threads: each a runtime of its own with its share of the connections, so that nothing on the way of a
//! call is locked.
//!
//! The first thread accepts for all of them and deals the connections out in turn.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use prony_core::Random;
use prony_transport::target::{Alarm, Fate, Socket};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_rustls::TlsAcceptor;

use super::orders::{Standing, View};
use super::services::Services;
use super::{Shared, exchange, services};

/// Streams a client may have open on one connection.
const STREAMS: u32 = 10_000;

/// The flow control windows for requests, in bytes.
const WINDOW: u32 = 1 << 20;

/// How long a client may take to shake hands, of TLS and of HTTP/2.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long accepting rests when the process has no descriptors left.
const REST: Duration = Duration::from_millis(10);

/// Tasks between two looks at the kernel's events. Tokio's default of 61 would let a due reply wait for that many
/// others.
const EVENT_INTERVAL: u32 = 16;

/// A connection on its way to the thread that serves it.
pub(super) struct Accepted {
    stream: std::net::TcpStream,
    tls: Option<Arc<ServerConfig>>,
}

/// The accepting side.
pub(super) struct Door {
    /// A listener, and how to do TLS on it.
    pub(super) listeners: Vec<(std::net::TcpListener, Option<Arc<ServerConfig>>)>,
    /// The ways to all threads.
    pub(super) ways: Vec<UnboundedSender<Accepted>>,
}

/// What a thread is started with.
pub(super) struct Thread {
    pub(super) index: usize,
    pub(super) seed: u64,
    pub(super) shared: Arc<Shared>,
    /// Connections given to this thread. Its end is the thread's end.
    pub(super) incoming: UnboundedReceiver<Accepted>,
    /// On the first thread.
    pub(super) door: Option<Door>,
    /// Closed when the target is dropped.
    pub(super) stop: tokio::sync::watch::Receiver<()>,
}

impl Thread {
    /// Serves until the target is dropped. `ready` is told once whether it could begin.
    pub(super) fn run(self, ready: &std::sync::mpsc::Sender<io::Result<()>>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        // Dropping the runtime drops every task and with them all sockets.
        runtime.block_on(async {
            let mut stop = self.stop.clone();
            let begun = self.begin().await;
            let serves = begun.is_ok();
            let _ = ready.send(begun);
            if serves {
                let _ = stop.changed().await;
            }
        });
    }

    async fn begin(self) -> io::Result<()> {
        if self.door.is_some() {
            services::all_healthy(&self.shared.health).await;
        }
        let alarm = Alarm::new()?;
        let services = Services::new(&self.shared, &alarm)?;
        let worker = Rc::new(Worker {
            index: self.index,
            shared: self.shared,
            view: View::default(),
            alarm: Rc::clone(&alarm),
            random: RefCell::new(Random::new(self.seed, 0, self.index as u64)),
            services,
        });
        tokio::task::spawn_local(async move { alarm.ring().await });
        if let Some(door) = self.door {
            let ways = Rc::new(door.ways);
            for (listener, tls) in door.listeners {
                let listener = TcpListener::from_std(listener)?;
                tokio::task::spawn_local(accept(listener, tls, Rc::clone(&ways)));
            }
        }
        let mut incoming = self.incoming;
        tokio::task::spawn_local(async move {
            while let Some(accepted) = incoming.recv().await {
                if let Ok(stream) = TcpStream::from_std(accepted.stream) {
                    tokio::task::spawn_local(connect(stream, accepted.tls, Rc::clone(&worker)));
                }
            }
        });
        Ok(())
    }
}

/// What a thread's connections share.
pub(super) struct Worker {
    index: usize,
    pub(super) shared: Arc<Shared>,
    view: View,
    pub(super) alarm: Rc<Alarm>,
    pub(super) random: RefCell<Random>,
    pub(super) services: Services,
}

impl Worker {
    /// The orders as they stand.
    pub(super) fn standing(&self) -> Rc<Standing> {
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

async fn accept(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    ways: Rc<Vec<UnboundedSender<Accepted>>>,
) {
    for way in ways.iter().cycle() {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(REST).await,
            }
        };
        let _ = stream.set_nodelay(true);
        if let Ok(stream) = stream.into_std() {
            let _ = way.send(Accepted { stream, tls: tls.clone() });
        }
    }
}

async fn connect(stream: TcpStream, tls: Option<Arc<ServerConfig>>, worker: Rc<Worker>) {
    let fate = Rc::new(Fate::default());
    let socket = Socket::new(stream, Rc::clone(&fate));
    let connection = Rc::new(Connection {
        worker,
        fate,
        farewell: Cell::new(None),
        ordered: Notify::new(),
        counted: Cell::new(false),
    });
    match tls {
        None => converse(socket, connection).await,
        Some(config) => {
            let shaken = tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(socket));
            // Who cannot shake hands has been told so by an alert.
            if let Ok(Ok(stream)) = shaken.await {
                converse(stream, connection).await;
            }
        }
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
