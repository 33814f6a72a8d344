//! Files that are no plugins, plugins in the wrong place, and configurations that their plugins do not like: each is told where the
//! plan names it, before anything is sent.

use std::path::Path;

use super::{guest, released};
use crate::binary::{Plan, Prony};

/// What `prony check` says of a plan, which must be wrong.
fn told(plan: &Plan) -> String {
    let finished = Prony::with(&["check", plan.path().to_str().expect("a path")]).finish();
    assert_eq!(finished.exit_code(), 2, "{}{}", finished.stdout, finished.stderr);
    // Lines are wrapped to the terminal's width.
    finished.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn scenario(path: &str, more: &str) -> String {
    format!(
        "target: http://127.0.0.1:9\nscenarios:\n  s:\n    load: {{users: 1, iterations: 1}}\n    plugin: {{path: {path}{more}}}\n"
    )
}

fn step(path: &str, more: &str) -> String {
    format!(
        "target: http://127.0.0.1:9\nscenarios:\n  s:\n    load: {{users: 1, iterations: 1}}\n    steps:\n      - http: {{post: /}}\n        generate: {{plugin: {path}{more}}}\n"
    )
}

#[test]
fn files_that_are_no_plugins_are_told() {
    let good = std::fs::read(released("0.1.0", "shop")).expect("the released guest");
    let module = b"\0asm\x01\0\0\0".as_slice();
    let component = b"\0asm\x0d\0\x01\0".as_slice();
    for (content, message) in [
        (b"".as_slice(), "is empty"),
        (b"#!/bin/sh\necho hello\n", "is no WebAssembly file"),
        (&good[..good.len() / 2], "is damaged or cut off"),
        (&good[..9], "is damaged or cut off"),
        (module, "is a core WebAssembly module, and no component"),
        (component, "it exports nothing"),
    ] {
        let plan = Plan::new(&scenario("./it.wasm", "")).with_file("it.wasm", content);
        let said = told(&plan);
        assert!(said.contains(message) && said.contains("plan.yaml:5:20"), "{message}: {said}");
    }
    let said = told(&Plan::new(&scenario("./nothing.wasm", "")));
    assert!(said.contains("No such file") && said.contains("prony plugin build"), "{said}");
    // The version is in the names of what is exported: another one of the same length is another version.
    let newer = replaced(&good, b"prony:plugin/journey@0.1.0", b"prony:plugin/journey@0.9.0");
    let said = told(&Plan::new(&scenario("./it.wasm", "")).with_file("it.wasm", newer));
    assert!(said.contains("built for version 0.9.0") && said.contains("update Prony"), "{said}");
}

#[test]
fn damaged_components_are_refused_or_run_and_never_bring_the_host_down() {
    let good = std::fs::read(released("0.1.0", "shop")).expect("the released guest");
    for at in (8..good.len()).step_by(good.len() / 40) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        let plan = Plan::new(&scenario("./it.wasm", "")).with_file("it.wasm", bytes);
        let finished = Prony::with(&["check", plan.path().to_str().expect("a path")]).finish();
        assert!(matches!(finished.exit_code(), 0 | 2), "byte {at}: {}", finished.stderr);
        assert!(!finished.stderr.contains("panicked"), "byte {at}: {}", finished.stderr);
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn plugins_in_the_wrong_place_are_told() {
    let test = "plugins_in_the_wrong_place_are_told";
    let (Some(journey), Some(functions)) = (guest(test, "shop"), guest(test, "signed")) else { return };
    let (journey, functions) = (shown(&journey), shown(&functions));
    for (plan, message) in [
        (scenario(&functions, ""), "has functions for steps"),
        (step(&journey, ""), "has a journey for a whole scenario"),
        (step(&functions, ", function: sgined"), "did you mean `signed`?"),
        (step(&functions, ", function: signed, configuration: {}"), "unknown key `configuration`"),
        (scenario(&journey, ", isolation: users"), "`worker` or `user`"),
        (scenario(&journey, ", limits: {memory: lots}"), "a size such as"),
        (scenario(&journey, "") + "    steps: [{http: GET /}]\n", "`plugin` and `steps` in one scenario"),
    ] {
        let said = told(&Plan::new(&plan));
        assert!(said.contains(message), "{message}: {said}");
    }
}

fn shown(path: &Path) -> String {
    path.to_str().expect("a path").to_owned()
}

#[test]
fn what_a_plugin_says_of_its_configuration_is_shown_at_its_place() {
    let test = "what_a_plugin_says_of_its_configuration_is_shown_at_its_place";
    let (Some(bad), Some(markov)) = (guest(test, "bad"), guest(test, "markov")) else { return };
    let said = told(&Plan::new(&scenario(&shown(&bad), ", config: {do: refuse_config}")));
    assert!(
        said.contains("this plugin refuses its configuration")
            && said.contains("`do` of the plugin's configuration"),
        "{said}"
    );
    assert!(said.contains("say `good`"), "{said}");
    let said = told(&Plan::new(&scenario(&shown(&bad), ", config: {do: trap_in_configure}")));
    assert!(
        said.contains("was ended while it was configured") && said.contains("deliberate panic"),
        "{said}"
    );
    let said = told(&Plan::new(&scenario(&shown(&bad), "")));
    assert!(said.contains("it has no `config` here"), "{said}");
    let plan = format!(
        "target: http://127.0.0.1:9\nscenarios:\n  s:\n    load: {{users: 1, iterations: 1}}\n    plugin:\n      path: {}\n      config:\n        start: home\n        pages:\n          home:\n            path: /\n            next: {{nowhere: 1}}\n",
        shown(&markov)
    );
    let said = told(&Plan::new(&plan));
    assert!(said.contains("nowhere") && said.contains("plan.yaml:12:"), "{said}");
}
