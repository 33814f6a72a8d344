//! Any bytes as what a broker sends, in both versions: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| prony_mqtt::read_anything(bytes));
