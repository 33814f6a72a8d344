//! Streams that stay open across steps, against grpcio and grpc-js: a user listens while it does something else.

use super::{run, servers::all as servers};

/// Every iteration says something on the stream that its user opened once, and hears the answer to just that.
#[test]
fn a_stream_stays_open_while_its_user_calls_and_is_answered_by_key() {
    let test = "a_stream_stays_open_while_its_user_calls_and_is_answered_by_key";
    for (who, shop) in servers(test) {
        let plan = r#"
target: TARGET
scenarios:
  main:
    load: {users: 3, iterations: 4}
    steps:
      - once:
          - grpc: {open: prony.demo.v1.Shop/Chat, as: chat, key: key}
            name: chat
      - grpc: {send: chat, data: {key: "{{user.id}}-{{iteration}}", hold: 1}}
        name: asked
      - grpc: {call: prony.demo.v1.Shop/GetItem, data: {id: 7}}
        name: beside
        capture: {item: json $.name}
      - grpc: {send: chat, data: {key: "{{item}}"}}
        name: lets go
      - grpc: {receive: chat, timeout: 20s}
        name: answered
        where: json $.key == {{user.id}}-{{iteration}}
        since: asked
      - grpc: {receive: chat, timeout: 20s}
        name: the other
        check: json $.key == Item 7
thresholds:
  - failures.count == 0
  - main / message chat: response_time.p99 < 1m
  - grpc.messages_dropped == 0
"#;
        let ran = run(&shop.url(), plan);
        assert!(matches!(ran.code, 0 | 4), "{who}: {}", ran.stdout);
        let steps = &ran.main()["steps"];
        for step in ["asked", "beside", "answered", "the other"] {
            assert_eq!(steps[step]["requests"], 12, "{who} {step}: {}", ran.stdout);
        }
        // The users' streams are cancelled when they go, which is no failure.
        assert_eq!(steps["chat"]["requests"], 3, "{who}: {}", ran.stdout);
        assert_eq!(ran.main()["metrics"]["grpc.client_CANCELLED"]["sum"], 3.0, "{who}: {}", ran.stdout);
        let timed = &ran.main()["deliveries"]["message chat"]["response_time_us"]["count"];
        assert_eq!(*timed, 24, "{who}: {}", ran.stdout);
    }
}

#[test]
fn streams_of_the_other_kinds_stay_open_and_end_as_they_should() {
    let test = "streams_of_the_other_kinds_stay_open_and_end_as_they_should";
    for (who, shop) in servers(test) {
        let plan = r#"
target: TARGET
grpc: {connections: {shared: 1}}
scenarios:
  main:
    load: {users: 2, iterations: 3}
    steps:
      - grpc: {open: prony.demo.v1.Shop/Watch, as: events, data: {count: 20, interval_us: 1000}}
        name: events
      - grpc: {open: prony.demo.v1.Shop/Upload, as: upload, data: {data: aGVsbG8=}}
        name: upload
      - grpc: {receive: events, count: 5}
        name: five
        check: [json $.sequence == 5, messages count == 5]
      - grpc: {send: upload, data: {data: aGVsbG8=}}
        name: more
      - grpc: {close: upload}
        name: counted
        check: [status == 0, json $.messages == 2, json $.bytes == 10]
      - grpc: {close: events}
        name: all
        check: [status == 0, messages count == 20, json $.sequence == 20]
      - grpc: {open: prony.demo.v1.Shop/Watch, as: events, data: {size: 99000000}}
        name: too much
      - grpc: {close: events}
        name: refused
        check: status == 3
      - grpc: {open: prony.demo.v1.Shop/Watch, as: events, data: {interval_us: 1000}}
        name: endless
      - grpc: {receive: events, count: 3}
        name: three
      - grpc: {cancel: events}
        name: enough
"#;
        let ran = run(&shop.url(), plan);
        assert!(matches!(ran.code, 0 | 4), "{who}: {}", ran.stdout);
        assert_eq!(ran.main()["failures"]["total"], 0, "{who}: {}", ran.stdout);
        assert_eq!(ran.main()["requests"], 6 * 11, "{who}: {}", ran.stdout);
        let broken = ran.main()["checks"].as_array().into_iter().flatten();
        assert!(
            broken.into_iter().all(|check| check["passed"] == check["evaluated"]),
            "{who}: {}",
            ran.stdout
        );
    }
}
