//! What the embedded broker takes: generous enough for a load test on one machine, and bounded.

use std::time::Duration;

use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig, WebSocketConfig};
use mqtt5::broker::resource_monitor::ResourceLimits;

use super::{BrokerOptions, WEBSOCKET_PATH};

/// Connections at a time.
pub const CONNECTIONS: usize = 20_000;
/// Bytes of a message's payload.
pub const PAYLOAD: usize = 1024 * 1024;
/// Messages of QoS 1 and 2 on their way to one subscriber, unacknowledged.
pub const IN_FLIGHT: u16 = 1000;
/// Messages that wait for one subscriber to read.
pub const LANE: usize = 10_000;
/// Messages of QoS 1 and 2 kept for one subscriber, connected or not, beyond [`LANE`].
pub const QUEUE: usize = 100_000;
/// Bytes of those.
pub const QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// Room for a topic and properties beside the payload.
const HEAD: usize = 128 * 1024;

pub(super) fn config(options: BrokerOptions) -> BrokerConfig {
    let mut config = BrokerConfig {
        bind_addresses: vec![options.tcp],
        max_clients: CONNECTIONS,
        max_packet_size: PAYLOAD + HEAD,
        max_outbound_inflight: IN_FLIGHT,
        client_channel_capacity: LANE,
        // They are messages of its own, which a plan that subscribes to everything would count.
        sys_topics_enabled: false,
        websocket_config: options.websocket.map(|address| WebSocketConfig {
            bind_addresses: vec![address],
            path: WEBSOCKET_PATH.to_owned(),
            ..WebSocketConfig::default()
        }),
        storage_config: StorageConfig {
            backend: StorageBackend::Memory,
            max_queued_messages_per_client: QUEUE,
            max_queued_bytes_per_client: QUEUE_BYTES,
            ..StorageConfig::default()
        },
        ..BrokerConfig::default()
    };
    config.auth_config.allow_anonymous = true;
    config.auth_config.rate_limit.enabled = false;
    config
}

/// Of its own accord the broker takes 10,000 connections from one address, and 10,000 a second: here all come from one.
pub(super) fn resources() -> ResourceLimits {
    ResourceLimits {
        max_connections: CONNECTIONS,
        max_connections_per_ip: CONNECTIONS,
        max_message_rate_per_client: 0,
        max_bandwidth_per_client: 0,
        max_connection_rate: u32::MAX,
        // Each new connection walks over all of the window, so it is short.
        rate_limit_window: Duration::from_millis(1),
    }
}
