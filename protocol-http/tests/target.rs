//! The embedded target, spoken to over plain sockets: every path, every fault, every control call.

mod wire;

use std::io::ErrorKind;
use std::time::Duration;

use prony_http::demo::{Target, TargetError, TargetOptions};
use wire::{Wire, body_of, elapsed, json_of, local, request, start, status_of};

#[test]
fn the_shop_answers_each_path() {
    let target = start(2);
    let wire = &mut Wire::open(&target);
    assert!(wire.get("/").1.starts_with("Prony"));
    let items = json_of(&wire.get("/items"));
    assert_eq!(items["items"][0]["id"], 1);
    let item = json_of(&wire.get("/items/4711"));
    assert_eq!(item["id"], 4711);
    assert!(item["name"].is_string() && item["price"].is_f64(), "{item}");
    for path in ["/items/0", "/items/-1", "/items/x", "/nowhere"] {
        assert_eq!(wire.status("GET", path), 404, "{path}");
    }
    let unknown = json_of(&wire.get("/nowhere"));
    assert!(unknown["paths"].as_array().expect("a list").contains(&"GET /items/{id}".into()), "{unknown}");
    assert_eq!(wire.status("DELETE", "/items"), 405);
}

#[test]
fn the_cart_takes_json_and_nothing_else() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let (head, body) = wire.call(&request("POST", "/cart", "", "{\"item_id\": 7}"));
    assert_eq!((status_of(&head), json_of(&(head, body))["item_id"].clone()), (201, 7.into()));
    let (head, body) = wire.call(&request("POST", "/cart", "", "item 7"));
    assert_eq!(status_of(&head), 400);
    assert!(body.contains("item_id"), "{body}");
}

#[test]
fn a_login_gives_a_token_and_a_cookie_that_open_the_door() {
    let target = start(2);
    let wire = &mut Wire::open(&target);
    let answer = wire.call(&request("POST", "/login", "", r#"{"user":"ada","password":"x"}"#));
    let token = json_of(&answer)["token"].as_str().expect("a token").to_owned();
    assert!(answer.0.contains(&format!("set-cookie: session={token};")), "{}", answer.0);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let by_form = wire.call(&request("POST", "/login", form, "user=ada&password=x%26y"));
    assert_eq!(json_of(&by_form)["token"], token.as_str());
    for body in ["", r#"{"user":"ada"}"#, r#"{"user":"ada","password":""}"#] {
        assert_eq!(status_of(&wire.call(&request("POST", "/login", "", body)).0), 401, "{body}");
    }
    for header in [
        format!("authorization: Bearer {token}\r\n"),
        format!("cookie: a=b; session={token}\r\n"),
        // ada:x
        "authorization: Basic YWRhOng=\r\n".to_owned(),
    ] {
        let answer = wire.call(&request("GET", "/me", &header, ""));
        assert_eq!(json_of(&answer)["user"], "ada", "{header}");
    }
    for header in ["", "authorization: Bearer made.up\r\n", "cookie: session=1\r\n"] {
        assert_eq!(status_of(&wire.call(&request("GET", "/me", header, "")).0), 401, "{header}");
    }
}

#[test]
fn an_echo_tells_what_came() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let echo = json_of(&wire.call(&request("PUT", "/echo?a=1&b=2", "x-one: 1\r\nx-one: 2\r\n", "hello")));
    assert_eq!(echo["method"], "PUT");
    assert_eq!((&echo["path"], &echo["query"]), (&"/echo".into(), &"a=1&b=2".into()));
    assert_eq!(echo["headers"]["x-one"], serde_json::json!(["1", "2"]));
    assert_eq!(echo["body"], "hello");
}

#[test]
fn bodies_have_the_length_asked_for_in_either_framing() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let (head, body) = wire.get("/bytes/300000");
    assert!(head.contains("content-length: 300000"), "{head}");
    assert_eq!(body.len(), 300_000);
    let (head, body) = wire.get("/bytes/300000?chunked");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body.len(), 300_000);
    assert_eq!(wire.get("/bytes/0?chunked").1.len(), 0);
    assert_eq!(wire.get("/bytes/0").1.len(), 0);
    assert_eq!(wire.status("GET", "/bytes/100000000001"), 400);
    // A hundred gigabytes begin at once; nobody waits for the rest.
    wire.send(&request("GET", "/bytes/100000000000", "", ""));
    assert!(wire.head().contains("content-length: 100000000000"));
}

#[test]
fn statuses_redirects_codings_and_headers_come_as_ordered() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    for code in [200, 204, 304, 404, 503] {
        assert_eq!(wire.status("POST", &format!("/status/{code}")), code);
    }
    assert_eq!(wire.status("GET", "/status/99"), 400);
    let (head, _) = wire.get("/redirect/2");
    assert!(head.starts_with("HTTP/1.1 302") && head.contains("location: /redirect/1\r\n"), "{head}");
    assert_eq!(wire.status("GET", "/redirect/0"), 200);
    for coding in ["gzip", "br", "zstd"] {
        let (head, body) = wire.get_bytes(&format!("/{coding}"));
        assert!(head.contains(&format!("content-encoding: {coding}\r\n")), "{head}");
        let mut text = String::new();
        let decoded = match coding {
            "gzip" => std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text),
            "br" => std::io::Read::read_to_string(&mut brotli::Decompressor::new(&body[..], 4096), &mut text),
            _ => {
                let mut decoder = zstd::stream::read::Decoder::new(&body[..]).expect("zstd");
                std::io::Read::read_to_string(&mut decoder, &mut text)
            }
        };
        decoded.expect("decodes");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["coding"], coding);
        assert!(body.len() < text.len() / 2);
    }
    let (head, _) = wire.get("/headers/1000000");
    assert_eq!(head.matches('x').count(), 1_000_001 + head.matches("x-fill").count() - 1);
    let (head, _) = wire.get("/headers/1001?count=10");
    let values: Vec<usize> = head
        .lines()
        .filter(|line| line.starts_with("x-fill-"))
        .map(|line| line.split_once(": ").expect("a header").1.len())
        .collect();
    assert_eq!((values.len(), values.iter().sum::<usize>()), (10, 1001));
}

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
