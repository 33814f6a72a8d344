//! Every step against the npm package ws and Python's websockets.

use super::servers::{Maker, Server};
use super::{run, run_with};

const BOTH: [Maker; 2] = [Maker::Node, Maker::Python];

/// Users of one scenario `main`, with these settings and steps.
fn plan(settings: &str, steps: &str) -> String {
    format!(
        "target: TARGET\nws: {{timeout: 10s{settings}}}\nscenarios:\n  main:\n    load: {{users: 4, iterations: 5}}\n    steps:\n{steps}"
    )
}

#[test]
fn all_steps_against_both() {
    let steps = r#"
      - ws: connect /echo
        check: status == 101
      - ws: {request: {text: "hello {{user.id}} ü"}}
        check: ["body == 'hello {{user.id}} ü'", message type == text]
      - ws: {request: {json: {id: "{{random.uuid}}", n: 1}}, match: json $.id}
        name: by key
        check: json $.n == 1
      - ws: {request: {size: 300kb}}
        name: big
        check: [size == 300000, message type == binary]
      - ws: {request: {text: "in five frames", fragments: 5}}
        name: fragments
        check: body == "in five frames"
      - ws: {send: {hex: 00ff00ff}}
      - ws: {receive: true, timeout: 5s}
        check: size == 4
      - ws: ping
      - ws: {close: {code: 4005, reason: done}}
        check: close code == 4005
"#;
    for maker in BOTH {
        let Some(server) = Server::start("all_steps_against_both", maker) else { return };
        let ran = run(&server.url(), &plan("", steps));
        ran.assert_clean(&format!("{maker:?}"));
        let connections = &ran.main()["connections"];
        assert_eq!(connections["opened"], connections["closed"], "{maker:?}\n{}", ran.stdout);
        for step in ["connect /echo", "by key", "big", "fragments", "send", "receive", "ping", "close"] {
            let name = if step == "connect /echo" { "connect" } else { step };
            assert_eq!(ran.step(name)["requests"], 20, "{maker:?} {name}\n{}", ran.stdout);
        }
    }
}

#[test]
fn a_server_closes_with_its_code_and_the_client_with_its_own() {
    for maker in BOTH {
        let Some(server) = Server::start("a_server_closes_with_its_code", maker) else { return };
        let path = "/close?code=4321&reason=that%20is%20it";
        let steps = match maker {
            // After an answer, and at once after the first message.
            Maker::Node => format!(
                "      - ws: connect {path}&after=1\n      - ws: request hello\n      - ws: receive\n"
            ),
            _ => format!("      - ws: connect {path}\n      - ws: send hello\n      - ws: receive\n"),
        };
        let ran = run(&server.url(), &plan("", &steps));
        assert_eq!(ran.step("receive")["failures"]["by_kind"]["goaway"], 20, "{maker:?}\n{}", ran.stdout);
        assert!(ran.stdout.contains("that is it"), "the reason is told: {}", ran.stdout);
        assert_eq!(ran.sum("ws.close_4xxx"), 20.0, "{maker:?}\n{}", ran.stdout);
        // Whoever expects it checks it.
        let steps = format!("{steps}        check: status == 4321\n");
        run(&server.url(), &plan("", &steps)).assert_clean(&format!("{maker:?}, checked"));
    }
}

#[test]
fn an_upgrade_that_is_refused_is_told_with_its_status() {
    for maker in BOTH {
        let Some(server) = Server::start("an_upgrade_that_is_refused", maker) else { return };
        let ran = run(&server.url(), &plan("", "      - ws: connect /private\n"));
        assert_eq!(ran.kinds(), ["status_4xx"], "{maker:?}\n{}", ran.stdout);
        assert!(ran.stdout.contains("401"), "{}", ran.stdout);
        let checked = plan(
            "",
            "      - ws: connect /private\n        check: [status == 401, body contains \"no token\"]\n",
        );
        run(&server.url(), &checked).assert_clean(&format!("{maker:?}: the refusal's body"));
        let allowed = plan(", bearer: secret", "      - ws: connect /private\n      - ws: request hello\n");
        run(&server.url(), &allowed).assert_clean(&format!("{maker:?}: with the token"));
        let ran = run(&server.url(), &plan("", "      - ws: connect /nowhere\n"));
        assert_eq!(ran.kinds(), ["status_4xx"], "{maker:?}\n{}", ran.stdout);
    }
}

#[test]
fn redirects_are_followed_when_they_may() {
    for maker in BOTH {
        let Some(server) = Server::start("redirects_are_followed_when_they_may", maker) else { return };
        let ran = run(&server.url(), &plan("", "      - ws: connect /moved\n"));
        assert_eq!(ran.kinds(), ["status"], "{maker:?}\n{}", ran.stdout);
        let ran = run(
            &server.url(),
            &plan(", redirects: 1", "      - ws: connect /moved\n      - ws: request hello\n"),
        );
        ran.assert_clean(&format!("{maker:?}"));
    }
}

#[test]
fn headers_cookies_and_subprotocols_arrive() {
    let Some(server) = Server::start("headers_cookies_and_subprotocols_arrive", Maker::Node) else { return };
    let settings = ", subprotocols: [chat.v1, chat.v2], origin: 'https://shop.test', headers: {x-tenant: 't{{user.id}}'}, cookies: {session: abc}";
    let steps = r#"
      - ws: connect /protocols
        check: header sec-websocket-protocol == chat.v2
      - ws: receive
        check:
          - json $.protocol == "chat.v2"
          - json $.headers.origin == "https://shop.test"
          - json $.headers['x-tenant'] == t{{user.id}}
          - json $.headers.cookie == "session=abc"
"#;
    run(&server.url(), &plan(settings, steps)).assert_clean("as asked");
    // ws refuses nobody over a subprotocol: it names none, and that is not what was asked for.
    let ran = run(&server.url(), &plan(", subprotocols: [soap]", "      - ws: connect /protocols\n"));
    assert_eq!(ran.kinds(), ["protocol"], "{}", ran.stdout);
}

#[test]
fn fragments_of_a_server_are_one_message() {
    let Some(server) = Server::start("fragments_of_a_server_are_one_message", Maker::Node) else { return };
    let steps = "      - ws: connect /echo?fragments=7\n      - ws: {request: {size: 100kb}}\n        check: size == 100000\n      - ws: request äöüß€ in pieces\n        check: body == \"äöüß€ in pieces\"\n";
    run(&server.url(), &plan("", steps)).assert_clean("fragments");
}

#[test]
fn a_message_that_is_too_long_for_one_side() {
    for maker in BOTH {
        let Some(server) = Server::start("a_message_that_is_too_long_for_one_side", maker) else { return };
        let steps = "      - ws: connect /echo\n      - ws: {request: {size: 20kb}}\n";
        let ran = run(&server.url(), &plan(", max_message: 10kb", steps));
        assert_eq!(ran.kinds(), ["too_large"], "{maker:?}\n{}", ran.stdout);
        // The server takes 16 MB.
        let steps = "      - ws: connect /echo\n      - ws: {request: {size: 17mb}}\n";
        let one = plan("", steps).replace("users: 4, iterations: 5", "users: 1, iterations: 1");
        let ran = run(&server.url(), &one);
        let kinds = ran.kinds();
        // It closes with 1009, or hangs up while more is coming.
        assert!(
            kinds.iter().all(|kind| ["goaway", "closed", "reset"].contains(kind)),
            "{maker:?} {kinds:?}\n{}",
            ran.stdout
        );
        assert_eq!(kinds.len(), 1, "{maker:?}\n{}", ran.stdout);
    }
}

#[test]
fn tls_with_a_ca_of_ones_own() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    for maker in BOTH {
        let Some(server) = Server::start_tls("tls_with_a_ca_of_ones_own", maker, &certificate, &key) else {
            return;
        };
        let steps = "      - ws: connect /echo\n      - ws: request hello\n";
        let trusting =
            format!("tls: {{ca: ['{}'], roots: none}}\n{}", certificate.display(), plan("", steps));
        run(&server.url(), &trusting).assert_clean(&format!("{maker:?}"));
        let ran = run(&server.url(), &plan("", steps));
        assert!(ran.kinds().contains(&"certificate"), "{maker:?}\n{}", ran.stdout);
    }
}

#[test]
fn a_room_of_another_maker_is_heard_in_order() {
    for maker in BOTH {
        let Some(server) = Server::start("a_room_of_another_maker_is_heard_in_order", maker) else { return };
        let plan = "target: TARGET\nscenarios:\n  main:\n    load: {users: 8, for: 3s}\n    ws: {path: /room/hall, feed: {time: json $.at, sequence: json $.seq, stream: json $.from}}\n    steps:\n      - ws: connect\n      - stay: true\n  speakers:\n    start_after: 1s\n    load: {users: 2, for: 1s}\n    iteration_every: 20ms\n    ws: {path: /room/hall}\n    steps:\n      - once: [{ws: connect}]\n      - ws: {send: {json: {seq: '{{iteration | raw}}', at: '{{now | raw}}', from: 's{{user.id}}'}}}\n";
        let ran = run_with(&server.url(), plan, &[]);
        assert_eq!(ran.main()["failures"]["total"], 0, "{maker:?}\n{}", ran.stdout);
        for metric in ["ws.lost", "ws.duplicated", "ws.reordered", "ws.unaudited"] {
            assert_eq!(ran.sum(metric), 0.0, "{maker:?} {metric}\n{}", ran.stdout);
        }
        let sent =
            ran.summary["scenarios"]["speakers"]["steps"]["send"]["requests"].as_f64().expect("a number");
        assert_eq!(ran.sum("ws.received_text"), sent * 8.0, "{maker:?}\n{}", ran.stdout);
    }
}
