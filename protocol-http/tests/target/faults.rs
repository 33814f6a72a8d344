//! Faults ordered by the query, as HTTP/1.1.

use std::io::ErrorKind;
use std::time::Duration;

use crate::wire::{Wire, body_of, elapsed, request, start, status_of};

#[test]
fn a_delay_holds_the_reply_at_least_that_long() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    wire.get("/items");
    for (query, least) in [
        ("delay=30ms", 30),
        ("delay=uniform%2810ms%2C20ms%29", 10),
        ("delay=700ms", 700),
        ("delay=normal(50ms,1ms)", 40),
    ] {
        let (time, _) = elapsed(|| wire.get(&format!("/items?{query}")));
        // A reply may leave 20 µs early.
        assert!(time + Duration::from_micros(50) >= Duration::from_millis(least), "{query}: {time:?}");
        assert!(time < Duration::from_millis(least + 2_000), "{query}: {time:?}");
    }
}

#[test]
fn a_share_of_the_replies_has_the_status() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let failed = (0..1_000).filter(|_| wire.status("GET", "/items?status=503&share=30%25") == 503).count();
    assert!((200..400).contains(&failed), "{failed}");
}

#[test]
fn a_wrong_fault_is_refused_with_words() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let (head, body) = wire.get("/items?delay=soon");
    assert_eq!(status_of(&head), 400);
    assert!(body.contains("uniform(1ms,9ms)"), "{body}");
    assert_eq!(wire.status("GET", "/items?page=2"), 200);
}

#[test]
fn a_reset_is_one_and_a_close_is_an_end() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    wire.get("/items");
    wire.send(&request("GET", "/items?reset", "", ""));
    assert_eq!(wire.rest().expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let wire = &mut Wire::open(&target);
    wire.send(&request("POST", "/cart?close", "", "{}"));
    assert_eq!(wire.rest().expect("an end"), b"");
}

#[test]
fn a_half_closed_reply_has_half_its_body() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    wire.send(&request("GET", "/bytes/200000?half_close", "", ""));
    assert!(wire.head().contains("content-length: 200000"));
    assert_eq!(wire.rest().expect("an end").len(), 100_000);
}

#[test]
fn a_slow_body_takes_its_time() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    for path in
        ["/items?slow_body=300ms", "/bytes/1000000?slow_body=300ms", "/bytes/2?chunked&slow_body=300ms"]
    {
        wire.send(&request("GET", path, "", ""));
        let ((time, body), head_time) = {
            let (head_time, head) = elapsed(|| wire.head());
            (elapsed(|| body_of(wire, &head)), head_time)
        };
        assert!(head_time + time >= Duration::from_millis(295), "{path}: {head_time:?} and {time:?}");
        assert!(time > Duration::from_millis(150), "the head came too late for {path}: {head_time:?}");
        assert!(!body.is_empty());
    }
}

#[test]
fn no_reply_is_none() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    wire.send(&request("GET", "/items?no_reply", "", ""));
    wire.wait_at_most(Duration::from_millis(200));
    let error = wire.rest().expect_err("silence");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
}
