//! A real etcd, through a .proto file of the plan's own: put, get and watch in a chain.

use std::process::Command;
use std::time::Duration;

use super::run;
use crate::processes::{Process, free_ports, program};
use crate::requirements::missing;

fn etcd(test: &str) -> Option<(Process, u16, tempfile::TempDir)> {
    let Some(program) = program("etcd") else {
        missing(test, "etcd");
        return None;
    };
    let started = (0..5).find_map(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let [clients, peers] = free_ports();
        let (client, peer) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
        let mut command = Command::new(&program);
        command
            .arg("--data-dir")
            .arg(folder.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")]);
        let mut process = Process::start(&mut command);
        process.listens(&[clients], Duration::from_secs(20)).then_some((process, clients, folder))
    });
    Some(started.expect("etcd starts"))
}

/// `a1` and `one` in base64, as proto3 JSON has bytes.
const PLAN: &str = r#"
target: TARGET
grpc: {proto: [PROTO], timeout: 10s}
scenarios:
  main:
    load: {users: 1, iterations: 20}
    steps:
      - name: put
        grpc: {call: etcdserverpb.KV/Put, data: {key: YTE=, value: b25l}}
        capture: {revision: "json $.header.revision"}
      - name: get
        grpc: {call: etcdserverpb.KV/Range, data: {key: YTE=}}
        check: ["json $.kvs[0].value == b25l", "json $.kvs[0].modRevision exists", "json $.count == 1"]
      - name: watch
        grpc: {call: etcdserverpb.Watch/Watch, data: {createRequest: {key: YTE=, startRevision: "{{revision}}"}}, half_close: false, receive: 2}
        check: ["messages count == 2", "json $.events[0].kv.value == b25l"]
"#;

#[test]
fn etcd_puts_gets_and_watches() {
    let Some((_etcd, port, folder)) = etcd("etcd_puts_gets_and_watches") else { return };
    let proto = folder.path().join("etcd.proto");
    std::fs::write(&proto, include_str!("etcd.proto")).expect("written");
    let plan = PLAN.replace("PROTO", &proto.display().to_string());
    let ran = run(&format!("grpc://127.0.0.1:{port}"), &plan);
    assert_eq!(ran.main()["requests"], 60, "{}", ran.stdout);
    assert_eq!(ran.main()["failures"]["total"], 0, "{}", ran.stdout);
}
