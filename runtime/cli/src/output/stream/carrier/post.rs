//! POST requests over one connection that is kept: HTTP/1.1, or HTTP/2 with gRPC's frame around the body.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prony_core::Phases;
use prony_engine::clock::clock;
use prony_transport::{Connector, Origin, WorkerConnector};

use super::{Refusal, Taken};

/// The most of an answer that is read, in bytes.
const MOST_OF_ANSWER: usize = 64 * 1024;

/// How an answer is read.
#[derive(Clone, Copy)]
pub(in super::super) enum Reads {
    /// The status says it all.
    Status,
    /// The body of a good answer may say that points were refused.
    Body(fn(&[u8]) -> Taken),
    /// The same, over gRPC.
    Grpc(fn(&[u8]) -> Taken),
}

/// Whom to post to, and how.
pub(in super::super) struct Endpoint {
    pub(in super::super) origin: Origin,
    /// Path and query.
    pub(in super::super) path: String,
    pub(in super::super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(in super::super) reads: Reads,
    pub(in super::super) connector: Connector,
}

/// See the module's head.
pub(in super::super) struct Http {
    origin: Origin,
    authority: String,
    path: String,
    headers: HeaderMap,
    reads: Reads,
    connector: WorkerConnector,
    connection: Option<Connection>,
}

enum Connection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Http {
    /// Made on the stream's thread. Nothing is connected yet.
    pub(in super::super) fn new(endpoint: Endpoint) -> Self {
        let Endpoint { origin, path, headers, reads, connector } = endpoint;
        let authority = origin.authority(if origin.tls { 443 } else { 80 });
        let mut all = HeaderMap::new();
        let agent = concat!("prony/", env!("CARGO_PKG_VERSION"));
        all.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Reads::Grpc(_) = reads {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            all.insert(TE, HeaderValue::from_static("trailers"));
        }
        // What a person says comes last, and so wins.
        for (name, value) in headers {
            all.insert(name, value);
        }
        let connector = Arc::new(connector).worker(0);
        Self { origin, authority, path, headers: all, reads, connector, connection: None }
    }

    /// Forgets the connection.
    pub(super) fn drop_connection(&mut self) {
        self.connection = None;
    }

    /// Posts `body`.
    pub(super) async fn carry(&mut self, body: &Bytes) -> Result<Taken, Refusal> {
        let answer = self.post(body).await;
        if answer.is_err() {
            self.drop_connection();
        }
        let (head, body, trailers) = answer?;
        match self.reads {
            Reads::Status => judged(&head, &body).map(|()| Taken::default()),
            Reads::Body(read) => judged(&head, &body).map(|()| read(&body)),
            Reads::Grpc(read) => {
                judged(&head, &body)?;
                grpc_judged(&head.headers, &trailers)?;
                Ok(body.get(5..).map(read).unwrap_or_default())
            }
        }
    }

    async fn post(&mut self, body: &Bytes) -> Result<(http::response::Parts, Bytes, HeaderMap), Refusal> {
        let request = self.request(body)?;
        let answer = match self.connected().await? {
            Connection::One(sender) => sender.send_request(request).await,
            Connection::Two(sender) => sender.send_request(request).await,
        };
        let (head, body): (_, Incoming) =
            answer.map_err(|error| Refusal::passing(story(&error)))?.into_parts();
        let collected = Limited::new(body, MOST_OF_ANSWER).collect().await;
        let collected =
            collected.map_err(|error| Refusal::passing(format!("reading its answer: {error}")))?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Ok((head, collected.to_bytes(), trailers))
    }

    /// The connection that is kept, if it still stands, or a new one.
    async fn connected(&mut self) -> Result<&mut Connection, Refusal> {
        let stands = match &mut self.connection {
            Some(Connection::One(sender)) => sender.ready().await.is_ok(),
            Some(Connection::Two(sender)) => sender.ready().await.is_ok(),
            None => false,
        };
        if !stands {
            self.connection = None;
        }
        let fresh = if self.connection.is_none() { Some(self.connect().await?) } else { None };
        let slot = &mut self.connection;
        match fresh {
            Some(fresh) => Ok(slot.insert(fresh)),
            None => slot.as_mut().ok_or_else(|| Refusal::passing("no connection")),
        }
    }

    async fn connect(&self) -> Result<Connection, Refusal> {
        let connected = self.connector.connect(&self.origin, &clock(), &mut Phases::default()).await;
        let connected = connected.map_err(|failure| Refusal::passing(failure.detail))?;
        let io = TokioIo::new(connected.stream);
        if let Reads::Grpc(_) = self.reads {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(|error| Refusal::passing(story(&error)))?;
            // It ends with its sender.
            tokio::spawn(connection);
            return Ok(Connection::Two(sender));
        }
        let (sender, connection) =
            http1::handshake(io).await.map_err(|error| Refusal::passing(story(&error)))?;
        tokio::spawn(connection);
        Ok(Connection::One(sender))
    }

    fn request(&self, body: &Bytes) -> Result<Request<Full<Bytes>>, Refusal> {
        let is_grpc = matches!(self.reads, Reads::Grpc(_));
        let (uri, body) = if is_grpc {
            let scheme = if self.origin.tls { "https" } else { "http" };
            (format!("{scheme}://{}{}", self.authority, self.path), framed(body))
        } else {
            (self.path.clone(), body.clone())
        };
        let mut request = Request::builder().method(Method::POST).uri(uri);
        if !is_grpc {
            request = request.header(HOST, &self.authority);
        }
        let mut request = request
            .body(Full::new(body))
            .map_err(|error| Refusal::lasting(format!("no request can be made of its URL: {error}")))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// A message of gRPC, not compressed.
fn framed(message: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

/// What a status says: requests too many and troubles of the server pass, everything else does not.
fn judged(head: &http::response::Parts, body: &[u8]) -> Result<(), Refusal> {
    let status = head.status;
    if status.is_success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(body);
    let why = match words.trim() {
        "" => format!("answered {status}"),
        words => format!("answered {status}: {words}"),
    };
    let passes = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT;
    let pause = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Err(Refusal { why, passes, pause: pause.map(Duration::from_secs) })
}

/// gRPC's status, in the trailers, or in the head of an answer without a message. Which of them pass, OTLP says.
fn grpc_judged(head: &HeaderMap, trailers: &HeaderMap) -> Result<(), Refusal> {
    let find = |name: &str| trailers.get(name).or_else(|| head.get(name))?.to_str().ok();
    let status = find("grpc-status").and_then(|status| status.parse::<u32>().ok());
    match status {
        Some(0) => Ok(()),
        Some(status) => {
            let why = format!("answered grpc-status {status}: {}", find("grpc-message").unwrap_or_default());
            let passes = matches!(status, 1 | 4 | 8 | 10 | 11 | 14 | 15);
            Err(Refusal { why, passes, pause: None })
        }
        None => Err(Refusal::passing("answered without a grpc-status")),
    }
}

/// An error of hyper's with its causes, for its own words say little.
fn story(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

/// `Authorization: Basic …`.
pub(in super::super) fn basic(user: &str, password: &str) -> (HeaderName, String) {
    use base64::Engine as _;
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    (AUTHORIZATION, format!("Basic {both}"))
}
