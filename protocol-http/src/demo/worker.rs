//! A thread of the target, and the connections given to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use prony_core::Random;
use prony_transport::target::{Alarm, Fate, Serve, Standing, View};
use tokio::io::{AsyncRead, AsyncWrite};

use super::fault::Faults;
use super::{Shared, service};

/// Streams a client may have open on one HTTP/2 connection.
const STREAMS: u32 = 10_000;

/// The flow control windows for request bodies, in bytes.
const WINDOW: u32 = 1 << 20;

/// What a thread's connections share.
pub(super) struct Worker {
    index: usize,
    pub(super) shared: Arc<Shared>,
    view: View<Faults>,
    pub(super) alarm: Rc<Alarm>,
    pub(super) random: RefCell<Random>,
    builder: Builder<SameThread>,
}

impl Worker {
    pub(super) fn new(index: usize, seed: u64, shared: Arc<Shared>, alarm: Rc<Alarm>) -> Rc<Self> {
        Rc::new(Self {
            index,
            shared,
            view: View::default(),
            alarm,
            random: RefCell::new(Random::new(seed, 0, index as u64)),
            builder: builder(),
        })
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

impl Serve for Worker {
    async fn serve<S>(self: Rc<Self>, stream: S, fate: Rc<Fate>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connection = Rc::new(Connection { worker: self, fate, counted: Cell::new(false) });
        let service = service_fn(|request| service::serve(request, Rc::clone(&connection)));
        let exchange = connection.worker.builder.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // An error is the client's departure or an ordered break.
            _ = exchange => {}
            () = connection.fate.closed() => {}
        }
    }
}
