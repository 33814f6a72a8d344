//! The target's own services as `build.rs` makes them from `proto/`, and their descriptors.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::wildcard_imports, reason = "generated code")]

tonic::include_proto!("prony.demo.v1");

/// The descriptors of `proto/` and all it imports, as a `google.protobuf.FileDescriptorSet`.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/demo.bin"));
