//! Released interfaces: a component that was built for one loads and runs for ever, and what was released never changes.

use sha2::{Digest, Sha256};

use super::{released, root, run};
use crate::binary::Served;

/// Every released version of the interface, with the digest of its files.
const RELEASED: [(&str, &str); 2] = [
    ("0.1.0", "043e7525b7c2b435c291b1df039352f635eefa05470a48a74818cb4848fc3a75"),
    ("0.1.1", "024c683e7527cb99aa07ce331038819ff2ac919d13ded25c5b79b237a5fee44e"),
];

#[test]
fn components_of_every_released_interface_run() {
    let target = Served::start();
    for (version, _) in RELEASED {
        let plan = format!(
            "target: TARGET\nscenarios:\n  shop:\n    load: {{users: 3, iterations: 4}}\n    plugin: {{path: {}, config: {{buy_share: 1}}}}\n  orders:\n    load: {{users: 2, iterations: 5}}\n    steps:\n      - http: {{post: /echo}}\n        generate: {{plugin: {}, function: signed, config: {{key: k}}}}\n        check: status == 200\n",
            released(version, "shop").display(),
            released(version, "signed").display()
        );
        let finished = run(&target, &plan);
        let summary = &finished.summary;
        let shop = &summary["scenarios"]["shop"];
        assert_eq!(shop["iterations"]["completed"], 12, "{}", finished.stdout);
        assert_eq!(shop["failures"]["total"], 0, "{}", finished.stdout);
        assert_eq!(shop["steps"]["buy"]["requests"], 12);
        assert_eq!(shop["metrics"]["orders"]["sum"], 12.0);
        assert_eq!(shop["groups"]["checkout"]["count"], 12);
        assert_eq!(summary["scenarios"]["orders"]["requests"], 10);
        assert_eq!(summary["scenarios"]["orders"]["failures"]["total"], 0, "{}", finished.stdout);
        let plugins = summary["plugins"].as_array().expect("a list");
        assert_eq!(plugins.len(), 2, "{plugins:?}");
        assert!(plugins.iter().all(|plugin| plugin["interface"] == version
            && plugin["sha256"].as_str().is_some_and(|hash| hash.len() == 64)));
    }
}

/// What 0.1.1 added: MQTT, gRPC and WebSocket.
#[test]
fn components_that_speak_mqtt_grpc_and_websocket_run() {
    let broker = Served::with_broker();
    let tour = released("0.1.1", "mqtt-tour");
    let plan = format!(
        "target: {}\nmqtt: {{version: \"5\"}}\nscenarios:\n  tour:\n    load: {{users: 2, iterations: 1}}\n    plugin: {}\n",
        broker.mqtt(),
        tour.display()
    );
    let finished = run(&broker, &plan);
    assert_eq!(finished.summary["scenarios"]["tour"]["iterations"]["completed"], 2, "{}", finished.stdout);
    let served = Served::with_grpc();
    let shop = released("0.1.1", "grpc-shop");
    let plan = format!(
        "target: {}\nscenarios:\n  shop:\n    load: {{users: 2, iterations: 2}}\n    plugin: {{path: {}, config: {{items: [7], lines: 3}}}}\n",
        served.grpc(),
        shop.display()
    );
    let finished = run(&served, &plan);
    assert_eq!(finished.summary["scenarios"]["shop"]["iterations"]["completed"], 4, "{}", finished.stdout);
    let served = Served::with_websocket();
    let tour = released("0.1.1", "ws-tour");
    let plan = format!(
        "target: {}/echo\nscenarios:\n  tour:\n    load: {{users: 2, iterations: 2}}\n    plugin: {}\n",
        served.ws(),
        tour.display()
    );
    let finished = run(&served, &plan);
    assert_eq!(finished.summary["scenarios"]["tour"]["iterations"]["completed"], 4, "{}", finished.stdout);
}

#[test]
fn released_interfaces_are_frozen() {
    for (version, digest) in RELEASED {
        let folder = root().join("plugins/wit").join(version);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .expect("the interface")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        let mut hasher = Sha256::new();
        for file in &files {
            hasher.update(file.file_name().expect("a name").as_encoded_bytes());
            hasher.update(std::fs::read(file).expect("a file"));
        }
        let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, digest, "the files of {version} have changed: make a new version instead");
    }
}
