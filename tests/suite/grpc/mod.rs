//! gRPC: the binary against servers that nobody of Prony wrote, and against the embedded target with faults to order.

mod by_hand;
mod etcd;
mod faults;
mod foreign;
mod open;
mod proxy;
mod ready_plans;
pub(crate) mod servers;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::binary::{Plan, Prony};

/// A run that has ended.
struct Ran {
    code: i32,
    stdout: String,
    summary: Json,
}

impl Ran {
    /// The figures of the scenario `main`.
    fn main(&self) -> &Json {
        &self.summary["scenarios"]["main"]
    }

    /// What failed of it, by kind.
    fn failures(&self) -> &Json {
        &self.main()["failures"]["by_kind"]
    }
}

/// Runs a plan whose `TARGET` is the server's URL and whose `PROTOS` is the folder of the shop's .proto files.
fn run(target: &str, plan: &str) -> Ran {
    let plan = plan.replace("TARGET", target).replace("PROTOS", &protos().display().to_string());
    let plan = Plan::new(&plan);
    let finished = Prony::run(&plan).arguments(&["--seed", "7"]).finish();
    Ran { code: finished.exit_code(), summary: finished.summary(), stdout: finished.stdout }
}

/// The .proto files of the embedded target, which the foreign servers serve too.
fn protos() -> PathBuf {
    repository().join("protocol-grpc/proto")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
