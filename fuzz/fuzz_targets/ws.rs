//! Any bytes as what a WebSocket server sends after its handshake: frames, fragments, texts, codes. No panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| prony_ws::read_anything(bytes));
