//! What the report takes from others is what they published.

use std::path::Path;
use std::process::Command;

use crate::requirements::missing;

/// `fetch --check` gets the named version, holds it against its digest, and compares the files.
#[test]
fn vendored_files_are_those_that_their_makers_published() {
    let fetch = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/report/vendor/fetch");
    let there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
    if !there("npm") || !there("node") {
        return missing("files of the report that others made", "npm and node");
    }
    let output = Command::new(fetch).arg("--check").output().expect("bash runs");
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("as published"), "{told}");
}
