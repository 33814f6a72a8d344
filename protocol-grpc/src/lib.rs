//! gRPC for Prony: schemas, messages, calls of all four kinds, and the embedded target.

pub mod demo;

/// The protocol's name.
pub const NAME: &str = "grpc";
