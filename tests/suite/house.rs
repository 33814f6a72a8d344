//! The plan of the house: which crate may know which, and how its files look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Every crate, and the crates of this workspace that it may know. ARCHITECTURE.md says why.
const ARROWS: [(&str, &[&str]); 11] = [
    ("prony-core", &[]),
    ("prony-transport", &["prony-core"]),
    ("prony-engine", &["prony-core"]),
    ("prony-http", &["prony-core", "prony-transport"]),
    ("prony-mqtt", &["prony-core", "prony-transport"]),
    ("prony-grpc", &["prony-core", "prony-transport"]),
    ("prony-ws", &["prony-core", "prony-transport"]),
    ("prony-line", &["prony-core", "prony-transport"]),
    ("prony-plugin-host", &["prony-core", "prony-http", "prony-mqtt", "prony-grpc", "prony-ws"]),
    (
        "prony-scenario",
        &["prony-core", "prony-http", "prony-mqtt", "prony-grpc", "prony-ws", "prony-plugin-host"],
    ),
    (
        "prony",
        &[
            "prony-core",
            "prony-transport",
            "prony-engine",
            "prony-http",
            "prony-mqtt",
            "prony-grpc",
            "prony-ws",
            "prony-plugin-host",
            "prony-scenario",
        ],
    ),
];

/// What only tests need. It must make no circle.
const ARROWS_OF_TESTS: [(&str, &[&str]); 2] = [
    ("prony-scenario", &["prony-engine"]),
    ("prony-line", &["prony-engine", "prony-plugin-host", "prony-scenario"]),
];

/// The longest source file, in lines without its tests.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn packages() -> Vec<Json> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn name(json: &Json) -> &str {
    json["name"].as_str().expect("a name")
}

#[test]
fn crates_know_only_whom_they_may() {
    let packages = packages();
    let house: BTreeSet<&str> = packages.iter().map(name).collect();
    let planned: BTreeSet<&str> = ARROWS.iter().map(|(from, _)| *from).collect();
    assert_eq!(house, planned, "the crates of the house");
    let mut wrong = Vec::new();
    for package in &packages {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let (from, to) = (name(package), name(dependency));
            let listed = |arrows: &[(&str, &[&str])]| {
                arrows.iter().any(|(known, targets)| *known == from && targets.contains(&to))
            };
            let of_tests = dependency["kind"] == "dev";
            if house.contains(to) && !listed(&ARROWS) && !(of_tests && listed(&ARROWS_OF_TESTS)) {
                wrong.push(format!("{from} → {to}{}", if of_tests { " (tests)" } else { "" }));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the plan of the house does not have: {wrong:#?}");
}

/// Every Rust file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The sources of all crates and the tests.
fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for package in packages() {
        let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
        sources(&manifest.parent().expect("a folder").join("src"), &mut found);
    }
    sources(&root().join("tests"), &mut found);
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

#[test]
fn every_source_file_says_first_what_it_answers_for() {
    let silent: Vec<PathBuf> = all_sources()
        .into_iter()
        .filter(|path| !std::fs::read_to_string(path).expect("a source").starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "files without a `//!` at their head: {silent:#?}");
}

#[test]
fn no_source_file_is_long() {
    let long: Vec<String> = all_sources()
        .iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).expect("a source");
            let production = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
            let lines = production.lines().count();
            // Files of tests are tables, and may be.
            let test = path.starts_with(root().join("tests"));
            (lines > LONGEST && !test).then(|| format!("{}: {lines}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "files of more than {LONGEST} lines: {long:#?}");
}
