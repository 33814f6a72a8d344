//! The page's server: the page, the events, the orders. Every answer says that nothing of it may be kept, framed or guessed at.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prony_engine::course::PERCENT;
use prony_engine::{Action, Origin};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::guard::TOKEN;
use super::{Feed, LINGER};
use crate::report::html::live::{LivePage, live_page};

/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 32;
/// A request's head must be here within this time.
const HEAD: Duration = Duration::from_secs(10);
/// The longest order, in bytes.
const LONGEST_ORDER: usize = 1_000;
/// Messages on their way to a browser that does not read.
const ON_THE_WAY: usize = 1;
/// Messages come so long after each other at the earliest.
const PACE: Duration = Duration::from_millis(250);

/// The thread's own: serves until nobody can tell it anything, and then until everybody has the result.
pub(super) fn serve(listener: TcpListener, feed: &Arc<Feed>, news: &watch::Receiver<u64>) {
    // Without a runtime there is no page; the run goes on.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let shared = Arc::new(Shared { feed: Arc::clone(feed), news: news.clone(), page: live_page() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&room), shared));
        let mut over = news.clone();
        while over.changed().await.is_ok() {}
        // Browsers that have the result close their connections; others are waited for a little.
        let _ = timeout(LINGER, room.acquire_many(CONNECTIONS as u32)).await;
        accepting.abort();
    });
}

struct Shared {
    feed: Arc<Feed>,
    news: watch::Receiver<u64>,
    page: LivePage,
}

async fn accept(listener: tokio::net::TcpListener, room: Arc<Semaphore>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: it may be better in a while.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Behind the accepting, so that nobody has a place who is not there: the end waits until all places are free.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(request, &shared).await) }
            });
            // One request a connection: an idle one would take room. What a client does wrong is its own affair.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

/// An answer's bytes: all at once, or message by message.
enum Answer {
    Whole(Option<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(messages) => {
                messages.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Answer> {
    if let Err(why) = shared.feed.guard.admit(request.headers()) {
        return text(StatusCode::FORBIDDEN, why.to_owned());
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => {
            let mut page = respond(
                StatusCode::OK,
                "text/html; charset=utf-8",
                Answer::Whole(Some(shared.page.html.clone().into())),
            );
            if let Ok(policy) = HeaderValue::from_str(&shared.page.policy) {
                page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            }
            page
        }
        (&Method::GET, "/events") => {
            let token =
                request.uri().query().and_then(|query| query.strip_prefix("token=")).unwrap_or_default();
            if !shared.feed.guard.knows(token) {
                return no_token();
            }
            let (sender, messages) = mpsc::channel(ON_THE_WAY);
            tokio::spawn(tell(Arc::clone(&shared.feed), shared.news.clone(), sender));
            respond(StatusCode::OK, "text/event-stream", Answer::Events(messages))
        }
        (&Method::POST, "/control") => {
            let token =
                request.headers().get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
            if !shared.feed.guard.knows(token) {
                return no_token();
            }
            control(request.into_body(), shared).await
        }
        (_, "/" | "/events" | "/control") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "expected GET / or /events, or POST /control\n".to_owned())
        }
        _ => text(StatusCode::NOT_FOUND, "prony serves its page at /\n".to_owned()),
    }
}

fn no_token() -> Response<Answer> {
    text(
        StatusCode::FORBIDDEN,
        "the token is missing or another run's: open the address that prony printed\n".to_owned(),
    )
}

/// An order, as the page sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    action: Word,
    percent: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Pause,
    Resume,
    Load,
    Stop,
}

async fn control(body: Incoming, shared: &Shared) -> Response<Answer> {
    let body = timeout(HEAD, Limited::new(body, LONGEST_ORDER).collect()).await;
    let Ok(Ok(body)) = body else {
        return text(
            StatusCode::BAD_REQUEST,
            format!("an order of at most {LONGEST_ORDER} bytes did not come\n"),
        );
    };
    let action = match serde_json::from_slice(&body.to_bytes()) {
        Ok(Order { action: Word::Load, percent: Some(percent) }) if PERCENT.contains(&percent) => {
            Action::Load(percent)
        }
        Ok(Order { action: Word::Pause, percent: None }) => Action::Pause,
        Ok(Order { action: Word::Resume, percent: None }) => Action::Resume,
        Ok(Order { action: Word::Stop, percent: None }) => Action::Stop,
        _ => {
            let expected = "expected {\"action\": \"pause\"}, resume, stop, or {\"action\": \"load\", \"percent\": 150}, of 1 to 1000\n";
            return text(StatusCode::BAD_REQUEST, expected.to_owned());
        }
    };
    shared.feed.control.steer(action, Origin::Web);
    text(StatusCode::ACCEPTED, String::new())
}

/// Tells a browser what is new, as fast as it reads, until the run has ended or it goes away.
async fn tell(feed: Arc<Feed>, mut news: watch::Receiver<u64>, browser: mpsc::Sender<Bytes>) {
    let mut from = None;
    loop {
        // Room first: what is told is what is so when it can be told.
        let Ok(room) = browser.reserve().await else { return };
        news.mark_unchanged();
        let (message, next, ended) = feed.message(from);
        from = Some(next);
        room.send(format!("event: run\ndata: {message}\n\n").into());
        if ended {
            return;
        }
        sleep(PACE).await;
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            () = browser.closed() => return,
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Answer> {
    respond(status, "text/plain; charset=utf-8", Answer::Whole(Some(text.into())))
}

fn respond(status: StatusCode, kind: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
