//! A client that shows what came: h2's, with nothing of gRPC in it but the five bytes before a message.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{Reason, SendStream};
use http::{HeaderMap, Method, Request, Response};
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::demo::{Target, TargetOptions};

/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(20);

pub(super) fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(super) fn start() -> Target {
    let options = TargetOptions { plain: Some(any()), tls: Some(any()), threads: 2, seed: 1 };
    Target::start(options).expect("it starts")
}

/// Runs `test` against a target of its own.
pub(super) fn with_target(test: impl AsyncFnOnce(&Target)) {
    let target = start();
    run(async { test(&target).await });
}

pub(super) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(LONG, test).await.expect("in time") })
}

/// A connection.
pub(super) struct Client {
    pub(super) send: SendRequest<Bytes>,
    pub(super) driver: JoinHandle<Result<(), h2::Error>>,
}

/// All that came back on a stream.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) http_status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
    /// How it ended, if not by END_STREAM.
    pub(super) reset: Option<Reason>,
    pub(super) broken: bool,
}

impl Client {
    pub(super) async fn new(target: &Target) -> Self {
        let stream = TcpStream::connect(target.plain().expect("an address")).await.expect("a connection");
        Self::over(stream, &h2::client::Builder::new()).await
    }

    pub(super) async fn over(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        builder: &h2::client::Builder,
    ) -> Self {
        let (send, connection) = builder.handshake(stream).await.expect("a handshake");
        Self { send, driver: tokio::spawn(connection) }
    }

    /// Begins a call whose messages are still to come.
    pub(super) async fn begin(&mut self, path: &str, metadata: &[(&str, &str)]) -> Open {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://shop.test{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in metadata {
            request = request.header(*name, *value);
        }
        let mut ready = self.send.clone().ready().await.expect("a stream");
        let (response, send) =
            ready.send_request(request.body(()).expect("a request"), false).expect("a request");
        Open { response, send, reading: None }
    }

    /// A whole call.
    pub(super) async fn call(&mut self, path: &str, metadata: &[(&str, &str)], messages: &[Bytes]) -> Seen {
        let mut open = self.begin(path, metadata).await;
        for message in messages {
            // An answer may come and end the stream before all has been sent.
            let _ = open.send.send_data(message.clone(), false);
        }
        let _ = open.send.send_data(Bytes::new(), true);
        open.see().await
    }

    /// A unary call of the shop that must go well.
    pub(super) async fn unary<T: Message + Default>(&mut self, method: &str, request: &impl Message) -> T {
        let seen = self.call(&shop(method), &[], &[framed(request)]).await;
        assert_eq!(seen.status(), "0", "{seen:?}");
        seen.one()
    }

    /// A call of Echo with these faults.
    pub(super) async fn spoiled(&mut self, fault: &str) -> Seen {
        self.call(&shop("Echo"), &[("prony-fault", fault)], &[framed(&echo("hello"))]).await
    }
}

/// A call under way.
pub(super) struct Open {
    response: h2::client::ResponseFuture,
    pub(super) send: SendStream<Bytes>,
    reading: Option<(Response<h2::RecvStream>, BytesMut)>,
}

impl Open {
    /// The next message, without its prefix.
    pub(super) async fn message(&mut self) -> Bytes {
        loop {
            let (response, buffer) = match &mut self.reading {
                Some(reading) => reading,
                reading => {
                    let response = (&mut self.response).await.expect("headers");
                    reading.insert((response, BytesMut::new()))
                }
            };
            if let Some(mut prefix) = buffer.get(1..5) {
                let length = prefix.get_u32() as usize + 5;
                if buffer.len() >= length {
                    return buffer.split_to(length).freeze().slice(5..);
                }
            }
            let data = response.body_mut().data().await.expect("more").expect("data");
            let _ = response.body_mut().flow_control().release_capacity(data.len());
            buffer.extend_from_slice(&data);
        }
    }

    /// All that comes, to the end.
    pub(super) async fn see(self) -> Seen {
        let mut seen = Seen::default();
        match self.response.await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                seen.http_status = head.status.as_u16();
                seen.headers = head.headers;
                seen.read(body).await;
            }
            Err(error) => seen.fail(&error),
        }
        seen
    }
}

impl Seen {
    async fn read(&mut self, mut body: h2::RecvStream) {
        let mut all = BytesMut::new();
        while let Some(data) = body.data().await {
            match data {
                Ok(data) => {
                    let _ = body.flow_control().release_capacity(data.len());
                    all.extend_from_slice(&data);
                }
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        self.body = all.freeze();
        if !self.is_broken() {
            match body.trailers().await {
                Ok(trailers) => self.trailers = trailers,
                Err(error) => self.fail(&error),
            }
        }
    }

    fn fail(&mut self, error: &h2::Error) {
        self.broken = true;
        self.reset = error.reason();
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// `grpc-status`, wherever it stands.
    pub(super) fn status(&self) -> &str {
        self.end("grpc-status")
    }

    pub(super) fn end(&self, name: &str) -> &str {
        let value = self.trailers.as_ref().and_then(|map| map.get(name)).or_else(|| self.headers.get(name));
        value.map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    /// `grpc-message`, decoded.
    pub(super) fn message(&self) -> String {
        percent_encoding::percent_decode_str(self.end("grpc-message"))
            .decode_utf8()
            .expect("UTF-8")
            .into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    /// The messages, each with its flag.
    pub(super) fn flagged(&self) -> Vec<(u8, Bytes)> {
        let mut rest = self.body.clone();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let flag = rest.get_u8();
            let length = rest.get_u32() as usize;
            messages.push((flag, rest.split_to(length)));
        }
        messages
    }

    pub(super) fn all<T: Message + Default>(&self) -> Vec<T> {
        self.flagged().into_iter().map(|(_, message)| T::decode(message).expect("a message")).collect()
    }

    pub(super) fn one<T: Message + Default>(&self) -> T {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{self:?}");
        all.remove(0)
    }
}

pub(super) fn shop(method: &str) -> String {
    format!("/prony.demo.v1.Shop/{method}")
}

pub(super) fn framed(message: &impl Message) -> Bytes {
    prefixed(0, &message.encode_to_vec())
}

pub(super) fn prefixed(flag: u8, message: &[u8]) -> Bytes {
    [&[flag][..], &u32::try_from(message.len()).expect("short").to_be_bytes(), message].concat().into()
}

pub(super) fn echo(text: &str) -> crate::demo::generated::EchoRequest {
    crate::demo::generated::EchoRequest { text: text.to_owned(), ..Default::default() }
}
