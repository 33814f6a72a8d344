//! Everything that a plan can say, against grpcio and grpc-js: what Prony reports is what was asked for.

use serde_json::Value as Json;

use super::servers::{Shop, Tls, all as servers};
use super::{Ran, run};
use crate::servers::{Authority, Valid};

fn assert_clean(who: &str, ran: &Ran, requests: u64) {
    let main = ran.main();
    assert_eq!(main["requests"], requests, "{who}: {}", ran.stdout);
    assert_eq!(main["failures"]["total"], 0, "{who}: {}", ran.stdout);
    let broken = main["checks"].as_array().into_iter().flatten();
    let broken: Vec<&Json> = broken.filter(|check| check["passed"] != check["evaluated"]).collect();
    assert!(broken.is_empty(), "{who}: {broken:?}\n{}", ran.stdout);
    // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
    assert!(matches!(ran.code, 0 | 4), "{who}: {}", ran.stdout);
}

const CHAIN: &str = r#"
scenarios:
  main:
    load: {users: 4, iterations: 25}
    steps:
      - grpc: {call: prony.demo.v1.Shop/GetItem, data: {id: "{{random.int 1 1000}}"}}
        capture: {item: "json $.id"}
        check: [status == 0, "json $.tags[0] == demo", "messages count == 1"]
      - grpc: {call: prony.demo.v1.Shop/AddItem, data: {item_id: "{{item}}", quantity: 3}}
        capture: {order: "json $.orderId"}
      - grpc: {call: prony.demo.v1.Shop/PlaceOrder, data: {orderId: "{{order}}"}}
        check: ["json $.state == ORDER_STATE_PLACED", "json $.quantity == 3"]
"#;

#[test]
fn a_chain_of_calls_runs_by_reflection_and_by_files() {
    let test = "a_chain_of_calls_runs_by_reflection_and_by_files";
    for (who, shop) in servers(test) {
        let top = "target: TARGET\ngrpc: {proto: [PROTOS/prony/demo/v1/shop.proto], imports: [PROTOS]}";
        assert_clean(who, &run(&shop.url(), &format!("{top}{CHAIN}")), 300);
        assert_clean(who, &run(&shop.url(), &format!("target: TARGET{CHAIN}")), 300);
        let shared = "target: TARGET\ngrpc: {connections: {shared: 2, streams: 10}, compression: gzip}";
        assert_clean(who, &run(&shop.url(), &format!("{shared}{CHAIN}")), 300);
    }
}

#[test]
fn streams_of_all_kinds_are_counted_and_timed_message_by_message() {
    let test = "streams_of_all_kinds_are_counted_and_timed_message_by_message";
    for (who, shop) in servers(test) {
        let plan = r#"
target: TARGET
scenarios:
  main:
    load: {users: 2, iterations: 5}
    steps:
      - name: watch
        grpc: {call: prony.demo.v1.Shop/Watch, data: {count: 20, interval_us: 1000, size: 10}}
        check: [status == 0, "messages count == 20", "json $.sequence == 20"]
      - name: first ten
        grpc: {call: prony.demo.v1.Shop/Watch, data: {interval_us: 500}, receive: 10}
        check: "messages count == 10"
      - name: upload
        grpc: {call: prony.demo.v1.Shop/Upload, data: {data: "cHJvbnk="}, count: 30, every: 1ms}
        check: ["json $.messages == 30", "json $.bytes == 150"]
      - name: in order
        grpc: {call: prony.demo.v1.Shop/Chat, data: {key: "{{random.int 1 9}}"}, count: 40, in_flight: 1}
        check: ["messages count == 40", "json $.sequence == 40"]
      - name: by key
        grpc:
          call: prony.demo.v1.Shop/Chat
          messages: [{key: a, hold: 2}, {key: b}, {key: c}, {key: d, hold: 1}, {key: e}]
          key: key
        check: "messages count == 5"
"#;
        let ran = run(&shop.url(), plan);
        assert_clean(who, &ran, 50);
        let main = ran.main();
        let deliveries = main["deliveries"].as_object().expect("deliveries");
        let timed = |part: &str| -> u64 {
            let found = deliveries.iter().filter(|(name, _)| name.starts_with(part));
            found.filter_map(|(_, figures)| figures["response_time_us"]["count"].as_u64()).sum()
        };
        // 10 streams each: 40 answers in order, 5 by key.
        assert_eq!(timed("message"), 10 * (40 + 5), "{who}: {}", ran.stdout);
        let metrics = &main["metrics"];
        assert_eq!(
            metrics["grpc.messages_received"]["sum"],
            f64::from(10 * (20 + 10 + 1 + 40 + 5)),
            "{who}: {}",
            ran.stdout
        );
    }
}

#[test]
fn statuses_metadata_and_deadlines_are_what_the_server_says() {
    let test = "statuses_metadata_and_deadlines_are_what_the_server_says";
    for (who, shop) in servers(test) {
        let plan = r#"
target: TARGET
grpc: {metadata: {x-run: "{{user.id}}"}}
scenarios:
  main:
    load: {users: 1, iterations: 10}
    steps:
      - name: nothing
        grpc: {call: prony.demo.v1.Shop/GetItem}
      - name: nothing, expected
        grpc: {call: prony.demo.v1.Shop/GetItem, data: {id: 0}}
        check: status == 5
      - name: metadata
        grpc: {call: prony.demo.v1.Shop/Echo, data: {text: "grüße"}, metadata: {trailer-note: later, x-key-bin: AAEC}}
        check: ["metadata x-run == 0", "trailer trailer-note == later", "metadata x-key-bin == AAEC", "json $.text == grüße"]
      - name: large
        grpc: {call: prony.demo.v1.Shop/Echo, data: {reply_size: 314159}}
        check: status == 0
      - name: too large
        grpc: {call: prony.demo.v1.Shop/Echo, data: {reply_size: 5000000}}
      - name: too late
        grpc: {call: prony.demo.v1.Shop/Watch, data: {count: 3, interval_us: 2000000}, timeout: 50ms}
      - name: cancelled
        grpc: {call: prony.demo.v1.Shop/Watch, data: {interval_us: 1000}, cancel: {after: 20ms}}
"#;
        let ran = run(&shop.url(), plan);
        let steps = &ran.main()["steps"];
        assert_eq!(steps["nothing"]["failures"]["by_kind"]["status"], 10, "{who}: {}", ran.stdout);
        for good in ["nothing, expected", "metadata", "large", "cancelled"] {
            assert_eq!(steps[good]["failures"]["total"], 0, "{who} {good}: {}", ran.stdout);
        }
        assert_eq!(steps["too large"]["failures"]["by_kind"]["too_large"], 10, "{who}: {}", ran.stdout);
        // The server may say it first: then it is a status of the server's.
        let late = &steps["too late"]["failures"];
        assert_eq!(late["total"], 10, "{who}: {}", ran.stdout);
        let kinds: Vec<&String> = late["by_kind"].as_object().expect("kinds").keys().collect();
        assert!(kinds.iter().all(|kind| matches!(kind.as_str(), "timeout" | "status")), "{who}: {kinds:?}");
        assert!(ran.stdout.contains("no item 0"), "{who}: the server's own words: {}", ran.stdout);
    }
}

#[test]
fn an_unknown_method_and_health_are_told() {
    let test = "an_unknown_method_and_health_are_told";
    for (who, shop) in servers(test) {
        let plan = r#"
target: TARGET
grpc: {proto: [PROTOS/prony/demo/v1/control.proto], imports: [PROTOS]}
scenarios:
  main:
    load: {users: 1, iterations: 3}
    steps:
      - name: unimplemented
        grpc: {call: prony.demo.v1.Control/GetCounters}
        check: status == 12
      - name: healthy
        grpc: {health: prony.demo.v1.Shop}
"#;
        assert_clean(who, &run(&shop.url(), plan), 6);
    }
}

#[test]
fn tls_with_a_clients_certificate() {
    let test = "tls_with_a_clients_certificate";
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("The authority of the shops");
    let server = authority.identity("localhost", Valid::Now);
    let client = authority.identity("client", Valid::Now);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let ca = write("ca.pem", authority.pem());
    let (certificate, key) =
        (write("cert.pem", &server.certificate.pem()), write("key.pem", &server.key.serialize_pem()));
    let own = write("client.pem", &client.certificate.pem());
    let own_key = write("client.key", &client.key.serialize_pem());
    let tls = Tls { certificate: &certificate, key: &key, client_ca: Some(&ca) };
    let shops = [("grpcio", Shop::python(test, Some(&tls))), ("grpc-js", Shop::node(test, Some(&tls)))];
    for (who, shop) in shops {
        let Some(shop) = shop else { continue };
        let top = format!(
            "target: grpcs://localhost:{}\ntls: {{ca: {}, certificate: {}, key: {}}}",
            shop.port(),
            ca.display(),
            own.display(),
            own_key.display()
        );
        assert_clean(who, &run("", &format!("{top}{CHAIN}")), 300);
    }
}
