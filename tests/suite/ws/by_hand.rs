//! `prony ws URL`: load from flags.

use crate::binary::{Prony, Served};

fn ws(arguments: &[&str]) -> (i32, String, String) {
    let finished = Prony::with(&[&["ws"], arguments].concat()).finish();
    (finished.exit_code(), finished.stdout, finished.stderr)
}

#[test]
fn load_from_flags() {
    let served = Served::with_websocket();
    let echo = format!("{}/echo", served.ws());
    for flags in [
        &["--message", "{\"id\": \"{{random.uuid}}\"}", "--match", "json $.id", "--every", "100ms"][..],
        &["--message", "hello", "--check", "body == hello"],
        &["--size", "2kb", "--no-answer", "--new-connections"],
    ] {
        let fixed = [&echo, "--users", "5", "--for", "1s", "--threshold", "failures.count == 0"];
        let (code, shown, told) = ws(&[&fixed, flags].concat());
        // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
        assert!(matches!(code, 0 | 4), "{flags:?}\n{shown}{told}");
    }
    let feed = format!("{}/feed?rate=100", served.ws());
    let flags =
        ["--users", "3", "--for", "1s", "--sequence", "json $.seq", "--time", "json $.at", "--unit", "us"];
    let (code, shown, told) = ws(&[&[&feed[..]], &flags[..], &["--threshold", "ws.lost == 0"]].concat());
    assert!(matches!(code, 0 | 4) && shown.contains("push"), "{shown}{told}");
    let (code, shown, _) = ws(&[&echo, "--message", "x", "--print-plan"]);
    assert!(code == 0 && shown.contains("request:") && shown.contains("once:"), "{shown}");
}

#[test]
fn what_is_typed_wrongly_is_told() {
    for (arguments, told) in [
        (&["http://127.0.0.1:1/echo"][..], "did you mean `ws://127.0.0.1:1/echo`"),
        (&["ws://127.0.0.1:1/", "--size", "many"], "a size"),
        (&["ws://127.0.0.1:1/", "--message", "x", "--match", "xpath /a"], "json PATH"),
        (&["ws://127.0.0.1:1/", "--message", "x", "--subprotocol", "a b"], "subprotocol"),
        (&["ws://127.0.0.1:1/", "--unit", "ms"], "--time"),
        (&["ws://127.0.0.1:1/", "--match", "json $.id"], "`--match` without a message"),
        (&["ws://127.0.0.1:1/", "--check", "status == 0"], "`--check` without a message"),
        (&["ws://127.0.0.1:1/", "--every", "1s"], "`--every` without a message"),
        (&["ws://127.0.0.1:1/", "--no-answer"], "`--no-answer` without a message"),
        (&["ws://127.0.0.1:1/", "--fragments", "2"], "`--fragments` without a message"),
    ] {
        let (code, _, stderr) = ws(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}
