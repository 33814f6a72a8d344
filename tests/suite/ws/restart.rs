//! A server that is killed and started again at the same port: users lose their connections and come back.

use super::run_with;
use super::servers::{Maker, Server};
use crate::binary::{Plan, Prony};
use std::time::Duration;

const PLAN: &str = "
target: TARGET
ws: {path: /echo, timeout: 2s, reconnect: {after: 100ms, up_to: 500ms}}
scenarios:
  main:
    load: {users: 10, for: 20s}
    steps:
      - once: [{ws: connect}]
      - ws: request hello
      - think: 20ms
";

#[test]
fn users_come_back_to_a_server_that_was_killed() {
    // They mostly wait, so both at once.
    std::thread::scope(|scope| {
        for maker in [Maker::Node, Maker::Python] {
            scope.spawn(move || users_come_back_to(maker));
        }
    });
}

fn users_come_back_to(maker: Maker) {
    let test = "users_come_back_to_a_server_that_was_killed";
    let Some(server) = Server::start(test, maker) else { return };
    let (url, port) = (server.url(), server.port());
    let plan = Plan::new(&PLAN.replace("TARGET", &url));
    let running = Prony::run(&plan).arguments(&["--seed", "7"]).start();
    // A busy machine takes its time: the server goes when there are figures of two seconds.
    let timeline = plan.results().join("timeline.jsonl");
    let seconds = || std::fs::read_to_string(&timeline).map_or(0, |text| text.lines().count());
    for _ in 0..600 {
        if seconds() >= 2 {
            break;
        }
        running.after(Duration::from_millis(100));
    }
    drop(server);
    running.after(Duration::from_millis(700));
    let again = Server::start_at(test, maker, port);
    let finished = running.finish();
    let summary = finished.summary();
    let main = &summary["scenarios"]["main"];
    let sum = |metric: &str| main["metrics"][metric]["sum"].as_f64().unwrap_or(0.0);
    assert_eq!(
        (sum("ws.connections_lost"), sum("ws.reconnected")),
        (10.0, 10.0),
        "{maker:?}\n{}",
        finished.stdout
    );
    // Before and after it was answered; in between it failed, and was told so.
    let request = &main["steps"]["request"];
    let failed = request["failures"]["total"].as_u64().expect("a number");
    let all = request["requests"].as_u64().expect("a number");
    assert!(failed > 0 && all > failed, "{maker:?}\n{}", finished.stdout);
    drop(again);
    // With nobody there no connection is made, and that is a failure of its own.
    let ran = run_with(&url, &PLAN.replace("for: 20s", "for: 500ms"), &[]);
    assert!(ran.kinds().contains(&"connect_refused"), "{maker:?}\n{}", ran.stdout);
}
