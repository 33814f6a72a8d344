//! `prony serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use clap::Args;
use prony_http::demo::{Target, TargetOptions};
use prony_mqtt::demo::{BrokerOptions, DemoBroker, WEBSOCKET_PATH};

use crate::commands::bridge::MqttBridge;
use crate::commands::{Failure, print};
use crate::exit;

/// Starts the targets inside this binary: HTTP/1.1, HTTP/2, gRPC and WebSocket, with and without TLS, with faults to order; and an MQTT broker.
///
/// docs/serve.md tells its paths and its faults. It runs until it is interrupted.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address for HTTP/1.1 and, by prior knowledge, HTTP/2. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Address for the same over TLS, with a certificate made at the start.
    #[arg(long, value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    /// Address for gRPC. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<SocketAddr>,
    /// Address for gRPC over TLS, with a certificate made at the start.
    #[arg(long, value_name = "ADDRESS")]
    grpcs: Option<SocketAddr>,
    /// Address for WebSocket: echo, rooms, feeds. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    ws: Option<SocketAddr>,
    /// Address for WebSocket over TLS, with a certificate made at the start.
    #[arg(long, value_name = "ADDRESS")]
    wss: Option<SocketAddr>,
    /// Writes the certificates to trust (PEM) to this file.
    #[arg(long, value_name = "FILE")]
    write_ca: Option<PathBuf>,
    /// Address for an MQTT broker: 3.1.1 and 5 on the one port. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    mqtt: Option<SocketAddr>,
    /// Address for the same broker over WebSocket, at the path /mqtt.
    #[arg(long, value_name = "ADDRESS", requires = "mqtt")]
    mqtt_ws: Option<SocketAddr>,
    /// Threads that answer HTTP, and as many for gRPC and WebSocket. The broker has one of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Where random delays and fault shares come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Serve {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let options = TargetOptions {
            http: Some(self.http),
            https: self.https,
            threads: usize::from(self.threads),
            seed: self.seed,
        };
        let target = Target::start(options).map_err(|error| Failure::Setup(error.to_string()))?;
        let grpc = (self.grpc.is_some() || self.grpcs.is_some())
            .then(|| {
                prony_grpc::demo::Target::start(prony_grpc::demo::TargetOptions {
                    plain: self.grpc,
                    tls: self.grpcs,
                    threads: usize::from(self.threads),
                    seed: self.seed,
                })
            })
            .transpose()
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let websocket = (self.ws.is_some() || self.wss.is_some())
            .then(|| {
                prony_ws::demo::Target::start(prony_ws::demo::TargetOptions {
                    plain: self.ws,
                    tls: self.wss,
                    threads: usize::from(self.threads),
                    seed: self.seed,
                })
            })
            .transpose()
            .map_err(|error| Failure::Setup(error.to_string()))?;
        if let Some(file) = &self.write_ca {
            let mut pem = target.certificate_pem().to_owned();
            if let Some(grpc) = &grpc {
                pem.push_str(grpc.certificate_pem());
            }
            if let Some(websocket) = &websocket {
                pem.push_str(websocket.certificate_pem());
            }
            std::fs::write(file, pem).map_err(|error| {
                Failure::Setup(format!("{}: the certificate cannot be written: {error}", file.display()))
            })?;
        }
        let broker = self
            .mqtt
            .map(|tcp| DemoBroker::start(BrokerOptions { tcp, websocket: self.mqtt_ws }))
            .transpose()
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let _bridge = match (&broker, &websocket) {
            (Some(broker), Some(websocket)) => {
                Some(MqttBridge::start(broker.addresses().tcp, websocket.bridge())?)
            }
            _ => None,
        };
        let (stop, stopped) = channel();
        ctrlc::set_handler(move || {
            let _ = stop.send(());
        })
        .map_err(|error| Failure::Setup(format!("interrupts cannot be caught: {error}")))?;
        let mut text = String::new();
        for (scheme, address) in [("http", target.http()), ("https", target.https())] {
            if let Some(address) = address {
                text.push_str(&format!("{scheme}://{address}/\n"));
            }
        }
        if let Some(grpc) = &grpc {
            for (scheme, address) in [("grpc", grpc.plain()), ("grpcs", grpc.tls())] {
                if let Some(address) = address {
                    text.push_str(&format!("{scheme}://{address}\n"));
                }
            }
        }
        if let Some(websocket) = &websocket {
            for (scheme, address) in [("ws", websocket.plain()), ("wss", websocket.tls())] {
                if let Some(address) = address {
                    text.push_str(&format!("{scheme}://{address}\n"));
                }
            }
        }
        if let Some(addresses) = broker.as_ref().map(DemoBroker::addresses) {
            text.push_str(&format!("mqtt://{}\n", addresses.tcp));
            if let Some(address) = addresses.websocket {
                text.push_str(&format!("ws://{address}{WEBSOCKET_PATH}\n"));
            }
        }
        text.push_str("serving; stop with Ctrl-C\n");
        print(&text);
        // An error means that the handler is gone: nothing is left to wait for.
        let _ = stopped.recv();
        Ok(exit::PASSED)
    }
}
