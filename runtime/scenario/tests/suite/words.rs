//! Plans that cannot be compiled: every mistake has its place and says what to do.

use crate::site::Plan;

#[test]
fn mistakes_have_a_place_and_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("users.csv", "id,name\n1,a\n"),
        ("ragged.csv", "id,name\n1,a\n2\n"),
        ("empty.csv", ""),
        ("head.csv", "id,name\n"),
        ("bad.jsonl", "{\"id\": 1}\n[2]\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    std::fs::write(folder.path().join("latin.csv"), b"id,name\n1,\xff\xfe\n").expect("a file");
    for (text, parts) in [
        (
            "data: {users: nowhere.csv}\nsteps: [{http: GET /}]",
            &["plan.yaml:2:15: ", "nowhere.csv: No such file", "relative paths start from the plan's folder"]
                [..],
        ),
        (
            "data: {users: ragged.csv}\nsteps: [{http: GET /}]",
            &["plan.yaml:2:15: ", "line 3 has 1 fields, expected 2"],
        ),
        ("data: {users: empty.csv}\nsteps: [{http: GET /}]", &["plan.yaml:2:15: ", "the file is empty"]),
        ("data: {users: head.csv}\nsteps: [{http: GET /}]", &["plan.yaml:2:15: ", "has no rows"]),
        (
            "data: {users: bad.jsonl}\nsteps: [{http: GET /}]",
            &["plan.yaml:2:15: ", "line 2 is no JSON object"],
        ),
        ("data: {users: latin.csv}\nsteps: [{http: GET /}]", &["plan.yaml:2:15: ", "latin.csv: ", "UTF-8"]),
        (
            "data: {users: {file: users.csv, order: shuffled}}\nsteps: [{http: GET /}]",
            &["plan.yaml:2:40: found `shuffled`", "sequential"],
        ),
        (
            "data: {users: users.csv}\nsteps: [{http: 'GET /{{users.nmae}}'}]",
            &["plan.yaml:3:", "undefined variable `users.nmae`", "did you mean `users.name`?"],
        ),
        (
            "steps: [{http: 'GET /{{token}}'}]",
            &["plan.yaml:2:22: undefined variable `token`", "`capture`, `vars`, `data` or a plugin's `sets`"],
        ),
        (
            "steps:\n  - http: GET /\n    capture: {id: json $.id}\n  - http: 'GET /{{di}}'",
            &["plan.yaml:5:17: undefined variable `di`", "did you mean `id`?"],
        ),
        ("steps: []", &["plan.yaml:2:8: ", "at least one item"]),
        ("steps: [{think: 1s}]", &["a scenario without a request"]),
        ("vars: {a: b}", &["nothing to do", "expected `steps`, `flows` or `plugin`"]),
        (
            "steps: [{http: GET /}]\nflows: [{steps: [{http: GET /}]}]",
            &["plan.yaml:3:8: `steps` and `flows` in one scenario"],
        ),
        ("steps: [{http: GET /, think: 1s}]", &["plan.yaml:2:9: `http` and `think` in one step"]),
        (
            "steps: [{think: 1s, check: status == 200}]",
            &["plan.yaml:2:21: `check` beside `think`", "is it indented"],
        ),
        (
            "steps: [{name: x}]",
            &[
                "plan.yaml:2:9: a step that does nothing",
                "expected exactly one of http, mqtt, grpc, ws, think",
            ],
        ),
        ("steps: [{repeat: 3}]", &["plan.yaml:2:9: `repeat` without steps"]),
        (
            "steps: [{if: 'total > 3', steps: [{http: GET /}]}]",
            &["plan.yaml:2:14: found `total > 3`", "begins with a variable"],
        ),
        (
            "vars: {a: b}\nsteps: [{if: '{{a}} resembles b', steps: [{http: GET /}]}]",
            &["plan.yaml:3:14: found `resembles`", "operators are"],
        ),
        (
            "steps: [{http: GET /, check: statsu == 200}]",
            &["plan.yaml:2:30: found `statsu`", "did you mean `status`?"],
        ),
        ("steps: [{http: GET /, check: 'body matches /(/'}]", &["plan.yaml:2:30: ", "no regular expression"]),
        ("steps: [{http: GET /, capture: {a: 'json $.['}}]", &["plan.yaml:2:36: ", "no JSON path"]),
        ("steps: [{http: GET /, capture: {a: time}}]", &["plan.yaml:2:36: found `time`", "`json PATH`"]),
        ("steps: [{http: GET /, on_failure: panic}]", &["plan.yaml:2:35: found `panic`", "end_iteration"]),
        (
            "steps: [{think: 3s..1s}, {http: GET /}]",
            &["plan.yaml:2:17: found `3s..1s`", "the shorter pause first"],
        ),
        ("steps: [{htpp: GET /}]", &["plan.yaml:2:10: unknown key `htpp`", "did you mean `http`?"]),
        (
            "steps: [{http: GET /, capture: {id: status}}, {http: GET /, check: 'body matches /{{id}}/'}]",
            &["plan.yaml:2:68: found the template `/{{id}}/`", "after `matches` is not filled in"],
        ),
        ("steps: [{http: GET /, check: 'json $.x == {{id}}'}]", &["plan.yaml:2:43: undefined variable `id`"]),
        (
            "steps: [{http: GET /, where: 'body == x'}]",
            &[
                "plan.yaml:2:23: `where` beside a step that waits for no message",
                "`check` says what must hold",
            ],
        ),
        (
            "steps: [{http: GET /, since: login}]",
            &["plan.yaml:2:23: `since` beside a step that waits for no message"],
        ),
    ] {
        let told = match (Plan { folder: folder.path(), ..Plan::once(text) }).compile("http://127.0.0.1:9") {
            Err(told) => told,
            Ok(_) => unreachable!("accepted: {text}"),
        };
        for part in parts {
            assert!(told.contains(part), "{text}\ntold: {told}\nnot: {part}");
        }
    }
}
