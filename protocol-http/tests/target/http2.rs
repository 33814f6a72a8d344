//! HTTP/2 by prior knowledge and over TLS, and TLS itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use http::{Method, Request, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::{elapsed, start};

/// The longest that any of this should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("in time") })
}

async fn h2_over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Bytes> {
    // With a small window h2's client takes many small replies at once for an attack.
    let mut client = h2::client::Builder::new();
    client.initial_connection_window_size(1 << 24);
    let (send, connection) = client.handshake(stream).await.expect("the preface is answered");
    tokio::spawn(connection);
    send.ready().await.expect("ready")
}

async fn h2c(address: Option<SocketAddr>) -> SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(address.expect("bound")).await.expect("connects");
    h2_over(stream).await
}

/// A status and a body, or why there is none.
async fn get(send: &SendRequest<Bytes>, path: &str) -> Result<(u16, Vec<u8>), h2::Error> {
    let request = Request::builder()
        .method(Method::GET)
        .version(Version::HTTP_2)
        .uri(format!("http://test{path}"))
        .body(())
        .expect("a request");
    let (reply, _) = send.clone().ready().await?.send_request(request, true)?;
    let reply = reply.await?;
    let status = reply.status().as_u16();
    let mut body = reply.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((status, bytes))
}

fn trusting(pem: &str, protocol: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

#[test]
fn prior_knowledge_speaks_http2_in_the_clear() {
    let target = start(2);
    run(async {
        let send = h2c(target.http()).await;
        assert_eq!(get(&send, "/items/7").await.expect("a reply").0, 200);
        let (status, body) = get(&send, "/bytes/1000000").await.expect("a reply");
        assert_eq!((status, body.len()), (200, 1_000_000));
        let (_, echo) = get(&send, "/echo").await.expect("a reply");
        assert!(String::from_utf8_lossy(&echo).contains("HTTP/2"));
    });
}

#[test]
fn a_thousand_streams_wait_at_the_same_time() {
    let target = start(1);
    run(async {
        let send = h2c(target.http()).await;
        // The server's settings have come with the first reply.
        get(&send, "/").await.expect("a reply");
        assert!(send.current_max_send_streams() >= 1_000);
        let replies: Vec<_> = (0..1_000)
            .map(|_| {
                let send = send.clone();
                tokio::spawn(async move { get(&send, "/items?delay=300ms").await.expect("a reply").0 })
            })
            .collect();
        for reply in replies {
            assert_eq!(reply.await.expect("no panic"), 200);
        }
    });
    assert_eq!(target.requests(), 1_001);
}

#[test]
fn a_reset_is_the_streams_and_a_close_the_connections() {
    let target = start(1);
    run(async {
        let send = h2c(target.http()).await;
        let error = get(&send, "/items?reset").await.expect_err("a reset");
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        assert!(error.is_reset() && error.is_remote(), "{error}");
        assert_eq!(get(&send, "/items").await.expect("the connection lives").0, 200);
        let error = get(&send, "/bytes/100000?half_close").await.expect_err("half a body");
        assert!(error.is_reset() && error.is_remote(), "{error}");
        let error = get(&send, "/items?close").await.expect_err("a close");
        assert!(!error.is_reset(), "{error}");
        assert!(get(&send, "/items").await.is_err());
    });
}

#[test]
fn a_half_closed_stream_has_half_its_body() {
    let target = start(1);
    run(async {
        let mut send = h2c(target.http()).await;
        let request = Request::get("http://test/bytes/20000?half_close").body(()).expect("a request");
        let (reply, _) = send.send_request(request, true).expect("sent");
        let reply = reply.await.expect("a head");
        assert_eq!(reply.headers()["content-length"], "20000");
        let mut body = reply.into_body();
        let mut length = 0;
        let error = loop {
            match body.data().await.expect("an error, no end") {
                Ok(data) => length += data.len(),
                Err(error) => break error,
            }
        };
        assert_eq!(length, 10_000);
        assert!(error.is_reset(), "{error}");
    });
}

#[test]
fn tls_is_verified_by_the_written_ca_for_each_of_its_names() {
    let target = start(2);
    let address = target.https().expect("bound");
    for name in ["localhost", "127.0.0.1", "::1"] {
        let config = trusting(target.certificate_pem(), b"http/1.1");
        let server = ServerName::try_from(name).expect("a name");
        let connection = ClientConnection::new(config, server).expect("a client");
        let mut stream = StreamOwned::new(connection, TcpStream::connect(address).expect("connects"));
        stream
            .write_all(b"GET /items/7 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            .expect("writes");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("reads");
        assert!(reply.starts_with("HTTP/1.1 200"), "{name}: {reply}");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let other = start(1);
    let config = trusting(other.certificate_pem(), b"http/1.1");
    let connection = ClientConnection::new(config, ServerName::try_from("localhost").expect("a name"));
    let socket = TcpStream::connect(address).expect("connects");
    let mut stream = StreamOwned::new(connection.expect("a client"), socket);
    assert!(stream.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err(), "another target's CA must not do");
}

#[test]
fn alpn_leads_to_http2() {
    let target = start(1);
    run(async {
        let stream = tokio::net::TcpStream::connect(target.https().expect("bound")).await.expect("connects");
        let connector = tokio_rustls::TlsConnector::from(trusting(target.certificate_pem(), b"h2"));
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = connector.connect(name, stream).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let send = h2_over(stream).await;
        assert_eq!(get(&send, "/items").await.expect("a reply").0, 200);
    });
}

#[test]
fn dropping_a_busy_target_does_not_hang() {
    let target = start(2);
    run(async {
        let send = h2c(target.http()).await;
        let waiting = tokio::spawn(async move { get(&send, "/items?no_reply").await });
        while target.requests() == 0 {
            tokio::task::yield_now().await;
        }
        let (time, ()) = elapsed(|| drop(target));
        assert!(time < Duration::from_secs(5), "{time:?}");
        assert!(waiting.await.expect("no panic").is_err());
    });
}
