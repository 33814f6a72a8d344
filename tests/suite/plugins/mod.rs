//! Plugins: the same journey in three languages, guests that misbehave, released interfaces, and the author's kit.

mod compatible;
mod conformance;
mod functions;
mod grpc;
mod hostile;
mod kit;
mod mistakes;
mod mqtt;
mod ws;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::binary::{Finished, Plan, Prony, Served};
use crate::requirements::missing;

/// Built guests, as `tests/run` leaves them: `NAME.wasm`. None, and the test is skipped, where they are missing.
pub(crate) fn guest(test: &str, name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PRONY_TESTS_GUESTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| root().join("target/tests-guests"));
    let file = folder.join(format!("{name}.wasm"));
    if file.is_file() {
        return Some(file);
    }
    missing(test, &format!("the built plugin {name}.wasm, which tests/run builds"));
    None
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A component of a released interface, which is kept for ever.
pub(crate) fn released(version: &str, name: &str) -> PathBuf {
    root().join("tests/guests").join(version).join(format!("{name}.wasm"))
}

/// A run that has ended, with what it stored.
struct Ran {
    code: i32,
    stdout: String,
    summary: Json,
}

impl Ran {
    /// What it stored is read while its folder is there.
    fn new(plan: &str, start: impl FnOnce(&Plan) -> Finished) -> Self {
        let plan = Plan::new(plan);
        let finished = start(&plan);
        Self { code: finished.exit_code(), summary: finished.summary(), stdout: finished.stdout }
    }
}

/// Runs a plan whose `TARGET` is the target's URL.
fn run(target: &Served, plan: &str) -> Ran {
    Ran::new(&plan.replace("TARGET", target.http()), |plan| {
        Prony::run(plan).arguments(&["--seed", "7"]).finish()
    })
}
