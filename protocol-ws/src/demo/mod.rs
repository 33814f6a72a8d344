//! The embedded WebSocket target: echo, rooms, a push feed, what a bridge brings, and faults to order, for `prony serve`,
//! `prony demo` and the tests.
//!
//! Its frames are tungstenite's, but for those that break the rules. Delays and feeds are kept to some tens of
//! microseconds, as by the other targets. What it answers to is in `docs/serve.md`.
//!
//! What it does not do: permessage-deflate, WebSocket over HTTP/2, and more than one plain HTTP request a connection.

mod admit;
mod clients;
mod control;
mod counters;
mod fault;
mod feed;
mod head;
mod reply;
mod rooms;
mod session;
mod source;
mod spoil;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use prony_transport::target::{Orders, ServerIdentity, ServerIdentityError, Team, advice};

use clients::Clients;
use counters::Counters;
use fault::Faults;
use rooms::Rooms;
use worker::Worker;

/// How to start a target.
#[derive(Clone, Copy, Debug)]
pub struct TargetOptions {
    /// Where WebSocket is spoken in the clear. Port 0 takes a free one.
    pub plain: Option<SocketAddr>,
    /// Where it is spoken over TLS. Port 0 takes a free one.
    pub tls: Option<SocketAddr>,
    /// Threads that serve, at least 1.
    pub threads: usize,
    /// What random delays and fault shares are drawn from.
    pub seed: u64,
}

/// A target that runs until it is dropped.
#[derive(Debug)]
pub struct Target {
    plain: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    certificate_pem: String,
    shared: Arc<Shared>,
    _team: Team,
}

/// Why a target could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// An address is taken, not ours, or not allowed.
    #[error("cannot listen for WebSocket on {address}: {source}; {}", advice(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Neither address was given.
    #[error("a WebSocket target needs an address to listen on; give one in the clear, one for TLS, or both")]
    NoAddress,
    /// There is no certificate to show.
    #[error(transparent)]
    Identity(#[from] ServerIdentityError),
    /// A thread or its runtime could not be started.
    #[error(
        "cannot start a thread of the WebSocket target: {0}; ask for fewer threads, or raise the limits (ulimit -n, -u)"
    )]
    Thread(#[source] io::Error),
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    counters: Counters,
    orders: Orders<Faults>,
    rooms: Rooms,
    clients: Clients,
}

impl Target {
    /// Starts a target. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When an address cannot be bound, or threads or certificates cannot be made.
    pub fn start(options: TargetOptions) -> Result<Self, TargetError> {
        let listen = |address| {
            prony_transport::target::listen(address).map_err(|source| TargetError::Bind { address, source })
        };
        let plain = options.plain.map(listen).transpose()?;
        let tls = options.tls.map(listen).transpose()?;
        if plain.is_none() && tls.is_none() {
            return Err(TargetError::NoAddress);
        }
        let bound = [&plain, &tls].map(|listener| listener.as_ref().map(|(_, address)| *address));
        let addresses: Vec<_> = bound.iter().flatten().map(SocketAddr::ip).collect();
        let identity = ServerIdentity::make(&addresses, &[b"http/1.1"])?;
        let entrances = plain
            .map(|(listener, _)| (listener, None))
            .into_iter()
            .chain(tls.map(|(listener, _)| (listener, Some(identity.config))))
            .collect();
        let shared = Arc::new(Shared {
            counters: Counters::default(),
            orders: Orders::default(),
            rooms: Rooms::default(),
            clients: Clients::default(),
        });
        let made = Arc::clone(&shared);
        let team = Team::start("ws-target", options.threads, entrances, move |index, alarm| {
            let worker = Worker::new(index, options.seed, Arc::clone(&made), alarm);
            async { Ok(worker) }
        })
        .map_err(TargetError::Thread)?;
        Ok(Self { plain: bound[0], tls: bound[1], certificate_pem: identity.ca_pem, shared, _team: team })
    }

    /// The address in the clear, as bound.
    #[must_use]
    pub fn plain(&self) -> Option<SocketAddr> {
        self.plain
    }

    /// The address for TLS, as bound.
    #[must_use]
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// The certificate of the CA that the TLS address shows itself by, as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The way in for what comes from elsewhere and is pushed to whoever listens at `/bridge`.
    #[must_use]
    pub fn bridge(&self) -> Bridge {
        Bridge(Arc::clone(&self.shared))
    }
}

/// Brings messages of another protocol to those who listen at `/bridge?topic=…`.
#[derive(Clone, Debug)]
pub struct Bridge(Arc<Shared>);

impl Bridge {
    /// Pushes a message to whoever listens for `topic`, by its name or by a filter with MQTT's wildcards. Returns to how many.
    pub fn publish(&self, topic: &str, payload: &Bytes) -> usize {
        self.0.rooms.bring(topic, payload)
    }
}
