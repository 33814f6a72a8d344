//! WebSocket for Prony: settings, steps, sessions, and the embedded target. The smallest of the protocols, and the one to copy.

mod config;
mod connection;
pub mod demo;
mod driver;
mod feed;
pub mod guest;
mod metrics;
mod pick;
mod reply;
mod session;
mod step;
mod target;
mod wire;

pub use config::{NAME, WS, Ws};

/// Reads `bytes` as everything that a server may send, for fuzzing: whatever they are, nothing may panic.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) {
    wire::read_anything(bytes);
}
