//! A broker that goes away in the middle of a run, and comes back.

use std::time::Duration;

use super::{metric, scenario, step};
use crate::binary::{Plan, Prony};
use crate::mosquitto::{Mosquitto, Options, Persistence};

fn plan(url: &str, settings: &str) -> Plan {
    Plan::new(&format!(
        "
name: failover
target: {url}
mqtt: {{reconnect: {{after: 100ms, up_to: 500ms}}, settle: 2s{settings}}}
scenarios:
  devices:
    mqtt: {{client_id: \"device-{{{{user.id}}}}\"}}
    load: {{users: 30, for: 6s}}
    steps:
      - mqtt: {{devices: {{publish: {{topic: \"site/{{{{user.id}}}}/t\", every: 50ms, qos: 1, size: 64}}}}}}
  host:
    mqtt: {{client_id: \"host-{{{{user.id}}}}\"}}
    load: {{users: 2, for: 6s}}
    steps:
      - mqtt: {{devices: {{subscribe: {{to: site/+/t, qos: 1}}}}}}
thresholds:
  - mqtt.back_100 < 5s
"
    ))
}

#[test]
fn devices_come_back_to_a_broker_that_was_killed_and_started_again() {
    let test = "devices_come_back_to_a_broker_that_was_killed_and_started_again";
    let Some(mut mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    let plan = plan(&format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp), "");
    let running = Prony::run(&plan).start();
    running.after(Duration::from_millis(2_000));
    mosquitto.kill();
    running.after(Duration::from_millis(500));
    mosquitto.start_again();
    let finished = running.finish();
    // 4: on a machine that is busy with other tests a run may be invalid by its lag.
    assert!(matches!(finished.exit_code(), 0 | 4), "{}\n{}", finished.stdout, finished.stderr);
    let (devices, host) = (scenario(&finished, "devices"), scenario(&finished, "host"));
    assert!((metric(&devices, "reconnected") - 30.0).abs() < 0.5, "{}", finished.stdout);
    assert!((metric(&host, "reconnected") - 2.0).abs() < 0.5, "{}", finished.stdout);
    let summary = finished.summary();
    let back = &summary["thresholds"][0]["value"];
    assert!(back.as_f64().is_some_and(|micros| (0.4e6..5e6).contains(&micros)), "{back}");
    let (published, failed) = step(&devices, "publish site/{{user.id}}/t");
    assert!(published > 2_000 && failed > 0 && failed < published / 2, "{published} {failed}");
    // Without a session nothing is owed to a receiver that is away; what was acknowledged before and after has come.
    let lost = metric(&host, "lost") - metric(&host, "lost_in_gap");
    assert!(lost.abs() < 0.5, "{lost} lost and not explained by the gap\n{}", finished.stdout);
    assert!(metric(&host, "delivered") > 2_000.0);
}

#[test]
fn a_session_outlives_its_broker_and_nothing_is_lost() {
    let test = "a_session_outlives_its_broker_and_nothing_is_lost";
    let options = Options { persistence: Persistence::EveryChange, ..Options::default() };
    let Some(mut mosquitto) = Mosquitto::start(test, &options) else { return };
    let url = format!("mqtt://127.0.0.1:{}", mosquitto.ports().tcp);
    let plan = plan(&url, ", clean_start: false");
    let running = Prony::run(&plan).start();
    running.after(Duration::from_millis(2_000));
    mosquitto.stop();
    running.after(Duration::from_millis(300));
    mosquitto.start_again();
    let finished = running.finish();
    let host = scenario(&finished, "host");
    assert!(metric(&host, "lost") < 0.5, "{}", finished.stdout);
    assert!(metric(&host, "delivered") > 2_000.0, "{}", finished.stdout);
    assert!((metric(&host, "reconnected") - 2.0).abs() < 0.5, "{}", finished.stdout);
}

#[test]
fn a_storm_takes_its_share_and_all_of_it_comes_back() {
    let test = "a_storm_takes_its_share_and_all_of_it_comes_back";
    let Some(mosquitto) = Mosquitto::start(test, &Options::default()) else { return };
    for (how, wills) in [("abort", true), ("clean", false)] {
        let plan = Plan::new(&format!(
            "
name: storm
target: mqtt://127.0.0.1:{}
mqtt: {{reconnect: {{after: 100ms, up_to: 300ms}}, settle: 1s}}
scenarios:
  devices:
    mqtt: {{will: {{topic: \"gone/{{{{user.id}}}}\", size: 64, qos: 1}}}}
    load: {{users: 100, for: 3s}}
    steps:
      - mqtt: {{devices: {{disconnect: {{share: 50%, at: 1s, how: {how}}}}}}}
  host:
    load: {{users: 1, for: 3s}}
    steps:
      - mqtt: {{devices: {{subscribe: {{to: gone/+, qos: 1}}}}}}
",
            mosquitto.ports().tcp
        ));
        let finished = Prony::run(&plan).arguments(&["--seed", "5"]).finish();
        let (devices, host) = (scenario(&finished, "devices"), scenario(&finished, "host"));
        let gone = metric(&devices, "connections_lost");
        assert!((30.0..=70.0).contains(&gone), "half of a hundred, by chance: {gone}");
        assert!((metric(&devices, "reconnected") - gone).abs() < 0.5, "{}", finished.stdout);
        let expected = if wills { gone } else { 0.0 };
        assert!((metric(&host, "wills") - expected).abs() < 0.5, "{how}: wills\n{}", finished.stdout);
        assert!(metric(&host, "lost") < 0.5, "{how}\n{}", finished.stdout);
    }
}
