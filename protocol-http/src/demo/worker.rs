//! A thread of the target: its runtime, the connections given to it, and on the first thread the accepting.
//!
//! One thread accepts for all and deals connections out in turn. A listener a thread (`SO_REUSEPORT`) would let the
//! kernel deal by a hash, which leaves some threads with twice the connections of others.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use prony_core::Random;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_rustls::TlsAcceptor;

use super::orders::{Standing, View};
use super::{Shared, service};
use prony_transport::target::{Alarm, Fate, Socket};

/// Streams a client may have open on one HTTP/2 connection.
const STREAMS: u32 = 10_000;

/// The flow control windows for request bodies, in bytes.
const WINDOW: u32 = 1 << 20;

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
            match self.begin() {
                Ok(()) => {
                    let _ = ready.send(Ok(()));
                    let _ = stop.changed().await;
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
    }

    fn begin(self) -> io::Result<()> {
        let worker = Rc::new(Worker {
            index: self.index,
            shared: self.shared,
            view: View::default(),
            alarm: Alarm::new()?,
            random: RefCell::new(Random::new(self.seed, 0, self.index as u64)),
            builder: builder(),
        });
        let alarm = Rc::clone(&worker.alarm);
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
    builder: Builder<SameThread>,
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

/// One connection, as its requests see it.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) fate: Rc<Fate>,
    counted: Cell<bool>,
}

impl Connection {
    /// Counts a request, and with the first one the connection.
    pub(super) fn count(&self, path: &str) {
        let counters = &self.worker.shared.counters;
        counters.request(self.worker.index, path);
        if !self.counted.replace(true) {
            counters.connection(self.worker.index);
        }
    }
}

/// Runs the tasks of HTTP/2 streams on the thread of their connection.
#[derive(Clone, Copy, Debug)]
struct SameThread;

impl<F> Executor<F> for SameThread
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

fn builder() -> Builder<SameThread> {
    let mut builder = Builder::new(SameThread);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 16)
        // A generator whose requests time out resets many streams; that is no attack here.
        .max_pending_accept_reset_streams(STREAMS as usize)
        .max_local_error_reset_streams(None);
    builder
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
    let connection = Rc::new(Connection { worker, fate, counted: Cell::new(false) });
    match tls {
        None => converse(socket, connection).await,
        Some(config) => {
            // Who cannot shake hands has been told so by an alert.
            if let Ok(stream) = TlsAcceptor::from(config).accept(socket).await {
                converse(stream, connection).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, connection: Rc<Connection>) {
    let service = service_fn(|request| service::serve(request, Rc::clone(&connection)));
    let exchange = connection.worker.builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is the client's departure or an ordered break.
        _ = exchange => {}
        () = connection.fate.closed() => {}
    }
}
