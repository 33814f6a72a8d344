//! From an origin to a connection, each phase timed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prony_core::{Clock, Diagnostic, FailureKind, Node, Phase, Phases, SetupError, Shape};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::failure::{failure_of_handshake, failure_of_io};
use crate::network::{self, Dns, Network};
use crate::origin::Origin;
use crate::source::Turn;
use crate::stream::{Handshake, Stream};
use crate::tls::{self, Tls};

/// A connection that stands.
#[derive(Debug)]
pub struct Connected {
    /// Its bytes.
    pub stream: Stream,
    /// The application protocol agreed on by ALPN, if any.
    pub alpn: Option<Vec<u8>>,
    /// How TLS was agreed on; `None` without TLS.
    pub handshake: Option<Handshake>,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub struct ConnectFailure {
    /// Its kind.
    pub kind: FailureKind,
    /// What happened, with the address.
    pub detail: Box<str>,
}

/// `tls:` and `network:` of a plan, checked, their files read.
#[derive(Clone, Debug)]
pub struct ConnectorBuilder {
    network: Network,
    tls: Tls,
}

/// How to connect: once a run.
#[derive(Debug)]
pub struct Connector {
    network: Network,
    tls: Tls,
    config: ClientConfig,
    resolved: OnceLock<HashMap<(String, u16), Vec<SocketAddr>>>,
}

/// How to connect: a worker's own.
#[derive(Debug)]
pub struct WorkerConnector {
    connector: Arc<Connector>,
    tls: Arc<ClientConfig>,
    turn: Turn,
}

/// Who we are to a peer that asks for a certificate.
#[derive(Clone, Debug)]
pub struct Identity(Arc<ClientConfig>);

impl ConnectorBuilder {
    /// The addresses of `origin` as they are now, as far as a look at the system's resolver tells; for who must know them before
    /// the run. Blocks.
    #[must_use]
    pub fn addresses_now(&self, origin: &Origin) -> Vec<SocketAddr> {
        if let Some(address) = self.network.pinned.get(&(origin.host.to_string(), origin.port)) {
            return vec![*address];
        }
        (&*origin.host, origin.port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
    }

    /// Reads this machine's roots if asked for, and tries the source addresses. `alpn` is what TLS offers, the favourite
    /// first.
    ///
    /// # Errors
    /// When this machine has no roots, or an address is not its own.
    pub fn build(self, alpn: Vec<Vec<u8>>) -> Result<Connector, SetupError> {
        self.network.try_sources()?;
        let config = self.tls.build(alpn)?;
        Ok(Connector { network: self.network, tls: self.tls, config, resolved: OnceLock::new() })
    }
}

impl Connector {
    /// What may stand under `tls:` in a plan.
    #[must_use]
    pub fn tls_shape() -> Shape {
        tls::shape()
    }

    /// What may stand under `network:` in a plan.
    #[must_use]
    pub fn network_shape() -> Shape {
        network::shape()
    }

    /// Checks a plan's words and reads the PEM files they name. Relative paths start from `folder`.
    ///
    /// # Errors
    /// When they make no sense, or a file is missing or is not what it should be.
    pub fn from_plan(
        network: Option<&Node>,
        tls: Option<&Node>,
        folder: &Path,
    ) -> Result<ConnectorBuilder, Diagnostic> {
        Ok(ConnectorBuilder { network: Network::from_plan(network)?, tls: Tls::from_plan(tls, folder)? })
    }

    /// Looks names up that are looked up once. Blocks; call it before the load.
    ///
    /// # Errors
    /// When a name has no address.
    pub fn resolve_now(&self, origins: &[Origin]) -> Result<(), SetupError> {
        let mut resolved = HashMap::new();
        for origin in origins {
            let key = (origin.host.to_string(), origin.port);
            if self.network.dns == Dns::PerConnection || self.network.pinned.contains_key(&key) {
                continue;
            }
            let addresses = (&*origin.host, origin.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            let addresses = addresses.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
                SetupError(format!(
                    "the target's name `{}` has no address; check its spelling, or pin it: `network: {{resolve: {{\"{origin}\": ADDRESS}}}}`",
                    origin.host
                ))
            })?;
            resolved.insert(key, addresses);
        }
        // A second call adds nothing: origins of a driver are known at once.
        let _ = self.resolved.set(resolved);
        Ok(())
    }

    /// The part of worker number `worker`.
    #[must_use]
    pub fn worker(self: &Arc<Self>, worker: u32) -> WorkerConnector {
        let tls = self.tls.for_worker(&self.config);
        WorkerConnector { connector: Arc::clone(self), tls, turn: Turn::starting_at(worker) }
    }
}

impl WorkerConnector {
    /// Connects, and notes in `phases` how long names, TCP and TLS took, as far as it came to them.
    ///
    /// # Errors
    /// With the kind and the story of what went wrong.
    pub async fn connect(
        &self,
        origin: &Origin,
        clock: &Clock,
        phases: &mut Phases,
    ) -> Result<Connected, ConnectFailure> {
        self.connect_as(origin, &Identity(Arc::clone(&self.tls)), clock, phases).await
    }

    /// As [`Self::connect`], to one `address` of the origin's and no other.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_to(
        &self,
        origin: &Origin,
        address: SocketAddr,
        clock: &Clock,
        phases: &mut Phases,
    ) -> Result<Connected, ConnectFailure> {
        self.connect_over(origin, &[address], &Identity(Arc::clone(&self.tls)), clock, phases).await
    }

    /// A certificate of somebody's own, read from PEM files.
    ///
    /// # Errors
    /// With what is wrong with the files.
    pub fn identity(&self, certificate: &Path, key: &Path) -> Result<Identity, String> {
        Tls::for_identity(&self.tls, certificate, key).map(Identity)
    }

    /// As [`Self::connect`], with a certificate of somebody's own.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_as(
        &self,
        origin: &Origin,
        identity: &Identity,
        clock: &Clock,
        phases: &mut Phases,
    ) -> Result<Connected, ConnectFailure> {
        let addresses = self.addresses(origin, clock, phases).await?;
        self.connect_over(origin, &addresses, identity, clock, phases).await
    }

    async fn connect_over(
        &self,
        origin: &Origin,
        addresses: &[SocketAddr],
        identity: &Identity,
        clock: &Clock,
        phases: &mut Phases,
    ) -> Result<Connected, ConnectFailure> {
        let began = clock.now();
        let tcp = self.dial(origin, addresses).await;
        phases.set(Phase::Connect, clock.now().nanos_since(began));
        let tcp = tcp?;
        if !origin.tls {
            return Ok(Connected { stream: Stream::Plain(tcp), alpn: None, handshake: None });
        }
        let began = clock.now();
        let secured = self.secure(origin, identity, tcp).await;
        phases.set(Phase::Tls, clock.now().nanos_since(began));
        secured
    }

    async fn addresses(
        &self,
        origin: &Origin,
        clock: &Clock,
        phases: &mut Phases,
    ) -> Result<Vec<SocketAddr>, ConnectFailure> {
        if let Ok(address) = origin.host.parse::<IpAddr>() {
            let key = (origin.host.to_string(), origin.port);
            return Ok(vec![
                self.connector
                    .network
                    .pinned
                    .get(&key)
                    .copied()
                    .unwrap_or(SocketAddr::new(address, origin.port)),
            ]);
        }
        let key = (origin.host.to_string(), origin.port);
        if let Some(address) = self.connector.network.pinned.get(&key) {
            return Ok(vec![*address]);
        }
        if let Some(known) = self.connector.resolved.get().and_then(|resolved| resolved.get(&key)) {
            return Ok(known.clone());
        }
        let began = clock.now();
        let found = tokio::net::lookup_host((&*origin.host, origin.port)).await;
        phases.set(Phase::Dns, clock.now().nanos_since(began));
        match found.map(Iterator::collect::<Vec<_>>) {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(failure(FailureKind::Dns, format!("the name `{}` has no address", origin.host))),
            Err(error) if failure_of_io(&error) == FailureKind::DescriptorsExhausted => Err(failure(
                FailureKind::DescriptorsExhausted,
                format!("looking up `{}`: {error}", origin.host),
            )),
            Err(error) => Err(failure(FailureKind::Dns, format!("looking up `{}`: {error}", origin.host))),
        }
    }

    /// Tries the addresses one after the other; the last failure counts.
    async fn dial(&self, origin: &Origin, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectFailure> {
        let limit = self.connector.network.connect_timeout;
        let mut last = failure(FailureKind::Dns, format!("the name `{}` has no address", origin.host));
        for address in addresses {
            let source = self.turn.next(&self.connector.network.sources, address.ip());
            match tokio::time::timeout(limit, dial_one(*address, source)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    let kind = match failure_of_io(&error) {
                        FailureKind::Io | FailureKind::Reset | FailureKind::Closed => FailureKind::Connect,
                        FailureKind::Timeout => FailureKind::ConnectTimeout,
                        kind => kind,
                    };
                    last = failure(kind, format!("connecting to {address}: {error}"));
                }
                Err(_) => {
                    let text = format!("connecting to {address} took longer than {}", show(limit));
                    last = failure(FailureKind::ConnectTimeout, text);
                }
            }
        }
        Err(last)
    }

    async fn secure(
        &self,
        origin: &Origin,
        identity: &Identity,
        tcp: TcpStream,
    ) -> Result<Connected, ConnectFailure> {
        let name = match &self.connector.tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(origin.host.to_string()).map_err(|_| {
                let text = format!(
                    "`{}` is no name a certificate can have; set `tls: {{server_name: …}}`",
                    origin.host
                );
                failure(FailureKind::Tls, text)
            })?,
        };
        let limit = self.connector.network.tls_timeout;
        let connector = TlsConnector::from(Arc::clone(&identity.0));
        match tokio::time::timeout(limit, connector.connect(name, tcp)).await {
            Ok(Ok(stream)) => {
                let session = stream.get_ref().1;
                let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
                let handshake = match session.handshake_kind() {
                    Some(rustls::HandshakeKind::Resumed) => Handshake::Resumed,
                    _ => Handshake::Full,
                };
                Ok(Connected { stream: Stream::Tls(Box::new(stream)), alpn, handshake: Some(handshake) })
            }
            Ok(Err(error)) => {
                let (kind, detail) = failure_of_handshake(&error);
                Err(failure(kind, format!("{origin}: {detail}")))
            }
            Err(_) => Err(failure(
                FailureKind::TlsTimeout,
                format!("{origin}: the TLS handshake took longer than {}", show(limit)),
            )),
        }
    }
}

async fn dial_one(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn failure(kind: FailureKind, detail: String) -> ConnectFailure {
    ConnectFailure { kind, detail: detail.into() }
}

fn show(duration: Duration) -> String {
    prony_core::units::show_duration(duration)
}
