//! `prony grpc`: load from flags, and looking at a server by hand.

use crate::binary::{Prony, Served};

fn grpc(arguments: &[&str]) -> (i32, String, String) {
    let finished = Prony::with(&[&["grpc"], arguments].concat()).finish();
    (finished.exit_code(), finished.stdout, finished.stderr)
}

#[test]
fn a_server_is_looked_at_by_hand() {
    let served = Served::with_grpc();
    let at = served.grpc().trim_start_matches("grpc://").to_owned();
    let (code, listed, _) = grpc(&["list", &at]);
    assert_eq!(code, 0, "{listed}");
    assert!(listed.lines().any(|line| line == "prony.demo.v1.Shop"), "{listed}");
    let (_, listed, _) = grpc(&["list", &at, "prony.demo.v1.Shop"]);
    assert!(listed.lines().any(|line| line == "prony.demo.v1.Shop/GetItem"), "{listed}");
    let (code, shown, _) = grpc(&["describe", &at, "prony.demo.v1.Shop/AddItem"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("rpc AddItem") && shown.contains("\"quantity\""), "{shown}");
    let (_, shown, _) = grpc(&["describe", &at, "prony.demo.v1.OrderState"]);
    assert!(shown.contains("enum OrderState"), "{shown}");
    let (code, answer, _) = grpc(&["call", &at, "prony.demo.v1.Shop/GetItem", "--data", r#"{"id": 7}"#]);
    assert_eq!(code, 0, "{answer}");
    assert!(answer.contains("\"name\": \"Item 7\""), "{answer}");
    let (code, _, told) = grpc(&["call", &at, "prony.demo.v1.Shop/GetItem"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("NOT_FOUND") && told.contains("no item 0"), "{told}");
    let (_, answers, _) =
        grpc(&["call", &at, "prony.demo.v1.Shop/Chat", "--data", r#"[{"key": "a"}, {"key": "b"}]"#]);
    assert_eq!(answers.matches("\"sequence\"").count(), 2, "{answers}");
}

#[test]
fn what_is_typed_wrongly_is_told() {
    let served = Served::with_grpc();
    let at = served.grpc().to_owned();
    for (arguments, told) in [
        (vec!["call", &at, "prony.demo.v1.Shop/GetItm"], "GetItem"),
        (vec!["call", &at, "prony.demo.v1.Shp/GetItem"], "prony.demo.v1.Shop"),
        (vec!["call", &at, "prony.demo.v1.Shop/GetItem", "--data", r#"{"idd": 7}"#], "idd"),
        (vec!["call", &at, "prony.demo.v1.Shop/GetItem", "--data", "{id: 7}"], "expected JSON"),
        (vec!["list", "127.0.0.1:9"], "127.0.0.1:9"),
        (vec!["list", "127.0.0.1"], "with its port"),
        (vec![&at, "prony.demo.v1.Shop/GetItem", "--data", r#"{"idd": 7}"#, "-n", "1"], "idd"),
    ] {
        let (code, _, stderr) = grpc(&arguments);
        assert!(code == 2 || code == 3, "{arguments:?}: {code} {stderr}");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}

#[test]
fn load_from_flags() {
    let served = Served::with_grpc();
    let (code, shown, told) = grpc(&[
        served.grpc(),
        "prony.demo.v1.Shop/GetItem",
        "--data",
        r#"{"id": "{{random.int 1 100}}"}"#,
        "--rate",
        "200",
        "--for",
        "1s",
        "--connections",
        "2",
        "--check",
        "json $.tags[0] == demo",
        "--threshold",
        "failures.rate == 0%",
    ]);
    // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
    assert!(matches!(code, 0 | 4), "{shown}{told}");
    assert!(shown.contains("200"), "{shown}");
}
