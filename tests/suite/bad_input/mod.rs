//! Everything a person can get wrong: the place, what was found, what was expected and what to do are told, the exit code
//! says that nothing was sent, and nothing panics.

mod files;
mod flags;

use std::time::Duration;

use crate::binary::{Finished, Plan, Prony};

/// Nothing in these tests takes long; a plan that makes the parser think for ever is a mistake too.
const LONGEST: Duration = Duration::from_secs(20);

/// A plan of one scenario with this load.
fn load(load: &str) -> String {
    format!(
        "target: http://127.0.0.1:9\nscenarios:\n  main:\n    load: {load}\n    steps: [{{http: GET /}}]\n"
    )
}

/// A plan of one scenario with this step, in line 6.
fn step(step: &str) -> String {
    format!(
        "target: http://127.0.0.1:9\nscenarios:\n  main:\n    load: {{users: 1, iterations: 1}}\n    steps:\n      - {step}\n"
    )
}

/// A plan with this at its top, and a scenario below.
fn top(line: &str) -> String {
    let target = if line.starts_with("target") { "" } else { "target: https://127.0.0.1:9\n" };
    format!(
        "{line}\n{target}scenarios:\n  main:\n    load: {{users: 1, iterations: 1}}\n    steps: [{{http: 'GET /'}}]\n"
    )
}

/// A plan with this threshold, in line 8.
fn threshold(threshold: &str) -> String {
    step("http: GET /") + &format!("thresholds:\n  - {threshold}\n")
}

/// The command ends with this code, and standard error has all of these.
fn assert_refused(what: &str, run: &Finished, code: i32, told: &[&str]) {
    // Long messages are wrapped, and go on behind a bar.
    let stderr = run.stderr.replace("\n  │ ", " ").replace("\n        ", " ");
    assert!(!stderr.contains("panicked"), "{what}\n{stderr}");
    assert_eq!(run.exit_code(), code, "{what}\n{}\n{stderr}", run.stdout);
    for text in told {
        assert!(stderr.contains(text), "{what}\nexpected: {text}\n{stderr}");
    }
    assert!(!run.results().join("summary.json").exists(), "{what}: a run was stored");
}

fn assert_plan_refused(text: &str, told: &[&str]) {
    let plan = Plan::new(text);
    assert_refused(text, &Prony::run(&plan).finish_within(LONGEST), 2, told);
}

#[test]
fn what_is_no_yaml() {
    for (text, told) in [
        ("", &["plan.yaml:1:1: found nothing", "expected a map with `scenarios`"][..]),
        ("# nothing\n", &["found nothing", "expected a map with `scenarios`"]),
        ("- 1\n", &["plan.yaml:1:1: found a list", "expected a map with `scenarios`"]),
        ("name: a\nscenarios:\n\tmain:\n", &["plan.yaml:3:2: not valid YAML: tabs", "help:"]),
        ("name: \"shop\ntarget: x\n", &["plan.yaml:1:7: not valid YAML", "quoted", "help:"]),
        ("name: [a\ntarget: x\n", &["plan.yaml:2:", "not valid YAML"]),
        ("name: {a: b\n", &["not valid YAML"]),
        ("name: a: b\n", &["plan.yaml:1:8: not valid YAML", "put quotes around texts"]),
        ("name: a\n  b: c\n", &["plan.yaml:2:", "not valid YAML"]),
        ("name: a\0b\n", &["plan.yaml:1:8: not valid YAML"]),
        ("name: !secret x\n", &["plan.yaml:1:", "YAML tag", "remove the tag"]),
        ("name: *nobody\n", &["plan.yaml:1:7"]),
        ("vars: {a: {{b}}}\n", &["found a key that is not a text", "put quotes around `{{…}}`"]),
        ("vars: {a: ${B}}\n", &["plan.yaml:1:", "not valid YAML", "such as a JSON path or `${NAME}`"]),
        ("? [a]\n: b\n", &["plan.yaml:1:3: found a key that is not a text"]),
        ("<<: {name: a}\n", &["plan.yaml:1:1: found a YAML merge key", "include"]),
        (
            "name: a\n---\nname: b\n",
            &["plan.yaml:3:1: found a second YAML document", "expected the end of the file", "include"],
        ),
    ] {
        assert_plan_refused(text, told);
    }
}

#[test]
fn what_is_no_key_of_a_plan() {
    for (text, told) in [
        (
            top("targett: http://127.0.0.1:9"),
            &["plan.yaml:1:1: unknown key `targett`", "did you mean `target`? Known here:"][..],
        ),
        (load("{user: 3, for: 1s}"), &["plan.yaml:4:12: unknown key `user`", "did you mean `users`?"]),
        (
            step("{http: GET /, chek: status == 200}"),
            &["plan.yaml:6:23: unknown key `chek`", "did you mean `check`?"],
        ),
        (load("{vus: 3, for: 1s}"), &["plan.yaml:4:12: unknown key `vus`", "write `users`"]),
        (load("{users: 3, duration: 1s}"), &["unknown key `duration`", "write `for`"]),
        (
            load("{users: 3, iterations_each: 1}"),
            &["unknown key `iterations_each`", "`{users: 10, iterations: 100}`"],
        ),
        (
            load("{stages: [{duration: 1m, target: 5}]}"),
            &["unknown key `duration`", "a stage's length is `over`"],
        ),
        (
            load("{stages: [{over: 1m, target: 5}]}"),
            &["unknown key `target`", "write `users` in a closed load, `rate`"],
        ),
        (load("{stages: [{users: 1, for: 5s}]}"), &["unknown key `for`", "a stage's length is `over`"]),
        (step("sleep: 1s"), &["plan.yaml:6:9: unknown key `sleep`", "write `think`"]),
        (step("{http: GET /, headers: {a: b}}"), &["unknown key `headers`", "belongs inside `http: {…}`"]),
        (step("{http: GET /, body: a}"), &["unknown key `body`", "belongs inside `http: {…}`"]),
        (step("{http: {post: /, body: a}}"), &["unknown key `body`", "write `text`, `json`"]),
        (step("{http: {get: /, check: status == 200}}"), &["unknown key `check`", "belongs beside `http:`"]),
        (step("{http: GET /, check: [{status: 200}]}"), &["found a map", "for example `status == 200`"]),
        (step("{http: {gett: /}}"), &["plan.yaml:6:17: unknown key `gett`", "did you mean `get`?"]),
        (step("{tcp: x}"), &["plan.yaml:6:10: unknown key `tcp`", "Known here: `http`"]),
        (step("{grpc: x}"), &["plan.yaml:6:16: found `x`", "a method such as `shop.v1.Cart/AddItem`"]),
        (top("http: {timeot: 1s}"), &["plan.yaml:1:8: unknown key `timeot`", "did you mean `timeout`?"]),
        (top("tls: {insecur: true}"), &["plan.yaml:1:7: unknown key `insecur`", "did you mean `insecure`?"]),
        (top("name: a\nname: b"), &["plan.yaml:2:1: the key `name` stands here a second time", "line 1"]),
        (
            load("{users: 1, for: 1s, users: 2}"),
            &["plan.yaml:4:31: the key `users` stands here a second time", "keep one"],
        ),
        ("target: http://a\n".to_owned(), &["plan.yaml:1:1: `scenarios` is missing", "add `scenarios`"]),
        ("scenarios: {}\n".to_owned(), &["plan.yaml:1:12: found a map", "expected at least one scenario"]),
        (
            "scenarios: {main: {steps: [{http: GET /}]}}\n".to_owned(),
            &["plan.yaml:1:19: `load` is missing", "add `load`"],
        ),
        (
            "scenarios: {main: {load: {users: 1, for: 1s}}}\n".to_owned(),
            &["plan.yaml:1:19: nothing to do", "expected `steps`, `flows` or `plugin`"],
        ),
        (
            "scenarios: {main: {load: {users: 1, for: 1s}, steps: []}}\n".to_owned(),
            &["plan.yaml:1:54: found a list", "at least one item"],
        ),
        (
            "scenarios: {main: {load: {users: 1, for: 1s}, steps: [{http: GET /}]}}\n".to_owned(),
            &["plan.yaml:1:62: `/` has no host", "expected a whole URL", "add `target: http://host:port`"],
        ),
    ] {
        assert_plan_refused(&text, told);
    }
}

#[test]
fn loads_that_cannot_be() {
    let forms = "write `{rate: 500/s, for: 2m}`, `{users: 10, for: 3m}`";
    for (text, told) in [
        ("null", &["plan.yaml:4:5: `load` has no value", "expected a map with `rate`"][..]),
        ("500/s", &["plan.yaml:4:11: found `500/s`", "expected a map with `rate`"]),
        ("{}", &["plan.yaml:4:11: a load without an amount", "expected one kind of load", forms]),
        (
            "{users: 3}",
            &[
                "plan.yaml:4:11: users without one end",
                "expected `for`, `iterations` or `shared_iterations`",
                forms,
            ],
        ),
        ("{rate: 5/s}", &["plan.yaml:4:11: a load without an end", "expected `for`", "`for: 2m`"]),
        ("{rate: 5/s, users: 3, for: 1s}", &["plan.yaml:4:11: `rate` and `users` in one load", forms]),
        ("{users: 1, for: 1s, iterations: 2}", &["plan.yaml:4:11: users without one end", forms]),
        ("{rate: 5/s, for: 1s, iterations: 3}", &["plan.yaml:4:32: `iterations` beside `rate`", forms]),
        ("{users: 5, for: 1s, arrivals: poisson}", &["plan.yaml:4:31: `arrivals` beside `users`", forms]),
        (
            "{users: 700, start_rate: 10/s, for: 1m}",
            &["plan.yaml:4:36: 600 of 700 users in `for: 1m`", "not all users would come", "a higher rate"],
        ),
        (
            "{users: 7, start_rate: 10/s, iterations: 3}",
            &["plan.yaml:4:22: `start_rate` beside `users`", forms],
        ),
        ("{rate: 0/s, for: 1s}", &["plan.yaml:4:18: found `0/s`", "expected a rate from 0.1/s to 200000/s"]),
        ("{rate: 300000/s, for: 1s}", &["plan.yaml:4:18: found `300000/s`", "from 0.1/s to 200000/s"]),
        ("{rate: 0.05/s, for: 1s}", &["plan.yaml:4:18: found `0.05/s`", "from 0.1/s to 200000/s"]),
        ("{rate: 5, for: 1s}", &["plan.yaml:4:18: found `5`", "expected a rate such as `500/s`"]),
        ("{rate: -5/s, for: 1s}", &["plan.yaml:4:18: found `-5/s`", "expected a rate such as"]),
        ("{rate: .inf/s, for: 1s}", &["plan.yaml:4:18: found `.inf/s`"]),
        ("{rate: 1e999/s, for: 1s}", &["plan.yaml:4:18: found `1e999/s`"]),
        ("{users: 0, for: 1s}", &["plan.yaml:4:19: found `0`", "expected a whole number from 1 to 1000000"]),
        ("{users: -1, for: 1s}", &["plan.yaml:4:19: found `-1`"]),
        ("{users: 1.5, for: 1s}", &["plan.yaml:4:19: found `1.5`"]),
        ("{users: 99999999999999999999999, for: 1s}", &["plan.yaml:4:19: found `99999999999999999999999`"]),
        ("{users: 1, for: -1s}", &["plan.yaml:4:27: found `-1s`", "expected a duration such as `250ms`"]),
        ("{users: 1, for: 1}", &["plan.yaml:4:27: found `1`", "expected a duration such as"]),
        ("{users: 1, for: 0s}", &["plan.yaml:4:27: found `0s`", "expected a duration above zero"]),
        ("{users: 1, for: 99999999h}", &["plan.yaml:4:27: found `99999999h`"]),
        ("{users: 1, for: 1e400s}", &["plan.yaml:4:27: found `1e400s`"]),
        ("{users: 1, iterations: 0}", &["plan.yaml:4:34: found `0`", "a whole number from 1 on"]),
        ("{stages: []}", &["plan.yaml:4:20: found a list", "expected a list with at least one item"]),
        (
            "{stages: [{users: 1, over: 0s}]}",
            &["plan.yaml:4:20: stages that last no time", "expected an `over` above zero"],
        ),
        (
            "{stages: [{rate: 5/s, over: 0s}, {rate: 9/s, over: 0s}]}",
            &["plan.yaml:4:20: stages that last no time"],
        ),
        (
            "{stages: [{users: 1, over: 1s}, {rate: 1/s, over: 1s}]}",
            &["plan.yaml:4:20: stages of rates and of users in one load", "two scenarios side by side"],
        ),
        (
            "{stages: [{over: 1s}]}",
            &["plan.yaml:4:21: a stage", "expected either `rate` or `users` beside `over`"],
        ),
        ("{stages: [{users: 1}]}", &["plan.yaml:4:21: `over` is missing", "add `over`"]),
        (
            "{stages: [{users: 0, over: 1s}]}",
            &["plan.yaml:4:20: stages without a single user", "expected users above zero"],
        ),
        (
            "{stages: [{rate: 0/s, over: 1s}]}",
            &["plan.yaml:4:20: stages without a single start", "expected a rate above zero"],
        ),
        (
            "{rate: 1/s, for: 1s, arrivals: often}",
            &["plan.yaml:4:42: found `often`", "expected `uniform` or `poisson`"],
        ),
        ("{rate: 1/s, for: 1s, max_users: 0}", &["plan.yaml:4:43: found `0`"]),
    ] {
        assert_plan_refused(&load(text), told);
    }
}

#[test]
fn steps_that_make_no_sense() {
    for (text, told) in [
        ("null", &["plan.yaml:6:9: found nothing", "expected a map with `http`"][..]),
        ("5", &["plan.yaml:6:9: found `5`", "expected a map with `http`"]),
        (
            "http: GET /{{nobody}}",
            &["plan.yaml:6:20: undefined variable `nobody`", "not defined before this step", "`capture`"],
        ),
        (
            "http: GET /{{user.idd}}",
            &["plan.yaml:6:20: undefined variable `user.idd`", "did you mean `user.id`?"],
        ),
        ("http: GET /{{", &["plan.yaml:6:20: found `{{` without `}}`", "to send two braces as they are"]),
        ("http: GET /{{}}", &["plan.yaml:6:20: found an empty `{{}}`"]),
        (
            "http: GET /{{random.int 9 1}}",
            &["plan.yaml:6:20: found `random.int 9 1`", "expected `random.int LOW HIGH`"],
        ),
        ("http: GET /{{random.text 99999999}}", &["plan.yaml:6:20", "at most 1048576 characters"]),
        ("http: GET /{{user.id | upper}}", &["plan.yaml:6:20: unknown filter `upper`", "expected `raw`"]),
        (
            "http: GTE /items",
            &["plan.yaml:6:15: `GTE` is no usual", "did you mean `GET`?", "{method: GTE, url: /items}"],
        ),
        (
            "http: 'GET /items#{{iteration}}'",
            &["plan.yaml:6:15: found `#`", "a fragment is never sent", "write `{{id}}`"],
        ),
        ("http: 'GET /items/#{id}'", &["plan.yaml:6:15: found `#`", "write `{{id}}`"]),
        ("http: GET items", &["plan.yaml:6:15: the path `items`", "expected a path that begins with `/`"]),
        ("http: GET http://127.0.0.1:port/", &["plan.yaml:6:15", "invalid port number"]),
        ("http: GET ftp://127.0.0.1/", &["plan.yaml:6:15", "expected a path that begins with `/`"]),
        ("{http: {}}", &["plan.yaml:6:16: found 0 methods", "write `http: GET /path`"]),
        ("{http: {get: /, post: /}}", &["plan.yaml:6:16: found 2 methods", "expected one"]),
        (
            "{http: {post: /, text: a, json: {}}}",
            &["plan.yaml:6:41: `text` and `json` in one step", "keep one"],
        ),
        ("{http: {get: /, headers: {'bad name': x}}}", &["plan.yaml:6:35: `bad name` is no header name"]),
        (r#"{http: {get: /, headers: {x: "a\nb"}}}"#, &["plan.yaml:6:38: a header with a line break"]),
        (
            "{http: {get: /, headers: {content-length: 5}}}",
            &["plan.yaml:6:35: `content-length` is Prony's to set"],
        ),
        ("{http: {get: /, timeout: 0s}}", &["plan.yaml:6:34: found `0s`", "expected a duration above zero"]),
        ("{http: {get: /, redirects: 99}}", &["plan.yaml:6:36: found `99`", "from 0 to 20"]),
        ("{http: {get: /, compression: [rot13]}}", &["plan.yaml:6:39: found `rot13`", "expected `gzip`"]),
        ("{http: {get: /, max_body: huge}}", &["plan.yaml:6:35: found `huge`", "expected a size such as"]),
        (
            "{http: GET /, check: body matches /(/}",
            &["plan.yaml:6:30: `/(/` is no regular expression: unclosed group"],
        ),
        (
            "{http: GET /, check: 'json $.a[ == 1'}",
            &["plan.yaml:6:30", "is no JSON path", "expected a path such as `$.items[0].id`"],
        ),
        (
            "{http: GET /, check: statsu == 200}",
            &["plan.yaml:6:30: found `statsu`", "did you mean `status`?"],
        ),
        (
            "{http: GET /, check: status}",
            &["plan.yaml:6:30: found nothing where an operator should be", "operators are == !="],
        ),
        ("{http: GET /, check: status = 200}", &["plan.yaml:6:30: found `=`", "did you mean `==`?"]),
        ("{http: GET /, check: status == 2xx}", &["plan.yaml:6:30", "expected a comparison with a number"]),
        ("{http: GET /, check: time < 5}", &["plan.yaml:6:30", "a duration such as `200ms`"]),
        ("{http: GET /, capture: {a: 'json a.b'}}", &["plan.yaml:6:36: `a.b` is no JSON path"]),
        ("{http: GET /, capture: {a: regex /(/}}", &["plan.yaml:6:36: `/(/` is no regular expression"]),
        (
            "{http: GET /, capture: {a: heder x}}",
            &["plan.yaml:6:36: found `heder`", "did you mean `header`?"],
        ),
        (
            "{http: GET /, think: 1s}",
            &["plan.yaml:6:9: `http` and `think` in one step", "exactly one of http"],
        ),
        ("{think: 3s..1s}", &["plan.yaml:6:17: found `3s..1s`", "expected the shorter pause first"]),
        ("{think: soon}", &["plan.yaml:6:17: found `soon`", "expected a pause such as `1s`"]),
        ("{think: -1s}", &["plan.yaml:6:17: found `-1s`"]),
        ("{repeat: 3}", &["plan.yaml:6:9: `repeat` without steps"]),
        ("{repeat: -3, steps: [{think: 1s}]}", &["plan.yaml:6:18: found `-3`"]),
        ("{exec: []}", &["plan.yaml:6:16: found a list", "at least one item"]),
        (
            "{if: '1', steps: [{think: 1s}]}",
            &["plan.yaml:6:14: found `1`", "a condition that begins with a variable"],
        ),
    ] {
        assert_plan_refused(&step(text), told);
    }
}

#[test]
fn thresholds_that_cannot_be_judged() {
    for (text, told) in [
        (
            "response_time.p99",
            &["plan.yaml:8:5: found `response_time.p99`", "expected METRIC OPERATOR BOUND"][..],
        ),
        ("response_time.p99 ~ 1s", &["plan.yaml:8:5", "expected METRIC OPERATOR BOUND", "for example"]),
        (
            "response_tim.p99 < 1s",
            &["plan.yaml:8:5: unknown metric `response_tim.p99`", "did you mean `response_time`?"],
        ),
        ("response_time.p101 < 1s", &["plan.yaml:8:5: unknown metric", "another percentile"]),
        ("response_time < 1s", &["plan.yaml:8:5", "expected `response_time.p99`"]),
        ("response_time.p99 < 5", &["plan.yaml:8:5: `response_time.p99` compared with `5`", "a duration"]),
        ("failures.rate < lots", &["plan.yaml:8:5", "expected a share such as `0.1%`"]),
        ("failures.nothing < 1", &["plan.yaml:8:5: unknown metric `failures.nothing`", "`connect_refused`"]),
        (
            "mian: failures.rate < 1%",
            &["plan.yaml:8:5: no scenario is called `mian`", "did you mean `main`?"],
        ),
        (
            "main / nope: failures.rate < 1%",
            &["plan.yaml:8:18: no step is called `nope`", "the scenario has GET /"],
        ),
        (
            "metric orders.rate > 1",
            &[
                "plan.yaml:8:5: no metric `orders`: no scenario of this plan has a plugin",
                "response_time.p99",
            ],
        ),
        ("main: metric orders.rate > 1", &["plan.yaml:8:11: no metric `orders`", "`main` has no plugin"]),
        (
            "metric orders.rtae > 1",
            &["plan.yaml:8:5: unknown metric `metric orders.rtae`", "did you mean `rate`?"],
        ),
        ("metric orders > 1", &["plan.yaml:8:5: unknown metric", "expected `metric NAME.FIGURE`"]),
        ("main / GET /: guest.traps == 0", &["plan.yaml:8:19: `guest.traps == 0` of a step"]),
        ("main / GET /: lag.p99 < 1s", &["plan.yaml:8:19: `lag.p99 < 1s` of a step", "leave the step out"]),
        (
            "{when: failures.rate > 1%, ovr: 5s}",
            &["plan.yaml:8:32: unknown key `ovr`", "did you mean `over`?"],
        ),
        ("{when: failures.rate > 1%, over: 500ms}", &["plan.yaml:8:38: found `500ms`", "whole seconds"]),
        ("{step: x, when: failures.rate > 1%}", &["plan.yaml:8:12: `step` without `scenario`"]),
        ("{}", &["plan.yaml:8:5: a threshold without `when` or `expect`", "help: write"]),
        ("[]", &["plan.yaml:8:5: found a list"]),
    ] {
        assert_plan_refused(&threshold(text), told);
    }
}

#[test]
fn settings_that_make_no_sense() {
    let bad_url = "expected http:// or https:// and a host";
    for (text, told) in [
        (
            "target: 127.0.0.1:9",
            &["plan.yaml:1:9", "is no URL", bad_url, "for example `http://127.0.0.1:8080`"][..],
        ),
        ("http: {connections: 10}", &["plan.yaml:1:21: found `10`", "`{shared: 10}`"]),
        ("http: {connections: []}", &["plan.yaml:1:21: found a list", "`own`", "`shared`"]),
        ("target: http://", &["plan.yaml:1:9", "empty host", bad_url]),
        ("target: http://a:99999", &["plan.yaml:1:9", "invalid port number"]),
        ("target: http://a:port", &["plan.yaml:1:9", "invalid port number"]),
        ("target: ftp://a", &["plan.yaml:1:9: `ftp://a` is no HTTP URL", bad_url]),
        ("target: 'http://[::1'", &["plan.yaml:1:9", "invalid IPv6 address"]),
        ("target: http://anna:secret@a", &["plan.yaml:1:9: a user in a URL", "`basic`"]),
        ("target: http://a?b=c", &["plan.yaml:1:9", "a query belongs to the steps"]),
        ("http: {version: 3}", &["plan.yaml:1:17: found `3`", "expected `auto`, `1.1` or `2`"]),
        ("http: {timeout: 0s}", &["plan.yaml:1:17: found `0s`", "expected a duration above zero"]),
        ("http: {connections: many}", &["plan.yaml:1:21: found `many`", "`per_iteration`"]),
        ("http: {connections: {shared: 0}}", &["plan.yaml:1:30: found `0`", "from 1 to 100000"]),
        ("http: {headers: {x: '{{nobody}}'}}", &["plan.yaml:1:22", "undefined variable `nobody`"]),
        ("network: {connect_timeout: 0s}", &["plan.yaml:1:28: found `0s`", "expected a duration above zero"]),
        ("network: {source: nowhere}", &["plan.yaml:1:19: found `nowhere`", "`127.0.0.2..127.0.0.20`"]),
        ("network: {source: 127.0.0.9..127.0.0.2}", &["plan.yaml:1:19: found `127.0.0.9..127.0.0.2`"]),
        ("network: {resolve: {a: 1.2.3.4}}", &["plan.yaml:1:21: found `a`", "expected `host:port`"]),
        ("network: {resolve: {'a:80': x}}", &["plan.yaml:1:29: found `x`", "expected an address such as"]),
        (
            "tls: {min_version: 1.3, max_version: 1.2}",
            &["plan.yaml:1:20", "`min_version` not above `max_version`"],
        ),
        ("tls: {server_name: a b}", &["plan.yaml:1:20: found `a b`", "a host name or an address"]),
        ("tls: {certificate: a.pem}", &["plan.yaml:1:20: `certificate` without `key`", "half an identity"]),
        ("tls: {key: a.pem}", &["plan.yaml:1:12: `key` without `certificate`"]),
        (
            "name: ${PRONY_TESTS_NO_SUCH}",
            &[
                "plan.yaml:1:7: the environment has no `PRONY_TESTS_NO_SUCH`",
                "give a default: `${PRONY_TESTS_NO_SUCH:-value}`",
            ],
        ),
        ("name: ${PRONY", &["plan.yaml:1:7: found `${` without `}`", "write `$${`"]),
        ("seed: many", &["plan.yaml:1:7: found `many`"]),
        ("warmup: -1s", &["plan.yaml:1:9: found `-1s`"]),
        ("graceful_stop: for ever", &["plan.yaml:1:16: found `for ever`"]),
    ] {
        assert_plan_refused(&top(text), told);
    }
    let open = "load: {rate: 1/s, for: 1s}, iteration_every: 1s";
    assert_plan_refused(
        &format!("target: http://127.0.0.1:9\nscenarios: {{main: {{{open}, steps: [{{think: 1s}}]}}}}\n"),
        &["plan.yaml:2:65: `iteration_every` with an open load", "expected a closed load"],
    );
}
