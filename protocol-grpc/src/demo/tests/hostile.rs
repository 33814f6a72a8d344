//! Clients that do not behave, TLS, small windows: the target carries on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;

use super::client::{Client, echo, framed, prefixed, run, shop, start, with_target};
use crate::demo::Target;
use crate::demo::generated::{EchoReply, EchoRequest};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn connect(target: &Target) -> TcpStream {
    let stream = TcpStream::connect(target.plain().expect("an address")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    stream
}

#[test]
fn garbage_and_half_open_connections_hurt_nobody_else() {
    let target = start();
    // Silent ones, open to the end: before a byte, within the preface, and after a handshake.
    let silent = [connect(&target), connect(&target), connect(&target)];
    (&silent[1]).write_all(&PREFACE[..10]).expect("written");
    (&silent[2]).write_all(&[PREFACE, SETTINGS].concat()).expect("written");
    let mut noise = vec![0_u8; 4_096];
    let mut random = prony_core::Random::new(7, 0, 0);
    for round in 0..60 {
        noise.fill_with(|| random.bits() as u8);
        let mut stream = connect(&target);
        let beginning: &[u8] = match round % 3 {
            0 => b"",
            1 => PREFACE,
            _ => b"GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n",
        };
        // The target may have hung up before all has been written.
        let _ = stream.write_all(beginning).and_then(|()| stream.write_all(&noise));
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    // TLS that is none.
    let mut stream = TcpStream::connect(target.tls().expect("an address")).expect("a connection");
    stream.write_all(&noise).expect("written");
    run(async {
        for _ in 0..4 {
            let mut client = Client::new(&target).await;
            assert_eq!(client.spoiled("").await.status(), "0");
        }
    });
    drop(silent);
}

#[test]
fn messages_that_are_none_are_refused() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let huge = Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        for (message, status) in [
            (prefixed(0, b"\xff\xff"), "13"),
            (prefixed(9, b""), "13"),
            (Bytes::from_static(&[0, 0, 0, 0, 9, 1]), "13"),
            (Bytes::from_static(&[0, 0]), "13"),
            (Bytes::new(), "13"),
            // tonic's code for more than 4 MiB.
            (huge, "11"),
        ] {
            let seen = client.call(&shop("Echo"), &[], std::slice::from_ref(&message)).await;
            assert_eq!(seen.status(), status, "{message:?}: {seen:?}");
        }
        let html = [("content-type", "text/html")];
        // Two content types: h2 sends both, and the first is gRPC's.
        assert_eq!(client.call(&shop("Echo"), &html, &[framed(&echo(""))]).await.status(), "0");
        let request =
            http::Request::post("http://shop.test/prony.demo.v1.Shop/Echo").body(()).expect("a request");
        let (response, _) = client.send.send_request(request, true).expect("sent");
        assert_eq!(response.await.expect("an answer").status(), 415);
        let request =
            http::Request::get("http://shop.test/prony.demo.v1.Shop/Echo").body(()).expect("a request");
        let (response, _) = client.send.send_request(request, true).expect("sent");
        assert_eq!(response.await.expect("an answer").status(), 405);
    });
}

#[test]
fn streams_reset_in_every_state_hurt_no_other() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        for number in 0..300 {
            let fault = ["", "delay=2ms", "no_reply", "endless", "pause=1ms"][number % 5];
            let mut open = client.begin(&shop("Chat"), &[("prony-fault", fault)]).await;
            if number % 2 == 0 {
                let message = crate::demo::generated::ChatMessage::default();
                open.send.send_data(framed(&message), false).expect("sent");
            }
            if number % 3 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            open.send.send_reset(Reason::CANCEL);
        }
        assert_eq!(client.spoiled("").await.status(), "0");
    });
}

#[test]
fn a_small_window_gets_it_all() {
    with_target(async |target| {
        let stream = tokio::net::TcpStream::connect(target.plain().expect("an address")).await;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(100);
        let mut client = Client::over(stream.expect("a connection"), &builder).await;
        let request = EchoRequest { reply_size: 50_000, ..Default::default() };
        let seen = client.call(&shop("Echo"), &[], &[framed(&request)]).await;
        assert_eq!((seen.one::<EchoReply>().payload.len(), seen.status()), (50_000, "0"));
    });
}

#[test]
fn tls_shows_a_certificate_of_the_targets_own_ca() {
    with_target(async |target| {
        let mut roots = rustls::RootCertStore::empty();
        let pem = target.certificate_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(pem).expect("PEM")).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        for name in ["localhost", "127.0.0.1"] {
            let stream = tokio::net::TcpStream::connect(target.tls().expect("an address")).await;
            let name = ServerName::try_from(name).expect("a name");
            let connector = TlsConnector::from(Arc::new(config.clone()));
            let stream = connector.connect(name, stream.expect("a connection")).await.expect("TLS");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let mut client = Client::over(stream, &h2::client::Builder::new()).await;
            assert_eq!(client.spoiled("").await.status(), "0");
        }
    });
}
