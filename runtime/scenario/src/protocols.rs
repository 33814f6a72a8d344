//! The list of protocols. A new one adds its line here.

use prony_core::Protocol;

/// Protocols that plans may speak.
pub type Protocols = [&'static dyn Protocol];

/// Every protocol a plan can speak.
pub static PROTOCOLS: &[&dyn Protocol] =
    &[&prony_http::HTTP, &prony_mqtt::MQTT, &prony_grpc::GRPC, &prony_ws::WS];
