//! Checks and captures on real answers.

use prony_core::FailureKind;

use crate::site::{Plan, Site, each};

#[test]
fn what_is_captured_feeds_later_steps() {
    let site = Site::open();
    let done = Plan::once(
        r#"
steps:
  - http: GET /json
    capture:
      id: json $.id
      second: json $.items[1].id
      whole: json $.items[0]
      name: json $.name
      tag: header etag
      cookie: cookie id
      code: status
      kind: {from: header content-type}
      missing: {from: header x-missing, default: none}
  - http: GET /text
    capture: {session: "regex /session=([^;]+);/", all: "regex /o./", body: body}
  - http:
      post: "/a/{{id}}/{{second}}/{{code}}/{{missing}}?tag={{tag}}&s={{session}}&c={{cookie}}"
      json: {id: "{{id | raw}}", name: "{{name}}", whole: "{{whole | raw}}", all: "{{all}}"}
"#,
    )
    .run(&site);
    assert_eq!(
        done.result.totals.steps.iter().map(|step| step.failed()).sum::<u64>(),
        0,
        "{:?}",
        done.notices
    );
    let last = site.asked().pop().expect("three requests");
    assert_eq!(last.method, "POST");
    assert_eq!(last.target, "/a/17/x2/200/none?tag=%22e7%22&s=s-42&c=c9");
    let body: serde_json::Value = serde_json::from_str(&last.body).expect("JSON");
    let expected = serde_json::json!({"id": 17, "name": "a \"b\" c", "whole": {"id": "x1"}, "all": "ok"});
    assert_eq!(body, expected);
}

#[test]
fn a_capture_that_finds_nothing_fails_its_request_and_those_that_need_it() {
    let site = Site::open();
    let plan = Plan {
        load: each(1, 3),
        ..Plan::once(
            r#"
steps:
  - http: GET /json
    name: get
    capture: {it: json $.nothing}
  - http: "GET /needs/{{it}}"
    name: use
  - http: GET /after
    name: after
"#,
        )
    };
    let done = plan.run(&site);
    assert_eq!(done.failures("get", FailureKind::Capture), 3);
    assert_eq!(done.failures("use", FailureKind::Request), 3);
    assert_eq!(done.step("after").failed(), 0);
    assert_eq!((site.count("/needs"), site.count("/after")), (0, 3), "an unfinished request is not sent");
    assert!(done.notices.iter().any(|text| text.contains("nothing found for `it`")), "{:?}", done.notices);
    assert!(done.notices.iter().any(|text| text.contains("it")), "{:?}", done.notices);
}

#[test]
fn a_value_lives_until_its_iteration_ends() {
    // In the second iteration `id` has no value before it is captured anew.
    let site = Site::open();
    let plan = Plan {
        load: each(1, 2),
        ..Plan::once(
            r#"
steps:
  - repeat: 2
    steps:
      - if: "{{iteration}} > 0"
        steps:
          - http: GET /skip
        else:
          - http: GET /json
            capture: {id: json $.id}
  - http: "GET /use/{{id}}"
    name: use
"#,
        )
    };
    let done = plan.run(&site);
    assert_eq!(done.failures("use", FailureKind::Request), 1);
    assert_eq!(site.count("/use/17"), 1);
}

#[test]
fn a_constant_is_what_a_capture_falls_back_to() {
    let site = Site::open();
    let plan = Plan {
        load: each(1, 2),
        ..Plan::once(
            r#"
vars: {token: first}
steps:
  - http: "GET /with/{{token}}"
  - http: GET /json
    capture: {token: json $.id}
  - http: "GET /then/{{token}}"
"#,
        )
    };
    let done = plan.run(&site);
    assert_eq!(
        done.result.totals.steps.iter().map(|step| step.failed()).sum::<u64>(),
        0,
        "{:?}",
        done.notices
    );
    assert_eq!((site.count("/with/first"), site.count("/then/17")), (2, 2));
}

#[test]
fn checks_count_and_fail_their_requests() {
    let site = Site::open();
    let plan = Plan {
        load: each(2, 5),
        ..Plan::once(
            r#"
steps:
  - http: GET /json
    name: mixed
    check:
      - status == 200
      - json $.id == 17
      - body contains nowhere
      - header etag exists
      - time < 60s
      - size > 1mb
  - http: GET /json
    name: good
    check: [status in 200..299, json $.total > 120]
"#,
        )
    };
    let done = plan.run(&site);
    let step = done.step("mixed");
    let counts: Vec<_> = step.checks.iter().map(|check| (check.evaluated, check.passed)).collect();
    assert_eq!(counts, [(10, 10), (10, 10), (10, 0), (10, 10), (10, 10), (10, 0)]);
    assert_eq!((step.requests, step.failed(), done.failures("mixed", FailureKind::Check)), (10, 10, 10));
    assert_eq!(done.step("good").failed(), 0);
    let notice = done.notices.iter().find(|text| text.contains("mixed: check")).expect("a notice");
    assert!(notice.contains("did not hold: `body contains nowhere` (found "), "{notice}");
    assert!(notice.contains("`size > 1mb` (found "), "{notice}");
    assert_eq!(done.notices.len(), 1, "told once, not ten times: {:?}", done.notices);
}

#[test]
fn a_status_is_a_failure_unless_a_check_judges_it() {
    let site = Site::open();
    let done = Plan::once(
        r#"
steps:
  - {http: GET /status/404, name: plain}
  - {http: GET /status/503, name: server}
  - {http: GET /status/404, name: expected, check: status == 404}
  - {http: GET /status/500, name: unexpected, check: status == 404}
  - {http: GET /status/404, name: other, check: time < 60s}
"#,
    )
    .run(&site);
    assert_eq!(done.failures("plain", FailureKind::StatusClient), 1);
    assert_eq!(done.failures("server", FailureKind::StatusServer), 1);
    assert_eq!(done.step("expected").failed(), 0);
    assert_eq!(done.failures("unexpected", FailureKind::Check), 1);
    assert_eq!(done.failures("other", FailureKind::StatusClient), 1);
    assert_eq!(done.step("plain").statuses, [(404, 1)]);
}

#[test]
fn without_an_answer_no_check_holds() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.local_addr().expect("an address")
    };
    let plan = Plan::once(
        "steps: [{http: GET /, name: get, check: [status != 500, time < 60s], capture: {a: status}}]",
    );
    let (_, spec) = plan.compile(&format!("http://{nobody}")).expect("a good plan");
    let result = prony_engine::run(spec, &prony_engine::Control::new(), &mut |_| {}).expect("set up");
    let step = &result.totals.steps[0];
    assert_eq!(step.failures[FailureKind::ConnectRefused as usize], 1);
    assert!(step.checks.iter().all(|check| (check.evaluated, check.passed) == (1, 0)), "{:?}", step.checks);
}

#[test]
fn what_a_check_compares_with_may_come_from_an_earlier_answer() {
    let site = Site::open();
    let done = Plan::once(
        r#"
vars: {most: 20}
steps:
  - http: GET /json
    capture: {id: json $.id, name: json $.name}
  - http: GET /json
    name: same
    check: ["json $.id == {{id}}", "json $.name == '{{name}}'", "json $.id < {{most}}", "body contains {{id}}"]
  - http: GET /json
    name: other
    check: json $.id == 1{{id}}
  - if: "{{id}} == {{id}}"
    steps: [{http: GET /equal}]
  - if: "{{id}} == {{most}}"
    steps: [{http: GET /unequal}]
"#,
    )
    .run(&site);
    assert_eq!(done.step("same").failed(), 0, "{:?}", done.notices);
    assert_eq!(done.failures("other", FailureKind::Check), 1);
    let told = "`json $.id == 1{{id}}` (found 17, expected 117)";
    assert!(done.notices.iter().any(|text| text.contains(told)), "{:?}", done.notices);
    assert_eq!((site.count("/equal"), site.count("/unequal")), (1, 0));
}
