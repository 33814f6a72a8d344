//! A broker that dies while its devices do nothing: they are told.

use std::time::Duration;

use super::step;
use crate::binary::{Plan, Prony};
use crate::mosquitto::{Mosquitto, Options};

#[test]
fn devices_that_stay_are_told_that_their_broker_has_died() {
    let test = "devices_that_stay_are_told_that_their_broker_has_died";
    let Some(mut mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let url = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    let plan = Plan::new(&format!(
        "target: {url}\nscenarios:\n  devices:\n    load: {{users: 3, iterations: 1}}\n    steps:\n      - mqtt: connect\n      - stay: 30s\nthresholds:\n  - failures.count == 0\n"
    ));
    let running = Prony::run(&plan).start();
    running.after(Duration::from_millis(2_000));
    mosquitto.kill();
    let finished = running.finish();
    // 4: on a machine that is busy with other tests a run may be invalid by its lag.
    assert!(matches!(finished.exit_code(), 1 | 4), "{}\n{}", finished.stdout, finished.stderr);
    assert_eq!(step(&super::scenario(&finished, "devices"), "stay"), (3, 3), "{}", finished.stdout);
}
