//! The delivery audit tells the truth: a broker that loses, doubles and swaps on order, and what the audit makes of it.

use super::{delivered, metric, run, scenario};
use crate::scripted_broker::{Faults, Relay, ScriptedBroker};

/// 40 devices publish 250 messages each, one receiver gets them all.
const PLAN: &str = "
mqtt: {settle: 1s}
scenarios:
  devices:
    start_after: 300ms
    load: {users: 40, iterations: 1}
    steps:
      - mqtt: connect
      - repeat: 250
        steps: [{mqtt: {publish: \"t/{{user.id}}\", qos: QOS, size: 64, wait: true}}]
  host:
    load: {users: 1, for: 6s}
    steps:
      - mqtt: {devices: {subscribe: {to: t/+, qos: QOS}}}
";

fn audited(faults: Faults, qos: u8) -> (serde_json::Value, crate::scripted_broker::Ledger) {
    let relay = Relay::with(faults);
    let broker = ScriptedBroker::relaying(&relay);
    let finished = run(&broker.url(), &PLAN.replace("QOS", &qos.to_string()));
    let host = scenario(&finished, "host");
    assert_eq!(broker.complaints(), Vec::<String>::new(), "what rumqttc says of Prony's packets");
    let ledger = relay.ledger();
    assert_eq!(ledger.published, 10_000, "{}", finished.stdout);
    (host, ledger)
}

#[test]
fn an_honest_broker_is_accused_of_nothing() {
    for qos in 0..=2 {
        let (host, _) = audited(Faults::default(), qos);
        for (name, wanted) in [
            ("expected", 10_000.0),
            ("delivered", 10_000.0),
            ("lost", 0.0),
            ("undelivered", 0.0),
            ("duplicated", 0.0),
            ("reordered", 0.0),
            ("unaudited", 0.0),
            ("foreign", 0.0),
        ] {
            assert!((metric(&host, name) - wanted).abs() < 0.5, "QoS {qos}: {name} {host:#}");
        }
        assert_eq!(delivered(&host, "deliver t/+"), 10_000);
    }
}

#[test]
fn a_broker_that_loses_doubles_and_swaps_is_found_out_to_the_message() {
    let faults = Faults { drop_every: 1_000, double_every: 500, swap_every: 333 };
    for qos in 0..=2 {
        let (host, ledger) = audited(faults, qos);
        assert!(ledger.dropped >= 10 && ledger.doubled >= 10 && ledger.swapped >= 10, "{ledger:?}");
        let seen = |name| metric(&host, name) as u64;
        // Messages of different devices that change places are in order for the audit, as they are for MQTT (section 4.6).
        assert_eq!(
            (seen("lost") + seen("undelivered"), seen("duplicated")),
            (ledger.dropped, ledger.doubled),
            "QoS {qos}: {ledger:?} {host:#}"
        );
        assert!(seen("reordered") <= ledger.swapped, "QoS {qos}: {ledger:?}");
        // At least once may double; the others may not.
        let forbidden = if qos == 1 { 0 } else { ledger.doubled };
        assert_eq!(seen("duplicated_against_rules"), forbidden, "QoS {qos}");
        assert_eq!(seen("delivered"), 10_000 - ledger.dropped, "QoS {qos}");
    }
}

#[test]
fn neighbours_of_one_device_that_change_places_are_counted_exactly() {
    let relay = Relay::with(Faults { swap_every: 100, ..Faults::default() });
    let broker = ScriptedBroker::relaying(&relay);
    let finished = run(
        &broker.url(),
        "
mqtt: {settle: 1s}
scenarios:
  device:
    start_after: 300ms
    load: {users: 1, iterations: 1}
    steps:
      - repeat: 2000
        steps: [{mqtt: {publish: t/one, qos: 1, size: 64}}]
  host:
    load: {users: 1, for: 4s}
    steps:
      - mqtt: {devices: {subscribe: {to: t/one, qos: 1}}}
",
    );
    let host = scenario(&finished, "host");
    let swapped = relay.ledger().swapped;
    assert!(swapped >= 19, "{swapped}");
    assert_eq!(metric(&host, "reordered") as u64, swapped, "{host:#}");
    assert!(metric(&host, "lost") < 0.5 && metric(&host, "duplicated") < 0.5, "{host:#}");
}
