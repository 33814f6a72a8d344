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
mod orders;
mod services;
mod shop;
mod spoil;
mod status;
mod streams;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use prony_transport::target::{ServerIdentity, ServerIdentityError};
use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tonic_health::server::HealthReporter;

use counters::Counters;
use orders::Orders;
use worker::{Door, Thread};

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

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
    stop: Option<watch::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
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
    orders: Orders,
    health: HealthReporter,
}

impl Target {
    /// Starts a target. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When an address cannot be bound, or threads or certificates cannot be made.
    pub fn start(options: TargetOptions) -> Result<Self, TargetError> {
        let plain = options.plain.map(listen).transpose()?;
        let tls = options.tls.map(listen).transpose()?;
        if plain.is_none() && tls.is_none() {
            return Err(TargetError::NoAddress);
        }
        let bound = [&plain, &tls].map(|listener| listener.as_ref().map(|(_, address)| *address));
        let addresses: Vec<_> = bound.iter().flatten().map(SocketAddr::ip).collect();
        let identity = ServerIdentity::make(&addresses, &[b"h2"])?;
        let threads = options.threads.max(1);
        let (ways, incoming): (Vec<_>, Vec<_>) = (0..threads).map(|_| unbounded_channel()).unzip();
        let listeners = plain
            .map(|(listener, _)| (listener, None))
            .into_iter()
            .chain(tls.map(|(listener, _)| (listener, Some(identity.config))))
            .collect();
        let mut door = Some(Door { listeners, ways });
        let (stop, stopped) = watch::channel(());
        let mut target = Self {
            plain: bound[0],
            tls: bound[1],
            certificate_pem: identity.ca_pem,
            shared: Arc::new(Shared {
                counters: Counters::new(threads),
                orders: Orders::default(),
                health: HealthReporter::new(),
            }),
            stop: Some(stop),
            threads: Vec::new(),
        };
        let (ready, begun) = mpsc::channel();
        for (index, incoming) in incoming.into_iter().enumerate() {
            let thread = Thread {
                index,
                seed: options.seed,
                shared: Arc::clone(&target.shared),
                incoming,
                door: door.take(),
                stop: stopped.clone(),
            };
            let ready = ready.clone();
            let handle = std::thread::Builder::new()
                .name(format!("grpc-target-{index}"))
                .spawn(move || thread.run(&ready))
                .map_err(TargetError::Thread)?;
            target.threads.push(handle);
        }
        drop(ready);
        for _ in 0..threads {
            let gone = || io::Error::other("the thread ended at once");
            begun.recv().unwrap_or_else(|_| Err(gone())).map_err(TargetError::Thread)?;
        }
        Ok(target)
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

impl Drop for Target {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A panic has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), TargetError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A port whose last connections are not quite gone can be taken again.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source| TargetError::Bind { address, source })
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something else listens there: stop it, or take another port (0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: take one of its own, such as 127.0.0.1"
        }
        io::ErrorKind::PermissionDenied => "take a port from 1024 on (0 takes a free one)",
        _ => "take another address",
    }
}
