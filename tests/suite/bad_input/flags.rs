//! Flags and settings that make no sense, and addresses that are none.

use super::{LONGEST, assert_plan_refused, assert_refused, step, top};
use crate::binary::{Plan, Prony};

#[test]
fn flags_that_make_no_sense() {
    let (refused, broker) = ("http://127.0.0.1:9", "127.0.0.1:9");
    let full = tempfile::tempdir().expect("a folder");
    std::fs::write(full.path().join("summary.json"), "{}").expect("written");
    let full = full.path().to_string_lossy().into_owned();
    let try_help = "For more information, try '--help'";
    let plan = Plan::new(&step("http: GET /")).with_file("plan", step("http: GET /"));
    let plan_file = plan.path().with_extension("").to_string_lossy().into_owned();
    for (arguments, told) in [
        (
            &["http", refused, "--rate", "fast"][..],
            &["'fast' for '--rate", "expected a rate such as `500/s`", try_help][..],
        ),
        (&["http", refused, "--rate", "0"], &["expected a rate from 0.1/s to 200000/s"]),
        (&["http", refused, "--rate", "300000"], &["expected a rate from 0.1/s to 200000/s"]),
        (&["http", refused, "--rate=-5"], &["expected a rate such as"]),
        (&["http", refused, "--for", "soon"], &["'soon' for '--for", "expected a duration such as `250ms`"]),
        (&["http", refused, "--for", "0s"], &["expected more than no time"]),
        (&["http", refused, "--for=-1s"], &["expected a duration such as"]),
        (&["http", refused, "--users", "0"], &["0 is not in 1..=1000000"]),
        (
            &["http", refused, "--users", "3", "--rate", "5"],
            &["'--users <N>' cannot be used with '--rate <RATE>'"],
        ),
        (&["http", refused, "--requests", "0"], &["'0' for '--requests"]),
        (&["http", refused, "--requests", "5", "--for", "1s"], &["cannot be used with"]),
        (&["http", refused, "--arrivals", "poisson"], &["--rate <RATE>"]),
        (&["http", refused, "--rat", "5"], &["unexpected argument '--rat'", "'--rate'"]),
        (&["http", refused, "--http", "3"], &["possible values: auto, 1.1, 2"]),
        (&["http", refused, "--json", "{"], &["expected JSON"]),
        (&["http", refused, "--body", "a", "--json", "{}"], &["cannot be used with"]),
        (&["http", refused, "-H", "novalue"], &["expected `Name: value`"]),
        (&["http", refused, "--resolve", "a"], &["expected HOST:PORT:ADDRESS"]),
        (&["http", refused, "--cert", "a.pem"], &["--key <FILE>"]),
        (&["http", refused, "--threads", "0"], &["0 is not in 1..=1024"]),
        (&["http", refused, "--timeout", "soon"], &["found `soon`", "expected a duration such as"]),
        (&["http", refused, "--threshold", "x < 1"], &["unknown metric `x`"]),
        (&["http", refused, "--check", "x"], &["found `x`", "known here: status"]),
        (&["http", refused, "-X", "BAD METHOD"], &["`BAD METHOD` is no HTTP method"]),
        (
            &["http", "127.0.0.1:9"],
            &["expected a URL with http:// or https://", "did you mean `http://127.0.0.1:9`?"],
        ),
        (&["http", "http://127.0.0.1:port"], &["invalid port number"]),
        (
            &["http", refused, "-n", "1", "--out", &full],
            &["already holds a summary.json", "choose another folder"],
        ),
        (
            &["http", refused, "-n", "1", "--out", "/proc/nope"],
            &["/proc/nope cannot be made", "may write to"],
        ),
        (&["http", refused, "-n", "1", "--out", "/dev/null"], &["/dev/null cannot be made"]),
        (&["report", "/nope"], &["there is no folder /nope", "`--out`"]),
        (&["report", &full], &["has no `version`", "`--out`"]),
        (&["serve", "--http", "nowhere"], &["'nowhere' for '--http"]),
        (&["nosuch"], &["unrecognized subcommand 'nosuch'"]),
        (&["nosuch.yaml"], &["`nosuch.yaml` is no command", "did you mean `prony run nosuch.yaml`?"]),
        (&[&plan_file, "--quiet"], &["is no command", &format!("did you mean `prony run {plan_file}`?")]),
        (
            &["http", refused, "-n", "1", "--redirects", "99"],
            &["prony http:4:14: found `99`", "redirects: 99", "from 0 to 20"],
        ),
        (
            &["http", refused, "--warmup", "10s"],
            &["a warm-up of 10s in a load of 10s", "leaves nothing to measure"],
        ),
        (&["mqtt"], &["<TARGET>", "prony mqtt"]),
        (
            &["mqtt", broker, "--connect-rate", "fast"],
            &["'fast' for '--connect-rate", "expected a rate such as"],
        ),
        (&["mqtt", broker, "--devices", "0"], &["0 is not in 1..=1000000"]),
        (&["mqtt", broker, "--qos", "3"], &["3 is not in 0..=2"]),
        (&["mqtt", broker, "--publish-every", "0s"], &["expected more than no time"]),
        (&["mqtt", broker, "--topic", "t"], &["--publish-every <TIME>"]),
        (&["mqtt", broker, "--filter", "t"], &["--subscribers <M>"]),
        (&["mqtt", broker, "--publish-every", "1s", "--text", "a", "--size", "9"], &["cannot be used with"]),
        (&["mqtt", broker, "--publish-every", "1s", "--json", "{"], &["expected JSON"]),
        (&["mqtt", broker, "--mqtt", "4"], &["possible values: 3.1.1, 5"]),
        (&["mqtt", broker, "--disconnect", "30%"], &["expected SHARE@TIME, for example 30%@20s"]),
        (&["mqtt", broker, "--disconnect", "130%@1s"], &["more than 100%"]),
        (&["mqtt", broker, "--disconnect", "30%@soon"], &["expected SHARE@TIME", "expected a duration"]),
        (&["mqtt", broker, "--will-text", "a"], &["--will-topic <TOPIC>"]),
        (&["mqtt", broker, "--cert", "a.pem"], &["--key <FILE>"]),
        (&["mqtt", broker, "--password", "a"], &["prony mqtt:4:", "`password` without `username`"]),
        (
            &["mqtt", broker, "--session-expiry", "1m"],
            &["`session_expiry` with MQTT 3.1.1", "version: \"5\""],
        ),
        (&["mqtt", broker, "--keep-alive", "soon"], &["found `soon`", "expected a duration such as"]),
        (&["mqtt", broker, "--publish-every", "1s", "--topic", "a/+"], &["found `a/+`", "expected a topic"]),
        (&["mqtt", broker, "--subscribe", "a/#/b"], &["found `a/#/b`", "expected a topic filter"]),
        (&["mqtt", broker, "--publish-every", "1s", "--size", "big"], &["found `big`", "expected a size"]),
        (&["mqtt", broker, "--threshold", "mqtt.lots == 0"], &["unknown metric `mqtt.lots`", "did you mean"]),
        (&["mqtt", "http://127.0.0.1:9"], &["expected a broker such as `mqtt://broker.test:1883`"]),
        (&["mqtt", broker, "pub"], &["the subcommand 'pub' cannot be used with"]),
        (&["mqtt", "pub"], &["<TARGET>", "<TOPIC>"]),
        (&["mqtt", "sub", broker], &["<FILTER>"]),
        (&["mqtt", "pub", "https://127.0.0.1", "t", "a"], &["expected a broker such as"]),
        (&["mqtt", "sub", broker, "t", "--count", "0"], &["'0' for '--count"]),
        (&["run"], &["<PLAN>"]),
        (&["check"], &["<PLAN>"]),
        (&[], &["Usage: prony <COMMAND>"]),
    ] {
        assert_refused(&arguments.join(" "), &Prony::with(arguments).finish_within(LONGEST), 2, told);
    }
}

#[test]
fn warm_ups_that_leave_nothing() {
    for (load, warmup) in [
        ("{users: 1, for: 2s}", "2s"),
        ("{rate: 5/s, for: 2s}", "3s"),
        ("{stages: [{users: 1, over: 1s}, {users: 1, over: 1s}]}", "2s"),
        ("{users: 1, iterations: 5, at_most: 2s}", "2s"),
    ] {
        let plan = |top: &str, own: &str| {
            format!(
                "{top}\ntarget: http://127.0.0.1:9\nscenarios:\n  main:\n    {own}load: {load}\n    steps: [{{http: GET /}}]\n"
            )
        };
        let (nothing, main) = ("leaves nothing to measure", "the load of `main`");
        let everywhere = plan(&format!("warmup: {warmup}"), "");
        assert_plan_refused(&everywhere, &["plan.yaml:1:9: a warm-up of", "in a load of 2s", nothing, main]);
        let own = plan("name: a", &format!("warmup: {warmup}\n    "));
        assert_plan_refused(&own, &["plan.yaml:5:13: a warm-up of", "in a load of 2s", nothing, main]);
    }
}

#[test]
fn settings_of_what_is_not_there() {
    let plan = Plan::new(&step("http: GET /"));
    for (setting, told) in [
        ("nope=1", &["--set nope:1:1: unknown key `nope`", "did you mean"][..]),
        ("scenarios.mian.load.users=1", &["--set scenarios.mian.load.users"]),
        ("scenarios.main.load.users.x=1", &["the plan has `1` above `x`", "only maps and lists"]),
        ("scenarios.main.steps.9=1", &["`9` is no item", "items count from 0"]),
        ("scenarios.main.steps.x=1", &["`x` is no item"]),
        (
            "scenarios.main.load.users=many",
            &["--set scenarios.main.load.users:1:1: found `many`", "a whole number"],
        ),
        ("scenarios.main.load.users=[", &["--set scenarios.main.load.users:1:2: not valid YAML"]),
        ("novalue", &["expected PATH=VALUE, for example scenarios.browse.load.for=10s"]),
        ("=1", &["expected PATH=VALUE"]),
    ] {
        let run = Prony::run(&plan).arguments(&["--set", setting]).finish_within(LONGEST);
        assert_refused(setting, &run, 2, told);
    }
}

#[test]
fn names_without_an_address_and_addresses_that_are_not_ours() {
    let unknown = "target: http://prony-tests.invalid";
    let run = Prony::run(&Plan::new(&top(unknown))).finish_within(LONGEST);
    assert_refused(
        unknown,
        &run,
        3,
        &["the target's name `prony-tests.invalid` has no address", "check its spelling, or pin it"],
    );
    let foreign = "network: {source: 192.0.2.1}";
    let run = Prony::run(&Plan::new(&top(foreign))).finish_within(LONGEST);
    assert_refused(
        foreign,
        &run,
        3,
        &["plan.yaml:1:19: connections cannot come from 192.0.2.1", "expected addresses of this machine"],
    );
    // Asked for with each connection, it is a failure of requests: names may come and go while a load is on.
    let late = top("target: http://prony-tests.invalid\nnetwork: {dns: per_connection}");
    let late = Plan::new(&late);
    let run = Prony::run(&late).finish_within(LONGEST);
    assert_eq!(run.summary()["scenarios"]["main"]["failures"]["by_kind"], serde_json::json!({"dns": 1}));
    assert!(run.stderr.contains("dns: looking up `prony-tests.invalid`"), "{}", run.stderr);
}

#[test]
fn brokers_that_are_none_and_files_that_are_not_there() {
    let broker = "127.0.0.1:9";
    for (arguments, told) in [
        (
            &["mqtt", "pub", broker, "t", "a"][..],
            &["connecting to 127.0.0.1:9", "is a broker listening there?"][..],
        ),
        (&["mqtt", "sub", broker, "t"], &["is a broker listening there?"]),
        (&["mqtt", "pub", broker, "t", "@/nope"], &["/nope: No such file", "expected a readable file"]),
    ] {
        assert_refused(&arguments.join(" "), &Prony::with(arguments).finish_within(LONGEST), 3, told);
    }
}
