//! nginx between Prony and the npm package ws.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::run;
use super::servers::{Maker, Server};
use crate::processes::{Process, free_ports, program};
use crate::requirements::missing;

fn nginx(test: &str, backend: u16) -> Option<(Process, u16, tempfile::TempDir)> {
    let Some(program) = program("nginx") else {
        missing(test, "nginx");
        return None;
    };
    let started = (0..5).find_map(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let [port] = free_ports();
        let shown = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {shown}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {shown}/nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{\naccess_log off;\n{temporary}\nserver {{\nlisten 127.0.0.1:{port};\nlocation / {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1s; }}\n}}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), text).expect("written");
        let mut command = Command::new(&program);
        command.arg("-p").arg(folder.path()).args(["-e", "error.log", "-c"]).arg(folder.path().join("nginx.conf"));
        let mut process = Process::start(command.stderr(Stdio::null()));
        process.listens(&[port], Duration::from_secs(5)).then_some((process, port, folder))
    });
    Some(started.expect("nginx starts"))
}

#[test]
fn nginx_passes_frames_on_and_ends_what_is_silent() {
    let test = "nginx_passes_frames_on_and_ends_what_is_silent";
    let Some(server) = Server::start(test, Maker::Node) else { return };
    let Some((_nginx, port, _folder)) = nginx(test, server.port()) else { return };
    let url = format!("ws://127.0.0.1:{port}");
    let plan = "target: TARGET\nws: {path: /echo, timeout: 10s}\nscenarios:\n  main:\n    load: {users: 8, iterations: 25}\n    steps:\n      - once: [{ws: connect}]\n      - ws: request hello\n        check: body == hello\n      - ws: {request: {size: 200kb, fragments: 3}}\n        name: big\n        check: size == 200000\n      - ws: ping\n";
    let ran = run(&url, plan);
    ran.assert_clean("through nginx");
    assert_eq!(ran.step("ping")["requests"], 200, "{}", ran.stdout);
    // It ends a connection that nothing goes over for a second, without a CLOSE; PINGs keep it.
    let idle = "target: TARGET\nws: {path: /echoKEEP}\nscenarios:\n  main:\n    load: {users: 2, for: 4s}\n    steps:\n      - ws: connect\n      - stay: true\n";
    let ran = run(&url, &idle.replace("KEEP", ""));
    assert_eq!(ran.sum("ws.connections_lost"), 2.0, "{}", ran.stdout);
    let ran = run(&url, &idle.replace("KEEP", ", keep_alive: {every: 300ms}"));
    assert_eq!(ran.sum("ws.connections_lost"), 0.0, "{}", ran.stdout);
    // Without its server it answers with an HTTP status.
    drop(server);
    let ran = run(&url, plan);
    assert!(ran.kinds().contains(&"status_5xx") && ran.stdout.contains("502"), "{}", ran.stdout);
}
