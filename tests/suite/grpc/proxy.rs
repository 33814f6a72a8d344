//! nginx between Prony and two backends, and two backends without a proxy: whose share is whose.

use super::run;
use super::servers::Shop;
use crate::proxies::nginx;

const PLAN: &str = "
grpc: {proto: [PROTOS/prony/demo/v1/shop.proto], imports: [PROTOS]MORE}
scenarios:
  main:
    load: {users: 4, iterations: 50}
    steps:
      - grpc: {call: prony.demo.v1.Shop/Echo, data: {text: hello}}
        check: \"json $.text == hello\"
      - name: chat
        grpc: {call: prony.demo.v1.Shop/Chat, data: {key: a}, count: 5, in_flight: 1}
        check: messages count == 5
";

#[test]
fn nginx_passes_calls_and_streams_to_two_backends() {
    let test = "nginx_passes_calls_and_streams_to_two_backends";
    let (Some(first), Some(second)) = (Shop::python(test, None), Shop::node(test, None)) else { return };
    let started = nginx(test, |port| {
        let [first, second] = [first.port(), second.port()];
        format!(
            "upstream shops {{ server 127.0.0.1:{first}; server 127.0.0.1:{second}; keepalive 16; }}\nserver {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://shops; }} }}"
        )
    });
    let Some((_nginx, port, _folder)) = started else { return };
    let ran =
        run(&format!("grpc://127.0.0.1:{port}"), &format!("target: TARGET{}", PLAN.replace("MORE", "")));
    assert_eq!(ran.main()["requests"], 400, "{}", ran.stdout);
    assert_eq!(ran.main()["failures"]["total"], 0, "{}", ran.stdout);
    // Both are gone: nginx answers with an HTTP status, which is a status of gRPC's by its rules.
    drop((first, second));
    let ran =
        run(&format!("grpc://127.0.0.1:{port}"), &format!("target: TARGET{}", PLAN.replace("MORE", "")));
    let failures = ran.failures();
    assert_eq!(failures["status_5xx"], 400, "{}", ran.stdout);
    assert!(ran.stdout.contains("502"), "the HTTP status is told: {}", ran.stdout);
}

#[test]
fn calls_go_round_two_backends_and_shares_are_told() {
    let test = "calls_go_round_two_backends_and_shares_are_told";
    let (Some(first), Some(second)) = (Shop::python(test, None), Shop::node(test, None)) else { return };
    let more = format!(", targets: ['{}', '{}'], balance: round_robin", first.url(), second.url());
    let ran = run("", &PLAN.replace("MORE", &more));
    assert_eq!(ran.main()["failures"]["total"], 0, "{}", ran.stdout);
    let metrics = ran.main()["metrics"].as_object().expect("metrics");
    let shares: Vec<f64> = [first.port(), second.port()]
        .iter()
        .map(|port| {
            let of_backend = metrics.iter().filter(|(name, _)| name.ends_with(&format!("_{port}")));
            of_backend.filter_map(|(_, figures)| figures["sum"].as_f64()).sum()
        })
        .collect();
    assert_eq!(shares, [200.0, 200.0], "{}", ran.stdout);
}
