//! The embedded MQTT broker, for `prony serve`, `prony demo` and the tests of this crate.
//!
//! It is the broker of the crate mqtt5, on one thread, with its state in memory. Held against Mosquitto's clients it
//! speaks 3.1.1 and 5 on one port and on the WebSocket port (path `/mqtt`), and carries QoS 0, 1 and 2, retained messages,
//! wills, shared subscriptions, sessions that are resumed, and properties of messages between clients of both versions.
//!
//! What it does not do, or in a way of its own:
//! - No TLS and no users: anybody on this machine may connect, under any name. No version 3.1.
//! - Nothing outlives it: sessions and retained messages are in memory.
//! - A subscriber that reads too slowly loses messages, and nobody is slowed down for it. Of QoS 0 it loses those that come
//!   while [`LANE`] wait; of QoS 1 and 2, beyond [`LANE`], the newest [`QUEUE`] are kept, or [`QUEUE_BYTES`] of them.
//! - Client identifiers are of 128 bytes at most, without slashes, backslashes and control characters; others are refused.
//! - [`IN_FLIGHT`] messages of QoS 1 and 2 at most are with a subscriber unacknowledged, whatever it allows.
//! - It does not answer what it does not understand: a broken packet ends its connection, without a DISCONNECT.
//!   Unexpected but well-formed packets (an unasked PUBACK, a CONNACK) are passed over.
//! - A PUBREL of 3.1.1 for an identifier it does not know is answered in the form of version 5, with a reason code.
//! - Messages to version 5 carry one more user property, `x-mqtt-client-id`, with the publisher's client identifier.
//! - WebSocket handshakes are taken one after the other: a client that stops within one holds up those behind it.
//! - 1,024 connections wait in the kernel until it accepts them; more at one moment see their connect time grow by a second.

mod limits;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use mqtt5::broker::MqttBroker;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

pub use limits::{CONNECTIONS, IN_FLIGHT, LANE, PAYLOAD, QUEUE, QUEUE_BYTES};

/// How long connections have to say good-bye when the broker stops.
const GRACE: Duration = Duration::from_millis(500);

/// The path of the WebSocket port.
pub const WEBSOCKET_PATH: &str = "/mqtt";

/// Where a broker listens. Port 0 takes a free one.
#[derive(Clone, Copy, Debug)]
pub struct BrokerOptions {
    /// MQTT 3.1.1 and 5 over TCP.
    pub tcp: SocketAddr,
    /// The same over WebSocket, at [`WEBSOCKET_PATH`].
    pub websocket: Option<SocketAddr>,
}

/// Where a broker listens, as bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerAddresses {
    /// MQTT 3.1.1 and 5 over TCP.
    pub tcp: SocketAddr,
    /// The same over WebSocket, at [`WEBSOCKET_PATH`].
    pub websocket: Option<SocketAddr>,
}

/// A broker that runs until it is dropped.
#[derive(Debug)]
pub struct DemoBroker {
    addresses: BrokerAddresses,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a broker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// An address is taken, not ours, or not allowed.
    #[error(
        "the broker cannot listen on {address}: {source}; stop what listens there, or take another port (0 takes a free one)"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The thread or its runtime could not be started.
    #[error("cannot start the broker's thread: {0}; raise the limits (ulimit -n, -u)")]
    Thread(#[from] io::Error),
    /// The broker itself gave up.
    #[error("the broker does not start: {0}")]
    Broker(String),
}

impl DemoBroker {
    /// Starts a broker. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When an address cannot be bound, or there is no thread to be had.
    pub fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        for address in [Some(options.tcp), options.websocket].into_iter().flatten() {
            // The broker binds for itself and tells less of what went wrong, so the question is asked beforehand.
            TcpListener::bind(address).map_err(|source| BrokerError::Bind { address, source })?;
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("mqtt broker".to_owned())
            .spawn(move || serve(&runtime, options, &tell, stopped))?;
        let broker = |addresses| Self { addresses, stop: Some(stop), thread: Some(thread) };
        match told.recv() {
            Ok(addresses) => addresses.map(broker),
            Err(_) => Err(BrokerError::Broker("its thread ended early".to_owned())),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> BrokerAddresses {
        self.addresses
    }

    /// Ends it: clients of version 5 are told, all connections are closed. Takes half a second at most.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for DemoBroker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// The thread: tells how the start went, and serves until `stopped` is.
fn serve(
    runtime: &Runtime,
    options: BrokerOptions,
    tell: &mpsc::SyncSender<Result<BrokerAddresses, BrokerError>>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        let (mut broker, addresses) = match bind(options).await {
            Ok(bound) => bound,
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        let mut ready = broker.ready_receiver();
        let shutdown = broker.shutdown_handle();
        let run = tokio::spawn(async move { broker.run().await });
        // An error means that the broker is gone already, which its own result tells.
        let started = ready.wait_for(|ready| *ready).await.is_ok();
        if !started {
            let reason = match run.await {
                Ok(Err(error)) => error.to_string(),
                Ok(Ok(())) | Err(_) => "it ended at once".to_owned(),
            };
            let _ = tell.send(Err(BrokerError::Broker(reason)));
            return;
        }
        let _ = tell.send(Ok(addresses));
        // An error is the sender dropped, which is how a broker is stopped.
        let _ = stopped.await;
        shutdown.shutdown();
        // What is not done by then ends with the runtime.
        let _ = tokio::time::timeout(GRACE, run).await;
    });
}

async fn bind(options: BrokerOptions) -> Result<(MqttBroker, BrokerAddresses), BrokerError> {
    let broker = MqttBroker::with_config(limits::config(options))
        .await
        .map_err(|error| BrokerError::Broker(error.to_string()))?;
    broker.resource_monitor().update_limits(limits::resources());
    let lost = |address| BrokerError::Bind { address, source: io::ErrorKind::AddrInUse.into() };
    let tcp = broker.local_addr().ok_or_else(|| lost(options.tcp))?;
    let websocket = match options.websocket {
        Some(asked) => Some(broker.ws_local_addr().ok_or_else(|| lost(asked))?),
        None => None,
    };
    Ok((broker, BrokerAddresses { tcp, websocket }))
}

#[cfg(test)]
mod tests;
