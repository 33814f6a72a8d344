//! The author's kit, as an author uses it: new, build, check, test, bench, inspect, run.

use std::path::Path;
use std::process::Command;

use super::{guest, root};
use crate::binary::{BINARY, Served};
use crate::requirements::missing;

struct Said {
    code: i32,
    text: String,
}

/// `prony plugin …` in `folder`, with the toolchains of the tests on the path.
fn prony(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(folder);
    // Projects share what they compile: it is the same SDK.
    command.env("CARGO_TARGET_DIR", root().join("target/tests-guests-build"));
    let tools = ["target/tests-python/bin", "target/tests-node/node_modules/.bin"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = tools.iter().map(|tool| root().join(tool)).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(tools).expect("paths"));
    let output = command.output().expect("prony runs");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Said { code: output.status.code().unwrap_or(-1), text }
}

/// Whether the toolchain of a language is there.
fn can_build(test: &str, language: &str) -> bool {
    let tool = match language {
        "python" => "target/tests-python/bin/componentize-py",
        "js" => "target/tests-node/node_modules/.bin/componentize-qjs",
        _ => return true,
    };
    let there = root().join(tool).exists();
    if !there {
        missing(test, &format!("{tool}, which tests/run installs"));
    }
    there
}

/// The project's own tests, as its README has them.
fn unit_tests(project: &Path, language: &str) {
    let (program, arguments): (_, &[&str]) = match language {
        "rust" => ("cargo", &["test", "--quiet"]),
        "python" => ("python3", &["-m", "unittest"]),
        _ => ("node", &["--test"]),
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(project);
    command.env("CARGO_TARGET_DIR", root().join("target/tests-guests-build"));
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{program}: {said}");
}

fn from_nothing_to_a_run(test: &str, language: &str, world: &str) {
    if !can_build(test, language) {
        return;
    }
    // They are built side by side into the same folder.
    let name = format!("my-{language}-{world}");
    let folder = tempfile::tempdir().expect("a folder");
    let step = |place: &Path, arguments: &[&str], told: &str| {
        let said = prony(place, arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.text);
        assert!(said.text.contains(told), "{arguments:?}: {}", said.text);
    };
    step(
        folder.path(),
        &["plugin", "new", &name, "--lang", language, "--world", world],
        "prony plugin build",
    );
    let project = folder.path().join(&name);
    unit_tests(&project, language);
    step(&project, &["plugin", "build"], &format!("world {world}"));
    step(&project, &["plugin", "check"], "fits");
    step(&project, &["plugin", "inspect"], "prony:plugin/");
    step(&project, &["plugin", "test"], "PASSED");
    let target = Served::start();
    let set = format!("target={}", target.http());
    let said = prony(&project, &["run", "plan.yaml", "--set", &set, "--quiet"]);
    assert!(matches!(said.code, 0 | 4), "{}", said.text);
    assert!(target.requests_seen() > 0, "{}", said.text);
    let again = prony(folder.path(), &["plugin", "new", &name, "--lang", language, "--world", world]);
    assert_eq!(again.code, 2, "{}", again.text);
    assert!(again.text.contains("is there already"), "{}", again.text);
}

#[test]
fn a_rust_journey_from_nothing_to_a_run() {
    from_nothing_to_a_run("a_rust_journey_from_nothing_to_a_run", "rust", "scenario");
}

#[test]
fn rust_functions_from_nothing_to_a_run() {
    from_nothing_to_a_run("rust_functions_from_nothing_to_a_run", "rust", "request");
}

#[test]
fn a_python_journey_from_nothing_to_a_run() {
    from_nothing_to_a_run("a_python_journey_from_nothing_to_a_run", "python", "scenario");
}

#[test]
fn python_functions_from_nothing_to_a_run() {
    from_nothing_to_a_run("python_functions_from_nothing_to_a_run", "python", "request");
}

/// The toolchain for it is no package yet; its tests need none.
#[test]
fn a_javascript_journey_is_tested_without_a_toolchain() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = prony(folder.path(), &["plugin", "new", "mine", "--lang", "js", "--world", "scenario"]);
    assert_eq!(said.code, 0, "{}", said.text);
    unit_tests(&folder.path().join("mine"), "js");
}

#[test]
fn javascript_functions_from_nothing_to_a_run() {
    from_nothing_to_a_run("javascript_functions_from_nothing_to_a_run", "js", "request");
}

#[test]
fn a_test_of_a_bad_plugin_fails_and_says_why() {
    let Some(bad) = guest("a_test_of_a_bad_plugin_fails_and_says_why", "bad") else { return };
    let bad = bad.to_str().expect("a path");
    let said = prony(&root(), &["plugin", "test", bad, "--config", "{do: panic}"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(said.text.contains("deliberate panic") && said.text.contains("FAILED"), "{}", said.text);
    let said = prony(&root(), &["plugin", "test", bad, "--config", "{do: good}"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("status is 200") && said.text.contains("PASSED"), "{}", said.text);
    let said = prony(
        &root(),
        &["plugin", "bench", bad, "--config", "{do: good}", "--seconds", "1", "--memory-users", "50"],
    );
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("guest time") && said.text.contains("for each further user"), "{}", said.text);
}

#[test]
fn what_is_typed_wrong_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, told) in [
        (&["plugin", "new", "7up", "--lang", "rust"][..], "is no name for a plugin"),
        (&["plugin", "new", "a/b", "--lang", "rust"], "is no name for a plugin"),
        (&["plugin", "build"], "is no plugin's project"),
        (&["plugin", "check", "nothing.wasm"], "No such file"),
        (&["plugin", "inspect", "plan.yaml"], "No such file"),
        (&["plugin", "test"], "is no plugin's project"),
    ] {
        let said = prony(folder.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.text);
        assert!(said.text.contains(told), "{arguments:?}: {}", said.text);
    }
}
