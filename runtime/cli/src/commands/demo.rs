//! `prony demo`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use clap::Args;
use prony_http::demo::{Target, TargetOptions};

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
        let folder = std::env::temp_dir().join(format!("prony-demo-{}", std::process::id()));
        let certificate = Certificate::write(&folder, target.certificate_pem())
            .map_err(|error| Failure::Setup(format!("{}: {error}", folder.display())))?;
        let address =
            |address: Option<SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
        let plan = PLAN
            .replace("HTTPS_ADDRESS", &address(target.https()))
            .replace("HTTP_ADDRESS", &address(target.http()));
        let plan = Plan::from_text("demo", &plan, &certificate.folder)?;
        let code = execute::run(&plan, &self.options)?;
        print(
            "\nThat was a target inside this process. Point Prony at your own: prony http http://127.0.0.1:8080/ --rate 100/s --for 10s\n",
        );
        Ok(code)
    }
}

/// The target's certificate as a file beside the plan, for as long as the demo takes.
struct Certificate {
    folder: std::path::PathBuf,
}

impl Certificate {
    fn write(folder: &Path, pem: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let certificate = Self { folder: folder.to_owned() };
        std::fs::write(folder.join("ca.pem"), pem)?;
        Ok(certificate)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // Nothing hangs on it: the folder is the system's to clean up as well.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
