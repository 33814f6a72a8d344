//! The scripted server. What it does with a call stands in the call's metadata, under `do`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ask {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    #[prost(int64, tag = "2")]
    pub(crate) id: i64,
    #[prost(uint32, tag = "3")]
    pub(crate) count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Answer {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    #[prost(int64, tag = "2")]
    pub(crate) id: i64,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) seen: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// The questions of reflection.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, optional, tag = "4")]
    symbol: Option<String>,
    #[prost(string, optional, tag = "7")]
    list: Option<String>,
}

/// And its answers.
#[derive(Clone, PartialEq, Message)]
struct Reflected {
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
    #[prost(message, optional, tag = "7")]
    error: Option<Problem>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Problem {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn reflect(question: &Question) -> Reflected {
    let mut answer = Reflected::default();
    match question {
        Question { list: Some(_), .. } => {
            answer.services = Some(Services { services: vec![Service { name: "test.v1.Probe".to_owned() }] });
        }
        Question { symbol: Some(symbol), .. } if symbol.starts_with("test.v1.") => {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/calls");
            let set = protox::compile(["probe.proto"], [folder]).expect("compiles");
            let files = set.file.iter().map(Message::encode_to_vec).collect();
            answer.files = Some(Files { files });
        }
        _ => answer.error = Some(Problem { code: 5, message: "not here".to_owned() }),
    }
    answer
}

/// How a server sets its connections up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manners {
    /// The window that clients may fill; 0 for HTTP/2's own.
    pub(crate) window: u32,
    /// The window becomes larger after so long.
    pub(crate) opens_after: Option<Duration>,
    /// GOAWAY after so many calls of a connection.
    pub(crate) goaway_after: Option<usize>,
    /// Connections are accepted and nothing is ever said.
    pub(crate) silent: bool,
    /// Which versions of reflection it has: none (0), v1alpha alone (1), or both (2).
    pub(crate) reflection: u8,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) calls: Arc<AtomicU64>,
    pub(crate) connections: Arc<AtomicU64>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    pub(crate) fn start(manners: Manners) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        Self::on(listener, manners)
    }

    pub(crate) fn on(listener: std::net::TcpListener, manners: Manners) -> Self {
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("non-blocking");
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (calls, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counts = (Arc::clone(&calls), Arc::clone(&connections));
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("listens");
                let accepting = async {
                    loop {
                        let (stream, _) = listener.accept().await.expect("accepts");
                        counts.1.fetch_add(1, Ordering::Relaxed);
                        let _ = stream.set_nodelay(true);
                        tokio::spawn(connection(stream, manners, Arc::clone(&counts.0)));
                    }
                };
                tokio::select! { () = accepting => {}, _ = stopped => {} }
            });
        });
        Self { address, calls, connections, _stop: stop }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn connection(stream: tokio::net::TcpStream, manners: Manners, calls: Arc<AtomicU64>) {
    if manners.silent {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
        return;
    }
    let mut builder = h2::server::Builder::new();
    if manners.window > 0 {
        builder.initial_window_size(manners.window);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut seen = 0;
    let mut opens = manners.opens_after.map(|after| Box::pin(tokio::time::sleep(after)));
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = async { opens.as_mut().expect("there").await }, if opens.is_some() => {
                opens = None;
                let _ = connection.set_initial_window_size(1 << 20);
                continue;
            }
        };
        let Some(Ok((request, respond))) = accepted else { return };
        calls.fetch_add(1, Ordering::Relaxed);
        seen += 1;
        let order = request.headers().get("do").map(|order| order.to_str().expect("text").to_owned());
        match order.as_deref() {
            Some("goaway") => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            Some("hang up") => return,
            _ => {}
        }
        if manners.goaway_after == Some(seen) {
            connection.graceful_shutdown();
        }
        tokio::spawn(async move {
            let order = match (request.uri().path(), manners.reflection) {
                (path, 2) if path.starts_with("/grpc.reflection.v1.") => "reflect".to_owned(),
                (path, 1..) if path.starts_with("/grpc.reflection.v1alpha.") => "reflect".to_owned(),
                (path, _) if path.starts_with("/grpc.reflection.") => "unimplemented".to_owned(),
                _ => order.unwrap_or_default(),
            };
            let _ = call(request, respond, &order).await;
        });
    }
}

pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut out = vec![flag];
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    out.extend_from_slice(message);
    out.into()
}

pub(crate) fn trailers(status: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("grpc-status", HeaderValue::from_str(status).expect("text"));
    map
}

fn head() -> http::response::Builder {
    Response::builder().status(200).header("content-type", "application/grpc+proto")
}

/// What a client sends, message by message.
pub(crate) struct Incoming {
    body: RecvStream,
    bytes: Vec<u8>,
}

impl Incoming {
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.bytes.len() >= 5 {
                let length = u32::from_be_bytes(self.bytes[1..5].try_into().expect("four")) as usize;
                if self.bytes.len() >= 5 + length {
                    let flag = self.bytes[0];
                    let message = self.bytes.drain(..5 + length).skip(5).collect::<Vec<_>>();
                    return Some(if flag == 1 { gunzip(&message) } else { message });
                }
            }
            let piece = self.body.data().await?.ok()?;
            self.body.flow_control().release_capacity(piece.len()).expect("released");
            self.bytes.extend_from_slice(&piece);
        }
    }
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut out).expect("gzip");
    out
}

async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Option<()> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        if stream.capacity() == 0 {
            std::future::poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
        }
        let room = stream.capacity().min(bytes.len());
        stream.send_data(bytes.split_to(room), false).ok()?;
    }
    Some(())
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

async fn call(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, order: &str) -> Option<()> {
    let path = request.uri().path().to_owned();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (name, value) in request.headers() {
        seen.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    seen.insert(":authority".to_owned(), request.uri().authority().expect("there").to_string());
    let mut incoming = Incoming { body: request.into_body(), bytes: Vec::new() };
    let answer =
        |ask: &Ask| Answer { text: ask.text.clone(), id: ask.id, seen: seen.clone() }.encode_to_vec();
    let small = Answer { text: "x".to_owned(), ..Answer::default() }.encode_to_vec();
    let whole = |builder: http::response::Builder| builder.body(()).expect("a head");
    match order {
        "unimplemented" => {
            respond.send_response(whole(head().header("grpc-status", "12")), true).ok()?;
        }
        "reflect" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            while let Some(question) = incoming.next().await {
                let answer = reflect(&Question::decode(question.as_slice()).ok()?);
                send(&mut stream, framed(0, &answer.encode_to_vec())).await?;
            }
            stream.send_trailers(trailers("0")).ok()?;
        }
        // Before any answer.
        "reset at once" => respond.send_reset(Reason::INTERNAL_ERROR),
        "refuse" => respond.send_reset(Reason::REFUSED_STREAM),
        "silence" | "goaway" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        "http 503" | "http 404" => {
            let status: u16 = order[5..].parse().expect("a number");
            let head = Response::builder().status(status).header("content-type", "text/html").body(());
            let mut stream = respond.send_response(head.expect("a head"), false).ok()?;
            stream.send_data(Bytes::from_static(b"<html>"), true).ok()?;
        }
        "http 500 with status" => {
            let head = Response::builder().status(500).header("grpc-status", "7").body(());
            respond.send_response(head.expect("a head"), true).ok()?;
        }
        "html" => {
            let head = Response::builder().status(200).header("content-type", "text/html").body(());
            let mut stream = respond.send_response(head.expect("a head"), false).ok()?;
            stream.send_data(Bytes::from_static(b"<html>"), true).ok()?;
        }
        "no type" => {
            let mut stream = respond.send_response(Response::new(()), false).ok()?;
            stream.send_data(framed(0, &small), false).ok()?;
            stream.send_trailers(trailers("0")).ok()?;
        }
        // A head alone.
        "trailers only" => {
            let url = "type.googleapis.com/shop.v1.Reason".to_owned();
            let details = vec![prost_types::Any { type_url: url, value: vec![8, 1] }];
            let details = Details { code: 3, message: "no".to_owned(), details }.encode_to_vec();
            let details = base64::engine::general_purpose::STANDARD.encode(details);
            let head = head()
                .header("grpc-status", "5")
                .header("grpc-message", "no%20such%20%E2%98%BA")
                .header("grpc-status-details-bin", details);
            respond.send_response(whole(head), true).ok()?;
        }
        "head alone" => {
            respond.send_response(whole(head()), true).ok()?;
        }
        // A body without its trailers, or with other ones.
        "no trailers" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            stream.send_data(framed(0, &small), true).ok()?;
        }
        "no status" | "odd status" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            stream.send_data(framed(0, &small), false).ok()?;
            let mut map = trailers("OK");
            if order == "no status" {
                map.remove("grpc-status");
                map.insert("x", HeaderValue::from_static("y"));
            }
            stream.send_trailers(map).ok()?;
        }
        // Messages that are none.
        "bad flag" | "unannounced" | "bad gzip" | "half" | "huge" => {
            let mut head = head();
            if order == "bad gzip" {
                head = head.header("grpc-encoding", "gzip");
            }
            let mut stream = respond.send_response(whole(head), false).ok()?;
            let bytes = match order {
                "bad flag" => framed(2, &small),
                "unannounced" | "bad gzip" => framed(1, &small),
                "half" => framed(0, &small).slice(..5 + small.len() - 1),
                _ => Bytes::from_static(&[0, 255, 255, 255, 255, 1]),
            };
            stream.send_data(bytes, false).ok()?;
            stream.send_trailers(trailers("0")).ok()?;
        }
        "brotli" => {
            let mut stream =
                respond.send_response(whole(head().header("grpc-encoding", "br")), false).ok()?;
            stream.send_trailers(trailers("0")).ok()?;
        }
        "bomb" => {
            let mut stream =
                respond.send_response(whole(head().header("grpc-encoding", "gzip")), false).ok()?;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, &vec![0; 50_000_000]).expect("memory");
            stream.send_data(framed(1, &encoder.finish().expect("memory")), false).ok()?;
            stream.send_trailers(trailers("0")).ok()?;
        }
        "no message" | "two messages" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            if order == "two messages" {
                stream.send_data(framed(0, &small), false).ok()?;
                stream.send_data(framed(0, &small), false).ok()?;
            }
            stream.send_trailers(trailers("0")).ok()?;
        }
        // Resets underway.
        "reset after head" | "reset after message" | "reset after half" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            pause().await;
            if order != "reset after head" {
                let message = framed(0, &small);
                let length = if order == "reset after half" { 6 } else { message.len() };
                stream.send_data(message.slice(..length), false).ok()?;
                pause().await;
            }
            stream.send_reset(Reason::CANCEL);
        }
        "endless" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            loop {
                send(&mut stream, framed(0, &small)).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        "stuck" => {
            let mut stream = respond.send_response(whole(head()), false).ok()?;
            stream.send_data(framed(0, &small), false).ok()?;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        // Of good manners.
        _ => {
            let mut head = head().header("x-initial", "first").header("x-odd-bin", "AAE=");
            let gzip = order == "gzip";
            if gzip {
                head = head.header("grpc-encoding", "gzip");
            }
            let pack = |message: &[u8]| {
                if !gzip {
                    return framed(0, message);
                }
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                std::io::Write::write_all(&mut encoder, message).expect("memory");
                framed(1, &encoder.finish().expect("memory"))
            };
            if order == "slow" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            if order == "status 13" {
                let head = head.header("grpc-status", "13").header("grpc-message", "broken%21");
                respond.send_response(whole(head), true).ok()?;
                return Some(());
            }
            let mut stream = respond.send_response(whole(head), false).ok()?;
            match path.as_str() {
                "/test.v1.Probe/Unary" | "/grpc.health.v1.Health/Check" => {
                    let ask = incoming.next().await?;
                    if path.ends_with("Check") {
                        // The service's name says how it is: `down` is not serving.
                        let state = if ask.ends_with(b"down") { 2 } else { 1 };
                        send(&mut stream, framed(0, &[8, state])).await?;
                    } else {
                        let ask = Ask::decode(ask.as_slice()).ok()?;
                        send(&mut stream, pack(&answer(&ask))).await?;
                    }
                }
                "/test.v1.Probe/Server" => {
                    let ask = Ask::decode(incoming.next().await?.as_slice()).ok()?;
                    for id in 0..ask.count {
                        let one = Answer { text: ask.text.clone(), id: i64::from(id), ..Answer::default() };
                        send(&mut stream, pack(&one.encode_to_vec())).await?;
                    }
                }
                "/test.v1.Probe/Client" => {
                    let (mut count, mut text) = (0, String::new());
                    while let Some(ask) = incoming.next().await {
                        count += 1;
                        text.push_str(&Ask::decode(ask.as_slice()).ok()?.text);
                    }
                    let one = Answer { text, id: count, seen };
                    send(&mut stream, pack(&one.encode_to_vec())).await?;
                }
                _ => {
                    // `swap` answers each pair of messages in the other order.
                    let mut held: Option<Ask> = None;
                    while let Some(ask) = incoming.next().await {
                        let ask = Ask::decode(ask.as_slice()).ok()?;
                        if order == "deaf" {
                            continue;
                        }
                        if order == "swap" && held.is_none() {
                            held = Some(ask);
                            continue;
                        }
                        let plain =
                            |ask: &Ask| Answer { text: ask.text.clone(), id: ask.id, ..Answer::default() };
                        send(&mut stream, pack(&plain(&ask).encode_to_vec())).await?;
                        if let Some(before) = held.take() {
                            send(&mut stream, pack(&plain(&before).encode_to_vec())).await?;
                        }
                    }
                }
            }
            let mut map = trailers("0");
            map.insert("x-last", HeaderValue::from_static("bye"));
            stream.send_trailers(map).ok()?;
        }
    }
    Some(())
}
