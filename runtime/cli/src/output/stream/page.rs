//! A page that a receiver fetches: the scrape endpoint.
//!
//! When the run has ended, whoever has fetched the page before gets the time to fetch its last state.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 16;
/// A connection may stay so long.
const LONGEST: Duration = Duration::from_secs(300);
/// A request's head must be here within this time.
const HEAD: Duration = Duration::from_secs(10);

/// What is served, and where.
pub(super) struct Endpoint {
    pub(super) listener: TcpListener,
    pub(super) path: String,
    pub(super) content_type: &'static str,
    /// How long the last state is kept for whoever has fetched before.
    pub(super) linger: Duration,
}

/// See the module's head.
pub(super) struct Page {
    /// States have numbers, from 1.
    show: watch::Sender<(u64, Bytes)>,
    fetched: Arc<Fetched>,
    linger: Duration,
    broken: Option<String>,
}

#[derive(Default)]
struct Fetched {
    /// The number of the latest state that somebody has fetched; 0 is none.
    state: AtomicU64,
}

struct Shared {
    path: String,
    content_type: &'static str,
    shown: watch::Receiver<(u64, Bytes)>,
    fetched: Arc<Fetched>,
}

impl Page {
    /// Begins to serve, on the stream's thread.
    pub(super) fn serve(endpoint: Endpoint) -> Self {
        let Endpoint { listener, path, content_type, linger } = endpoint;
        let (show, shown) = watch::channel((0, Bytes::new()));
        let fetched = Arc::new(Fetched::default());
        let shared = Arc::new(Shared { path, content_type, shown, fetched: Arc::clone(&fetched) });
        let listener =
            listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        let broken = match listener {
            Ok(listener) => {
                tokio::spawn(accept(listener, shared));
                None
            }
            Err(error) => Some(format!("its page could not be served: {error}")),
        };
        Self { show, fetched, linger, broken }
    }

    /// Shows another state.
    pub(super) fn show(&self, text: Bytes) {
        self.show.send_modify(|shown| *shown = (shown.0 + 1, text));
    }

    /// Waits until the last state has been fetched, if anybody has fetched one. What is worth telling.
    pub(super) async fn close(self) -> Option<String> {
        if self.broken.is_some() {
            return self.broken;
        }
        if self.fetched.state.load(Ordering::Relaxed) == 0 {
            return Some("nobody has fetched its page".to_owned());
        }
        let latest = self.show.borrow().0;
        let fetched = async {
            while self.fetched.state.load(Ordering::Relaxed) < latest {
                sleep(Duration::from_millis(20)).await;
            }
            // The answer is on its way; its bytes need a moment.
            sleep(Duration::from_millis(100)).await;
        };
        let linger = prony_core::units::show_duration(self.linger);
        timeout(self.linger, fetched)
            .await
            .err()
            .map(|_| format!("its last state was not fetched within {linger} (`linger`)"))
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = timeout(LONGEST, answer(stream, shared)).await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely: it may be better in a while.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &shared);
        async move { Ok::<_, Infallible>(response) }
    });
    // What a client does wrong is its own affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let refuse = |status, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        response
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
    }
    if request.uri().path() != shared.path {
        return refuse(StatusCode::NOT_FOUND, "prony serves its metrics at /metrics, or where `path` says\n");
    }
    let (state, text) = shared.shown.borrow().clone();
    shared.fetched.state.fetch_max(state, Ordering::Relaxed);
    let mut response = Response::new(Full::new(text));
    let kind = http::HeaderValue::from_static(shared.content_type);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
