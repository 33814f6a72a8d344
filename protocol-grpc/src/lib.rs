//! gRPC for Prony: schemas and messages without generated code, calls of all four kinds over the shared HTTP/2 connection, steps,
//! sessions, and the embedded target.
#![allow(dead_code)]

mod wire;

/// Reads `bytes` as everything that a server may send, for fuzzing: whatever they are, nothing may panic.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) {
    wire::read_anything(bytes);
}
