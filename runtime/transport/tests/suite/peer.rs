//! Peers to connect to: an authority, certificates, and a TLS server on the test's own runtime; and the connector as a
//! plan makes it.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use prony_core::{Clock, Phases, Source, Timestamp, document};
use prony_transport::{ConnectFailure, Connected, Connector, Origin, Stream, WorkerConnector};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a peer says to whoever gets through to it.
pub(crate) const GREETING: &[u8] = b"welcome";

/// A folder for PEM files.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let mut file = std::fs::File::create(folder.join(name)).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

/// Somebody who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub(crate) enum Valid {
    Now,
    LongAgo,
    Later,
}

/// A certificate and its key.
pub(crate) struct Leaf {
    pub(crate) chain: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

fn dates(params: &mut CertificateParams, valid: Valid) {
    let (from, until) = match valid {
        Valid::Now => (2020, 2090),
        Valid::LongAgo => (2001, 2002),
        Valid::Later => (2089, 2090),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        dates(&mut params, Valid::Now);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, name: &str, valid: Valid) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        dates(&mut params, valid);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Leaf::new(certificate.der().clone(), certificate.pem(), &key)
    }

    fn root(&self) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        store.add(self.0.der().clone()).expect("a root");
        Arc::new(store)
    }
}

impl Leaf {
    fn new(chain: CertificateDer<'static>, pem: String, key: &KeyPair) -> Self {
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self { chain, key: der, pem, key_pem: key.serialize_pem() }
    }

    /// What `openssl req -x509` makes: signed by itself and marked as an authority.
    pub(crate) fn authority_itself(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        dates(&mut params, Valid::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self::new(certificate.der().clone(), certificate.pem(), &key)
    }
}

/// How a peer speaks TLS.
pub(crate) struct Manners<'a> {
    pub(crate) leaf: &'a Leaf,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// Whose clients are let in; `None` lets everybody in.
    pub(crate) clients_of: Option<&'a Authority>,
    pub(crate) alpn: &'a [&'a str],
}

impl<'a> Manners<'a> {
    pub(crate) fn of(leaf: &'a Leaf) -> Self {
        Self { leaf, versions: rustls::ALL_VERSIONS, clients_of: None, alpn: &[] }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .expect("versions");
        let builder = match self.clients_of {
            None => builder.with_no_client_auth(),
            Some(authority) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(authority.root(), provider)
                    .build()
                    .expect("a verifier"),
            ),
        };
        let mut config = builder
            .with_single_cert(vec![self.leaf.chain.clone()], self.leaf.key.clone_key())
            .expect("a certificate and its key");
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A connection as the peer saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: SocketAddr,
    pub(crate) server_name: Option<String>,
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) resumed: bool,
}

/// A server that greets whoever connects.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    pub(crate) async fn tls(manners: Manners<'_>) -> Self {
        Self::start(Some(TlsAcceptor::from(manners.config()))).await
    }

    pub(crate) async fn plain() -> Self {
        Self::start(None).await
    }

    async fn start(acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let peer = Self { address: listener.local_addr().expect("an address"), seen: Arc::default() };
        let seen = Arc::clone(&peer.seen);
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let mut one = Seen { from, server_name: None, version: None, resumed: false };
                    let note = |one: Seen| seen.lock().expect("the list").push(one);
                    let mut rest = [0; 64];
                    match acceptor {
                        None => {
                            note(one);
                            let mut stream = stream;
                            let _ = stream.write_all(GREETING).await;
                            let _ = stream.read(&mut rest).await;
                        }
                        Some(acceptor) => {
                            let Ok(mut stream) = acceptor.accept(stream).await else { return };
                            let session = stream.get_ref().1;
                            one.server_name = session.server_name().map(str::to_owned);
                            one.version = session.protocol_version();
                            one.resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
                            note(one);
                            let _ = stream.write_all(GREETING).await;
                            let _ = stream.read(&mut rest).await;
                        }
                    }
                });
            }
        });
        peer
    }

    pub(crate) fn origin(&self, host: &str) -> Origin {
        Origin { tls: true, host: host.into(), port: self.address.port() }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("the list").clone()
    }
}

/// The run's clock, for want of an engine.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the test has no engine to ask")]
    fn read() -> Timestamp {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        Timestamp::from_nanos(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64)
    }
    Clock::new(read)
}

/// What a plan with these words makes, or why it makes nothing.
pub(crate) fn connector(plan: &str, folder: &Path, alpn: &[&str]) -> Result<Arc<Connector>, String> {
    let node = document::parse(&Source::new("plan.yaml", plan)).expect("YAML");
    let builder = Connector::from_plan(node.get("network"), node.get("tls"), folder)
        .map_err(|mistake| mistake.to_string())?;
    let alpn = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    builder.build(alpn).map(Arc::new).map_err(|problem| problem.to_string())
}

/// A worker's connector for a plan in which nothing is wrong.
pub(crate) fn worker(plan: &str, folder: &Path, alpn: &[&str]) -> WorkerConnector {
    connector(plan, folder, alpn).expect("a good plan").worker(0)
}

/// Connects and reads the greeting.
pub(crate) async fn greeted(
    worker: &WorkerConnector,
    origin: &Origin,
) -> Result<(Connected, Phases), ConnectFailure> {
    let mut phases = Phases::default();
    let mut connected = worker.connect(origin, &clock(), &mut phases).await?;
    let mut greeting = [0; GREETING.len()];
    connected.stream.read_exact(&mut greeting).await.expect("a greeting");
    assert_eq!(greeting, *GREETING);
    Ok((connected, phases))
}

/// The failure to connect, with what is known of its phases.
pub(crate) async fn refused(worker: &WorkerConnector, origin: &Origin) -> (ConnectFailure, Phases) {
    let mut phases = Phases::default();
    let failure = worker.connect(origin, &clock(), &mut phases).await.expect_err("no connection");
    (failure, phases)
}

/// Ends a connection as clients do.
pub(crate) async fn leave(mut stream: Stream) {
    let _ = stream.shutdown().await;
}
