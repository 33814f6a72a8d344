//! From the embedded broker to the embedded WebSocket target: what is published under any topic is pushed to whoever
//! listens for it at `/bridge`. An ordinary MQTT client, for a journey across protocols has to pass through something real.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prony_mqtt::demo::PAYLOAD;
use prony_ws::demo::Bridge;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::sync::oneshot;

use crate::commands::Failure;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before a lost broker is tried again.
const REST: Duration = Duration::from_millis(200);

/// Room for a topic beside the payload.
const HEAD: usize = 128 * 1024;

/// A bridge that works until it is dropped.
#[derive(Debug)]
pub(crate) struct MqttBridge {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MqttBridge {
    /// Connects to the broker at `address`. When this returns, it hears what is published.
    pub(crate) fn start(address: SocketAddr, bridge: Bridge) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Setup(format!("the bridge from MQTT to WebSocket does not start: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let mut options =
            MqttOptions::new("prony-bridge", reachable(address.ip()).to_string(), address.port());
        options.set_max_packet_size(PAYLOAD + HEAD, PAYLOAD + HEAD);
        let (client, events) = AsyncClient::new(options, 16);
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = channel();
        let thread = std::thread::Builder::new()
            .name("mqtt bridge".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = carry(&client, events, &bridge, &tell) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(|error| failed(&error))?;
        let bridge = Self { stop: Some(stop), thread: Some(thread) };
        told.recv_timeout(PATIENCE).map_err(|_| failed(&"the broker does not answer"))?;
        Ok(bridge)
    }
}

impl Drop for MqttBridge {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// Carries messages for ever, and tells each time that it listens.
async fn carry(client: &AsyncClient, mut events: EventLoop, bridge: &Bridge, tell: &Sender<()>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // It fails only when the event loop is gone, which is here.
                let _ = client.try_subscribe("#", QoS::AtLeastOnce);
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                let _ = tell.send(());
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                bridge.publish(&publish.topic, &publish.payload);
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

/// Where one connects to reach what listens everywhere.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}
