//! Control calls, counters, and the target's own beginning and end.

use std::time::Duration;

use prony_http::demo::{Target, TargetError, TargetOptions};

use crate::wire::{Wire, elapsed, json_of, local, request, start, status_of};

#[test]
fn a_stall_holds_all_replies_until_its_end_and_no_control_call() {
    let target = start(2);
    let mut wires: Vec<Wire> = (0..4).map(|_| Wire::open(&target)).collect();
    wires.iter_mut().for_each(|wire| assert_eq!(wire.status("GET", "/items"), 200));
    let control = &mut Wire::open(&target);
    let (time, ()) = elapsed(|| {
        assert_eq!(status_of(&control.post("/_control/stall", r#"{"for":"1s"}"#).0), 200);
        wires.iter_mut().for_each(|wire| wire.send(&request("GET", "/items", "", "")));
        assert_eq!(
            json_of(&control.get("/_control/counters"))["requests"].as_u64().map(|n| n >= 4),
            Some(true)
        );
        wires[0].wait_at_most(Duration::from_millis(300));
        assert!(wires[0].byte().is_err(), "a reply left during the stall");
        wires[0].wait_at_most(Duration::from_secs(20));
        wires.iter_mut().for_each(|wire| assert_eq!(status_of(&wire.head()), 200));
    });
    assert!(time >= Duration::from_millis(990), "{time:?}");
}

#[test]
fn a_stall_to_come_lets_replies_pass_until_then() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    wire.post("/_control/stall", r#"{"after":"1h","for":"1h"}"#);
    assert_eq!(wire.status("GET", "/items"), 200);
    assert_eq!(status_of(&wire.post("/_control/stall", r#"{"after":"soon","for":"1h"}"#).0), 400);
    assert_eq!(status_of(&wire.post("/_control/stall", "{}").0), 400);
    assert_eq!(status_of(&wire.post("/_control/stall", r#"{"for":"1h","until":1}"#).0), 400);
}

#[test]
fn orders_stand_until_they_are_forgotten() {
    let target = start(2);
    let wire = &mut Wire::open(&target);
    wire.post("/_control/status", r#"{"path":"/items/*","status":503}"#);
    wire.post("/_control/delay", r#"{"delay":"20ms"}"#);
    wire.post("/_control/fault", r#"{"path":"/me","fault":"status=418&share=100%"}"#);
    let (time, status) = elapsed(|| wire.status("GET", "/items"));
    assert_eq!(status, 200);
    assert!(time >= Duration::from_millis(19), "{time:?}");
    assert_eq!((wire.status("GET", "/items/7"), wire.status("GET", "/me")), (503, 418));
    assert_eq!(wire.status("GET", "/_control/reset"), 405);
    assert_eq!(status_of(&wire.post("/_control/reset", "").0), 200);
    assert_eq!((wire.status("GET", "/items/7"), wire.status("GET", "/me")), (200, 401));
    assert_eq!(target.requests(), 2);
}

#[test]
fn counters_tell_requests_paths_and_connections() {
    let target = start(3);
    for number in 0..6 {
        let wire = &mut Wire::open(&target);
        wire.get("/items?page=1");
        wire.get(&format!("/items/{number}"));
    }
    let counters = json_of(&Wire::open(&target).get("/_control/counters"));
    assert_eq!((&counters["requests"], &counters["connections"]), (&12.into(), &6.into()));
    assert_eq!(counters["by_path"]["/items?page=1"], 6);
    assert_eq!(counters["by_path"]["/items/3"], 1);
    assert_eq!(target.requests(), 12);
}

#[test]
fn an_address_that_cannot_be_bound_is_named() {
    let target = start(1);
    let options = |http| TargetOptions { http, https: None, threads: 1, seed: 1 };
    let error = Target::start(options(target.http())).expect_err("it is taken");
    let text = error.to_string();
    assert!(text.contains(&target.http().expect("bound").to_string()), "{text}");
    assert!(text.contains("another port"), "{text}");
    assert!(matches!(Target::start(options(None)), Err(TargetError::NoAddress)));
}

#[test]
fn a_dropped_target_is_gone() {
    let target = start(2);
    let address = target.http().expect("bound");
    let wire = &mut Wire::open(&target);
    wire.get("/items");
    drop(target);
    assert!(wire.rest().is_ok_and(|rest| rest.is_empty()) || wire.byte().is_err());
    assert!(std::net::TcpStream::connect(address).is_err());
    let again = Target::start(TargetOptions { http: Some(address), ..local() });
    assert_eq!(again.expect("the port is free").http(), Some(address));
}
