//! The embedded gRPC target: a small shop with all four kinds of call and faults to order, for `prony serve`,
//! `prony demo` and the honesty suite.
//!
//! Its services are tonic's, made from `proto/`; reflection (v1 and v1alpha) and health come with them. What serves them
//! is Prony's own, straight on h2: tonic's server and hyper neither break an answer off in the middle of a message nor
//! send a GOAWAY with a code. Delays are kept to some tens of microseconds, as by the HTTP target. What it answers to
//! is in `docs/serve.md`.
//!
//! What it does not do: deadlines (`grpc-timeout`) are left to the client, a client's certificate is not asked for, and
//! HTTP/1.1 and gRPC-Web are not spoken.

mod answer;
mod control;
mod counters;
mod encoding;
mod exchange;
mod fault;
mod generated;
mod messages;
mod services;
mod shop;
mod spoil;
mod status;
mod streams;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use prony_transport::target::{Orders, ServerIdentity, ServerIdentityError, Team, advice};
use tonic_health::server::HealthReporter;

use counters::Counters;
use worker::Worker;

/// How to start a target.
#[derive(Clone, Copy, Debug)]
pub struct TargetOptions {
    /// Where gRPC is spoken in the clear. Port 0 takes a free one.
    pub plain: Option<SocketAddr>,
    /// Where it is spoken over TLS, with `h2` by ALPN. Port 0 takes a free one.
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
    #[error("cannot listen for gRPC on {address}: {source}; {}", advice(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Neither address was given.
    #[error("a gRPC target needs an address to listen on; give one in the clear, one for TLS, or both")]
    NoAddress,
    /// There is no certificate to show.
    #[error(transparent)]
    Identity(#[from] ServerIdentityError),
    /// A thread or its runtime could not be started.
    #[error(
        "cannot start a thread of the gRPC target: {0}; ask for fewer threads, or raise the limits (ulimit -n, -u)"
    )]
    Thread(#[source] io::Error),
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    counters: Counters,
    orders: Orders<fault::Faults>,
    health: HealthReporter,
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
        let identity = ServerIdentity::make(&addresses, &[b"h2"])?;
        let entrances = plain
            .map(|(listener, _)| (listener, None))
            .into_iter()
            .chain(tls.map(|(listener, _)| (listener, Some(identity.config))))
            .collect();
        let threads = options.threads.max(1);
        let shared = Arc::new(Shared {
            counters: Counters::new(threads),
            orders: Orders::default(),
            health: HealthReporter::new(),
        });
        let made = Arc::clone(&shared);
        let team = Team::start("grpc-target", threads, entrances, move |index, alarm| {
            Worker::make(index, options.seed, Arc::clone(&made), alarm)
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

    /// Calls that have come in, answered or not; those of the control service are not counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.counters.calls()
    }
}
