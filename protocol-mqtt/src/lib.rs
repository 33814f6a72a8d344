//! MQTT for Prony: 3.1.1 and 5 over TCP, TLS and WebSocket; steps, sessions made for tens of thousands of devices, the delivery
//! audit, and the embedded broker.

mod commons;
mod config;
pub mod demo;
mod device;
mod driver;
pub mod guest;
mod metrics;
mod packet;
pub mod poke;
mod reply;
mod session;
mod step;
mod target;

pub use config::{MQTT, Mqtt, NAME};

/// Reads `bytes` as everything that a broker may send, for fuzzing: whatever they are, nothing may panic.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) {
    packet::read_anything(bytes);
}
