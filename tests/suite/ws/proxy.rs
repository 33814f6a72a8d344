//! nginx between Prony and the npm package ws.

use super::run;
use super::servers::{Maker, Server};
use crate::proxies::nginx;

#[test]
fn nginx_passes_frames_on_and_ends_what_is_silent() {
    let test = "nginx_passes_frames_on_and_ends_what_is_silent";
    let Some(server) = Server::start(test, Maker::Node) else { return };
    let started = nginx(test, |port| {
        let backend = server.port();
        format!(
            "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1s; }} }}"
        )
    });
    let Some((_nginx, port, _folder)) = started else { return };
    let url = format!("ws://127.0.0.1:{port}");
    let plan = "target: TARGET\nws: {path: /echo, timeout: 10s}\nscenarios:\n  main:\n    load: {users: 8, iterations: 25}\n    steps:\n      - once: [{ws: connect}]\n      - ws: request hello\n        check: body == hello\n      - ws: {request: {size: 200kb, fragments: 3}}\n        name: big\n        check: size == 200000\n      - ws: ping\n";
    let ran = run(&url, plan);
    ran.assert_clean("through nginx");
    assert_eq!(ran.step("ping")["requests"], 200, "{}", ran.stdout);
    // It ends a connection that nothing goes over for a second, without a CLOSE; PINGs keep it.
    let idle = "target: TARGET\nws: {path: /echoKEEP}\nscenarios:\n  main:\n    load: {users: 2, iterations: 1}\n    steps:\n      - ws: connect\n      - stay: 4s\n";
    let ran = run(&url, &idle.replace("KEEP", ""));
    assert_eq!(ran.sum("ws.connections_lost"), 2.0, "{}", ran.stdout);
    assert_eq!(ran.step("stay")["failures"]["total"], 2, "{}", ran.stdout);
    let ran = run(&url, &idle.replace("KEEP", ", keep_alive: {every: 300ms}"));
    assert_eq!(ran.sum("ws.connections_lost"), 0.0, "{}", ran.stdout);
    // Without its server it answers with an HTTP status.
    drop(server);
    let ran = run(&url, plan);
    assert!(ran.kinds().contains(&"status_5xx") && ran.stdout.contains("502"), "{}", ran.stdout);
}
