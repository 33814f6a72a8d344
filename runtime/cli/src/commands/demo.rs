//! `prony demo`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use clap::Args;
use prony_http::demo::{Target, TargetOptions};
use prony_mqtt::demo::{BrokerOptions, DemoBroker};

use crate::commands::bridge::MqttBridge;
use crate::commands::{Failure, print};
use crate::execute::{self, RunOptions};
use crate::plan::Plan;

/// Runs a short mixed plan against a target inside this process.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    options: RunOptions,
}

/// The plan, but for its target.
const PLAN: &str = include_str!("demo.yaml");

impl Demo {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = TargetOptions { http: Some(any), https: Some(any), threads: 1, seed: 1 };
        let target = Target::start(options).map_err(|error| Failure::Setup(error.to_string()))?;
        let grpc = prony_grpc::demo::TargetOptions { plain: Some(any), tls: None, threads: 1, seed: 1 };
        let grpc =
            prony_grpc::demo::Target::start(grpc).map_err(|error| Failure::Setup(error.to_string()))?;
        let ws = prony_ws::demo::TargetOptions { plain: Some(any), tls: None, threads: 1, seed: 1 };
        let ws = prony_ws::demo::Target::start(ws).map_err(|error| Failure::Setup(error.to_string()))?;
        let broker = DemoBroker::start(BrokerOptions { tcp: any, websocket: None })
            .map_err(|error| Failure::Setup(error.to_string()))?;
        let _bridge = MqttBridge::start(broker.addresses().tcp, ws.bridge())?;
        let folder = std::env::temp_dir().join(format!("prony-demo-{}", std::process::id()));
        let files = Files::write(&folder, target.certificate_pem())
            .map_err(|error| Failure::Setup(format!("{}: {error}", folder.display())))?;
        let address =
            |address: Option<SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
        let plan = PLAN
            .replace("HTTPS_ADDRESS", &address(target.https()))
            .replace("HTTP_ADDRESS", &address(target.http()))
            .replace("GRPC_ADDRESS", &address(grpc.plain()))
            .replace("WS_ADDRESS", &address(ws.plain()))
            .replace("MQTT_ADDRESS", &broker.addresses().tcp.to_string());
        let plan = Plan::from_text("demo", &plan, &files.folder)?;
        let code = execute::run(&plan, &self.options)?;
        print(
            "\nThat was a target inside this process. Point Prony at your own: prony http http://127.0.0.1:8080/ --rate 100/s --for 10s\n",
        );
        Ok(code)
    }
}

/// What the plan names, beside it, for as long as the demo takes: the target's certificate, and a plugin.
struct Files {
    folder: std::path::PathBuf,
}

/// The journey of `plugins/examples/shop`, as it was built for the first released interface.
const SHOP: &[u8] = include_bytes!("../../../../tests/guests/0.1.0/shop.wasm");

impl Files {
    fn write(folder: &Path, pem: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let files = Self { folder: folder.to_owned() };
        std::fs::write(folder.join("ca.pem"), pem)?;
        std::fs::write(folder.join("shop.wasm"), SHOP)?;
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Nothing hangs on it: the folder is the system's to clean up as well.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
