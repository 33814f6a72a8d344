//! How Prony reaches a peer: names, addresses, TCP, TLS, the shared HTTP/2 connection and the
//! handshake of WebSockets, each phase timed.
//!
//! A [`Connector`] is made once a run from the plan's `tls:` and `network:`; each worker takes a [`WorkerConnector`] of
//! its own. What is said over a connection is the protocols' business. The other end of it, as far as the embedded targets
//! share it, is in [`target`].

mod connector;
mod deadline;
mod failure;
pub mod h2;
mod heart;
mod network;
mod origin;
mod path;
mod reconnect;
mod scratch;
mod source;
mod stream;
pub mod target;
mod tls;
pub mod websocket;

pub use connector::{ConnectFailure, Connected, Connector, ConnectorBuilder, Identity, WorkerConnector};
pub use deadline::Deadline;
pub use failure::{failure_of_io, story_of_io};
pub use heart::{Beating, Heart};
pub use origin::Origin;
pub use path::path_texts;
pub use reconnect::Reconnect;
pub use scratch::{READS_A_TURN, with_scratch};
pub use stream::{Handshake, Stream};
