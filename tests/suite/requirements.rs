//! What a test needs and this machine may lack. A skipped test says so, and where nothing may be skipped it fails.

use std::io::Write;

/// Notes that `test` cannot run for want of `what`. Panics where `PRONY_TESTS_REQUIRE_ALL` is set, as in CI.
pub(crate) fn missing(test: &str, what: &str) {
    let line = format!("{test}: needs {what}");
    assert!(std::env::var_os("PRONY_TESTS_REQUIRE_ALL").is_none(), "{line}");
    // Past the test harness, which keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {line}");
    if let Some(file) = std::env::var_os("PRONY_TESTS_SKIPPED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}
