//! gRPC for Prony: schemas and messages without generated code, calls of all four kinds over the shared HTTP/2 connection, steps,
//! sessions, and the embedded target.

mod config;
pub mod demo;
mod driver;
pub mod guest;
pub mod message;
mod metrics;
pub mod poke;
mod reply;
pub mod schema;
mod session;
mod step;
mod stream;
mod target;
mod wire;

pub use config::{GRPC, Grpc, NAME};

/// Reads `bytes` as everything that a server may send, for fuzzing: whatever they are, nothing may panic.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) {
    wire::read_anything(bytes);
}
