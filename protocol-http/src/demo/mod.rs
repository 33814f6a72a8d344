//! The embedded HTTP target: a small shop with faults to order, for `prony serve`, `prony demo` and the honesty suite.
//!
//! It is cheap enough to share a machine with the load that is sent to it, and it keeps the delays it is asked for to
//! some tens of microseconds. What it answers to is in `docs/serve.md`.

mod body;
mod control;
mod counters;
mod fault;
mod paths;
mod probe;
mod reply;
mod service;
mod shop;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use prony_transport::target::{Orders, ServerIdentity, ServerIdentityError, Team, advice};

use counters::Counters;
use fault::Faults;
use worker::Worker;

/// How to start a target.
#[derive(Clone, Copy, Debug)]
pub struct TargetOptions {
    /// Where HTTP/1.1 and HTTP/2 by prior knowledge are spoken in the clear. Port 0 takes a free one.
    pub http: Option<SocketAddr>,
    /// Where they are spoken over TLS, chosen by ALPN. Port 0 takes a free one.
    pub https: Option<SocketAddr>,
    /// Threads that serve, at least 1.
    pub threads: usize,
    /// What random delays and fault shares are drawn from.
    pub seed: u64,
}

/// A target that runs until it is dropped.
#[derive(Debug)]
pub struct Target {
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    certificate_pem: String,
    shared: Arc<Shared>,
    _team: Team,
}

/// Why a target could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// An address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {source}; {}", advice(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Neither address was given.
    #[error("a target needs an address to listen on; give one for HTTP, for HTTPS, or for both")]
    NoAddress,
    /// There is no certificate to show.
    #[error(transparent)]
    Identity(#[from] ServerIdentityError),
    /// A thread or its runtime could not be started.
    #[error(
        "cannot start a thread of the target: {0}; ask for fewer threads, or raise the limits (ulimit -n, -u)"
    )]
    Thread(#[source] io::Error),
}

/// A fault on order broke an exchange off.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("broken off as ordered, or by the client")]
struct Aborted;

/// What all threads share.
struct Shared {
    counters: Counters,
    orders: Orders<Faults>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("requests", &self.counters.requests()).finish_non_exhaustive()
    }
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
        let http = options.http.map(listen).transpose()?;
        let https = options.https.map(listen).transpose()?;
        if http.is_none() && https.is_none() {
            return Err(TargetError::NoAddress);
        }
        let bound = [&http, &https].map(|listener| listener.as_ref().map(|(_, address)| *address));
        let addresses: Vec<_> = bound.iter().flatten().map(SocketAddr::ip).collect();
        let identity = ServerIdentity::make(&addresses, &[b"h2", b"http/1.1"])?;
        let entrances = http
            .map(|(listener, _)| (listener, None))
            .into_iter()
            .chain(https.map(|(listener, _)| (listener, Some(identity.config))))
            .collect();
        let threads = options.threads.max(1);
        let shared = Arc::new(Shared { counters: Counters::new(threads), orders: Orders::default() });
        let made = Arc::clone(&shared);
        let team = Team::start("target", threads, entrances, move |index, alarm| {
            let worker = Worker::new(index, options.seed, Arc::clone(&made), alarm);
            async { Ok(worker) }
        })
        .map_err(TargetError::Thread)?;
        Ok(Self { http: bound[0], https: bound[1], certificate_pem: identity.ca_pem, shared, _team: team })
    }

    /// The HTTP address as bound.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The HTTPS address as bound.
    #[must_use]
    pub fn https(&self) -> Option<SocketAddr> {
        self.https
    }

    /// The CA, made at start, that signs the server's certificate. That one is for `localhost`, `127.0.0.1`, `::1` and
    /// the bound addresses.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Requests so far, or since the last `/_control/reset`; control calls are not counted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.counters.requests()
    }
}
