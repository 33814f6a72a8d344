//! Connections that are lost while their users do nothing: whoever stays is told, and so is the run.

use std::time::Duration;

use super::{Ran, run};
use crate::binary::{Plan, Prony, Served};

const PLAN: &str = "
target: TARGET
ws: {path: 'PATH'}
scenarios:
  main:
    load: {users: 3, iterations: 1}
    steps:
      - ws: connect
      - stay: 20s
thresholds:
  - failures.count == 0
";

#[test]
fn a_connection_that_dies_while_its_user_stays_is_a_failure_of_its_kind() {
    let served = Served::with_websocket();
    for (fault, kind) in [
        ("close=4001&early", "goaway"),
        ("hang_up&early", "closed"),
        ("masked&early", "protocol"),
        ("oversized=5MB&early", "too_large"),
    ] {
        let ran = run(served.ws(), &PLAN.replace("PATH", &format!("/echo?{fault}")));
        assert_eq!(ran.step("stay")["failures"]["by_kind"][kind], 3, "{fault}\n{}", ran.stdout);
        assert_eq!(ran.step("connect")["failures"]["total"], 0, "{fault}\n{}", ran.stdout);
        assert_eq!(ran.sum("ws.connections_lost"), 3.0, "{fault}\n{}", ran.stdout);
        // Nothing was sent, so nothing is timed.
        assert_eq!(ran.step("stay")["response_time_us"]["count"], 0, "{fault}\n{}", ran.stdout);
        // 4: on a machine that is busy with other tests a run may be invalid by its lag.
        assert!(matches!(ran.code, 1 | 4), "{fault}: {}\n{}", ran.code, ran.stdout);
        assert!(ran.stdout.contains("lost while its user did nothing else"), "{fault}\n{}", ran.stdout);
    }
}

#[test]
fn whoever_stays_connected_again_is_one_more_loss_when_all_are_ended() {
    let served = Served::with_websocket();
    let plan = PLAN.replace("users: 3, iterations: 1", "users: 3, for: 6s").replace("20s", "true");
    let plan = Plan::new(&plan.replace("TARGET", served.ws()).replace("PATH", "/sink"));
    let running = Prony::run(&plan).arguments(&["--seed", "7"]).start();
    let timeline = plan.results().join("timeline.jsonl");
    let seconds = || std::fs::read_to_string(&timeline).map_or(0, |text| text.lines().count());
    for _ in 0..600 {
        if seconds() >= 1 {
            break;
        }
        running.after(Duration::from_millis(100));
    }
    served.control_websocket("end", "{\"fault\": \"hang_up\"}");
    let finished = running.finish();
    let ran = Ran { code: finished.exit_code(), summary: finished.summary(), stdout: finished.stdout };
    assert_eq!(ran.step("stay")["failures"]["total"], 3, "{}", ran.stdout);
    // The iteration was over, and the next one connected anew.
    assert_eq!(ran.step("connect")["requests"], 6, "{}", ran.stdout);
    assert!(matches!(ran.code, 1 | 4), "{}\n{}", ran.code, ran.stdout);
}

#[test]
fn what_has_no_connection_to_go_over_counts_as_failed_and_takes_no_time() {
    let served = Served::with_websocket();
    for (settings, kind) in [("", "goaway"), (", reconnect: {after: 10s}", "closed")] {
        let plan = format!(
            "target: TARGET\nws: {{path: '/echo?close=1012'{settings}}}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 1}}\n    steps:\n      - ws: send ends it\n      - think: 500ms\n      - ws: request hello\n"
        );
        let ran = run(served.ws(), &plan);
        let request = ran.step("request");
        assert_eq!(request["failures"]["by_kind"][kind], 2, "{settings}\n{}", ran.stdout);
        assert_eq!(request["response_time_us"]["count"], 0, "{settings}\n{}", ran.stdout);
    }
}

#[test]
fn a_handshake_that_is_not_answered_is_no_open_websocket() {
    // Whoever comes is taken by the system, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("ws://{}", silent.local_addr().expect("an address"));
    let plan = "target: TARGET\nscenarios:\n  main:\n    load: {users: 3, for: 2s}\n    steps:\n      - ws: {connect: true, timeout: 5s}\nthresholds: [ws.open >= 1]\n";
    let ran = run(&target, plan);
    assert_eq!(ran.main()["connections"]["opened"], 3, "{}", ran.stdout);
    assert_eq!(ran.main()["metrics"]["ws.open"]["count"], 0, "{}", ran.stdout);
    assert_eq!(ran.summary["thresholds"][0]["passed"], false, "{}", ran.stdout);
}

#[test]
fn a_first_connection_that_cannot_be_made_is_tried_again_where_lost_ones_are() {
    let [port] = crate::processes::free_ports();
    let plan = "target: TARGET\nws: {SETTINGS}\nscenarios:\n  main:\n    load: {users: 2, for: 2s}\n    steps:\n      - once: [{ws: connect}]\n      - stay: true\n";
    for (settings, again) in [("", false), ("reconnect: {after: 200ms}", true)] {
        let ran = run(&format!("ws://127.0.0.1:{port}"), &plan.replace("SETTINGS", settings));
        assert_eq!(ran.step("connect")["failures"]["by_kind"]["connect_refused"], 2, "{}", ran.stdout);
        let tries = ran.step("reconnect")["requests"].as_u64().unwrap_or(0);
        assert_eq!(tries >= 4, again, "{tries}\n{}", ran.stdout);
    }
}

#[test]
fn whoever_waits_in_vain_has_waited_since_it_began() {
    let served = Served::with_websocket();
    let plan = "target: TARGET\nws: {path: /sink}\nscenarios:\n  main:\n    load: {users: 2, iterations: 2}\n    steps:\n      - ws: {receive: true, timeout: 200ms}\n";
    let ran = run(served.ws(), plan);
    let step = ran.step("receive");
    assert_eq!(step["failures"]["by_kind"]["timeout"], 4, "{}", ran.stdout);
    for clock in ["response_time_us", "service_time_us"] {
        assert_eq!(step[clock]["count"], 4, "{}", ran.stdout);
        assert!(step[clock]["min"].as_f64().is_some_and(|least| least >= 200_000.0), "{}", ran.stdout);
    }
}
