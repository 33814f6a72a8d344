//! Servers made by hand, down to the byte: raw TCP, TLS, and HTTP/2 in frames. What they do wrong is the test's choice.
//!
//! A server answers each connection on a thread of its own, by a closure that sees a [`Peer`]. All of them are on
//! loopback, on ports that the system chose, and stop with the value.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The longest a server waits for its client, so that every thread ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listening server.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

/// What a server speaks through.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A client as its server sees it.
pub(crate) struct Peer {
    wire: Box<dyn Wire>,
    socket: TcpStream,
    /// Bytes that came and were not asked for yet.
    read: Vec<u8>,
    /// What the client lets HTTP/2 send on the connection, and on its latest stream.
    windows: [i64; 2],
    requests: Arc<AtomicU64>,
}

impl Server {
    /// A server that does `answer` with each connection, and closes it in good order when that returns.
    pub(crate) fn tcp(answer: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::start(None, answer)
    }

    /// The same over TLS.
    pub(crate) fn tls(config: ServerConfig, answer: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::start(Some(Arc::new(config)), answer)
    }

    /// A server that reads each request and sends these bytes, as long as the client likes.
    pub(crate) fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::tcp(move |peer| while peer.request().is_some() && peer.send(&bytes) {})
    }

    /// The same, with an end to the connection after one answer.
    pub(crate) fn saying_once(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::tcp(move |peer| {
            if peer.request().is_some() {
                peer.send(&bytes);
            }
        })
    }

    fn start(tls: Option<Arc<ServerConfig>>, answer: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server =
            Self { address, connections: Arc::default(), requests: Arc::default(), stopped: Arc::default() };
        let (connections, requests) = (Arc::clone(&server.connections), Arc::clone(&server.requests));
        let stopped = Arc::clone(&server.stopped);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (tls, answer, requests) = (tls.clone(), Arc::clone(&answer), Arc::clone(&requests));
                std::thread::spawn(move || {
                    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
                    socket.set_write_timeout(Some(PATIENCE)).expect("a time-out");
                    socket.set_nodelay(true).expect("an option");
                    let end = socket.try_clone().expect("a descriptor");
                    let wire: Box<dyn Wire> = match tls {
                        None => Box::new(socket),
                        Some(config) => {
                            let session = ServerConnection::new(config).expect("a session");
                            Box::new(StreamOwned::new(session, socket))
                        }
                    };
                    let mut peer =
                        Peer { wire, socket: end, read: Vec::new(), windows: [65_535; 2], requests };
                    answer(&mut peer);
                    peer.close();
                });
            }
        });
        server
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `https://localhost:PORT`, for certificates have names.
    pub(crate) fn https(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many whole requests it has read.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Peer {
    /// Reads the next HTTP/1.1 request, head and body. `None` when the client is gone.
    pub(crate) fn request(&mut self) -> Option<String> {
        let head = self.head()?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let body = self.take(length.unwrap_or(0))?;
        self.requests.fetch_add(1, Ordering::SeqCst);
        Some(head + &String::from_utf8_lossy(&body))
    }

    /// Reads the head of the next request and leaves its body.
    pub(crate) fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            self.fill()?;
        }
    }

    /// Reads so many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            self.fill()?;
        }
        Some(self.read.drain(..length).collect())
    }

    fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        match self.wire.read(&mut buffer) {
            Ok(0) | Err(_) => None,
            Ok(length) => {
                self.read.extend_from_slice(&buffer[..length]);
                Some(())
            }
        }
    }

    /// Sends bytes; whether the client took them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.wire.write_all(bytes).and_then(|()| self.wire.flush()).is_ok()
    }

    /// Waits.
    #[expect(clippy::disallowed_methods, reason = "a slow server has to be slow")]
    pub(crate) fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Waits until the client goes away.
    pub(crate) fn wait_for_end(&mut self) {
        while self.fill().is_some() {
            self.read.clear();
        }
    }

    /// Resets the connection instead of closing it.
    pub(crate) fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.socket);
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }

    /// Closes for writing and reads what is still on its way, for a close with unread bytes is a reset.
    fn close(&mut self) {
        let lingers = socket2::SockRef::from(&self.socket).linger().ok().flatten().is_some();
        if !lingers && self.socket.shutdown(std::net::Shutdown::Write).is_ok() {
            self.wait_for_end();
        }
    }
}

/// One HTTP/2 frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Kinds of frames.
pub(crate) const DATA: u8 = 0;
/// See [`DATA`].
pub(crate) const HEADERS: u8 = 1;
/// See [`DATA`].
pub(crate) const RST_STREAM: u8 = 3;
/// See [`DATA`].
pub(crate) const SETTINGS: u8 = 4;
/// See [`DATA`].
pub(crate) const GOAWAY: u8 = 7;
/// See [`DATA`].
pub(crate) const WINDOW_UPDATE: u8 = 8;
/// The flag END_STREAM of DATA and HEADERS, and ACK of SETTINGS.
pub(crate) const END: u8 = 1;
/// The flag END_HEADERS.
pub(crate) const END_HEADERS: u8 = 4;
/// `:status: 200` in HPACK's static table (RFC 7541, appendix A).
pub(crate) const STATUS_200: &[u8] = &[0x88];

impl Peer {
    /// Takes the preface of HTTP/2 and sends settings: identifier and value.
    pub(crate) fn begin_http2(&mut self, settings: &[(u16, u32)]) -> Option<()> {
        let preface = self.take(24)?;
        assert_eq!(preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the client speaks HTTP/2");
        let mut payload = Vec::new();
        for (identifier, value) in settings {
            payload.extend(identifier.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.send(&frame(SETTINGS, 0, 0, &payload)).then_some(())
    }

    /// The stream of the next request. Settings are acknowledged on the way, everything else is passed over.
    pub(crate) fn http2_request(&mut self) -> Option<u32> {
        loop {
            let (kind, flags, stream, _) = self.frame()?;
            match kind {
                SETTINGS if flags & END == 0 => {
                    self.send(&frame(SETTINGS, END, 0, &[]));
                }
                HEADERS => {
                    self.requests.fetch_add(1, Ordering::SeqCst);
                    return Some(stream);
                }
                _ => {}
            }
        }
    }

    /// Sends a body without end on `stream`, as fast as the client opens its windows.
    pub(crate) fn http2_flood(&mut self, stream: u32) {
        const PIECE: i64 = 16 * 1024;
        let piece = frame(DATA, 0, stream, &[b'z'; PIECE as usize]);
        self.send(&frame(HEADERS, END_HEADERS, stream, STATUS_200));
        loop {
            while self.windows[0].min(self.windows[1]) >= PIECE {
                if !self.send(&piece) {
                    return;
                }
                self.windows = self.windows.map(|window| window - PIECE);
            }
            if self.frame().is_none() {
                return;
            }
        }
    }

    /// Kind, flags, stream and payload of the next frame.
    pub(crate) fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let (kind, payload) = (head[3], self.take(length as usize)?);
        let number = |at: usize| i64::from(u32::from_be_bytes([0, 1, 2, 3].map(|byte| payload[at + byte])));
        match kind {
            WINDOW_UPDATE => self.windows[usize::from(stream > 0)] += number(0),
            SETTINGS => {
                let sizes = payload.chunks(6).position(|setting| setting[..2] == [0, 4]);
                self.windows[1] = sizes.map_or(self.windows[1], |at| number(at * 6 + 2));
            }
            _ => {}
        }
        Some((kind, head[4], stream, payload))
    }
}

/// A certificate's signer.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

/// A certificate with its key, both PEM and DER.
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: rcgen::Certificate,
    /// Its key.
    pub(crate) key: rcgen::KeyPair,
}

/// When a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Valid {
    /// For many years.
    Now,
    /// It ended long ago.
    Formerly,
}

impl Authority {
    /// A new one of that name.
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = parameters.self_signed(&key).expect("a certificate").pem();
        Self { issuer: rcgen::Issuer::new(parameters, key), pem }
    }

    /// Its certificate, to be trusted.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `name`.
    pub(crate) fn identity(&self, name: &str, valid: Valid) -> Identity {
        let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if valid == Valid::Formerly {
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = rcgen::KeyPair::generate().expect("a key");
        Identity { certificate: parameters.signed_by(&key, &self.issuer).expect("a certificate"), key }
    }
}

impl Identity {
    /// A server's TLS with it. `alpn` is what it agrees to.
    pub(crate) fn server(&self, alpn: &[&str]) -> ServerConfig {
        let chain = vec![CertificateDer::from(self.certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("an identity");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}
