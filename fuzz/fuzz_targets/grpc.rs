//! Any bytes as what a gRPC server sends: messages in their frames, compressed or not, statuses, details. No panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| prony_grpc::read_anything(bytes));
