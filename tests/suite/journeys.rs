//! One user's journey over several protocols: what is done by one is seen by another, and timed from there.

use crate::binary::{Plan, Prony, Served};
use crate::mosquitto::{Mosquitto, Options};

/// An HTTP target, a real broker, and a plan's `target` that names both.
fn with_broker(test: &str) -> Option<(Served, Mosquitto, String)> {
    let broker = Mosquitto::start(test, &Options::default())?;
    let served = Served::start();
    let target =
        format!("{{http: \"{}\", mqtt: \"mqtt://127.0.0.1:{}\"}}", served.http(), broker.ports().tcp);
    Some((served, broker, target))
}

/// All users hear what all of them order, and each waits for its own: long after it has come, or before.
#[test]
fn effects_are_found_by_their_content_and_timed_from_their_cause() {
    let Some((_served, _broker, target)) =
        with_broker("effects_are_found_by_their_content_and_timed_from_their_cause")
    else {
        return;
    };
    let plan = Plan::new(&format!(
        r#"
target: {target}
mqtt: {{version: "5"}}
scenarios:
  orders:
    load: {{users: 4, iterations: 3}}
    on_failure: end_iteration
    steps:
      - once:
          - mqtt: {{subscribe: orders/+, qos: 1}}
      - http: {{post: /cart, json: {{order: "{{{{user.id}}}}-{{{{iteration}}}}"}}}}
        capture: {{order: json $.order}}
      - mqtt: {{publish: orders/new, qos: 1, json: {{order: "{{{{order}}}}"}}}}
        name: order
      - think: 1s
      - mqtt: {{receive: orders/+, timeout: 5s}}
        name: seen
        where: ["json $.order == {{{{order}}}}", "topic topic == orders/new"]
        since: order
        check: json $.order == {{{{order}}}}
      - mqtt: {{publish: "orders/{{{{order}}}}", qos: 1, text: done}}
      - mqtt: {{receive: true, timeout: 5s}}
        where: topic topic contains {{{{order}}}}
        since: order
thresholds:
  - "orders / seen: response_time.max < 900ms"
  - "orders / receive since order: response_time.min > 990ms"
"#
    ));
    let run = Prony::run(&plan).finish();
    assert!(run.exit_code() == 0 || run.exit_code() == 4, "{}{}", run.stdout, run.stderr);
    let summary = run.summary();
    let orders = &summary["scenarios"]["orders"];
    assert_eq!(orders["failures"]["total"], 0, "{summary:#}");
    for step in ["seen", "receive since order"] {
        let step = &orders["steps"][step];
        assert_eq!(step["requests"], 12, "{summary:#}");
        assert_eq!(step["response_time_us"]["count"], 12);
    }
    assert!(summary["thresholds"].as_array().is_some_and(|all| all.iter().all(|one| one["passed"] == true)));
}

/// What is not there is told: a cause that was not, a message that does not come, a name that is none.
#[test]
fn causes_and_effects_that_are_missing_are_told() {
    let Some((_served, _broker, target)) = with_broker("causes_and_effects_that_are_missing_are_told") else {
        return;
    };
    let plan = Plan::new(&format!(
        r#"
target: {target}
scenarios:
  orders:
    load: {{users: 1, iterations: 1}}
    steps:
      - mqtt: {{subscribe: orders/+}}
      - if: "{{{{user.id}}}} == 99"
        steps:
          - http: GET /
            name: never
      - mqtt: {{receive: true, timeout: 1s}}
        name: without
        since: never
      - mqtt: {{publish: orders/1, text: other}}
        name: order
      - mqtt: {{receive: true, timeout: 300ms}}
        name: silent
        where: body == mine
        since: order
      - mqtt: {{receive: true, timeout: 5s}}
        name: left
        check: body == other
"#
    ));
    let run = Prony::run(&plan).finish();
    let summary = run.summary();
    let steps = &summary["scenarios"]["orders"]["steps"];
    assert_eq!(steps["without"]["failures"]["by_kind"]["request"], 1, "{summary:#}");
    assert_eq!(steps["silent"]["failures"]["by_kind"]["timeout"], 1, "{summary:#}");
    assert_eq!(steps["left"]["failures"]["total"], 0, "{summary:#}");
    let told = "`since`: the step `never` was not taken in this iteration";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let told = "no fitting message came within 300ms: 1 message came that `where` does not take; the last was `other`: `body == mine` (found other)";
    assert!(run.stderr.contains(told), "{}", run.stderr);

    let wrong = Plan::new(
        "target: mqtt://127.0.0.1:1\nscenarios:\n  a:\n    load: {users: 1, iterations: 1}\n    steps:\n      - mqtt: {publish: a}\n        name: order\n      - mqtt: {receive: true}\n        since: ordre\n",
    );
    let run = Prony::run(&wrong).finish();
    assert_eq!(run.exit_code(), 2);
    assert!(
        run.stderr.contains("found `ordre`") && run.stderr.contains("did you mean `order`?"),
        "{}",
        run.stderr
    );
}

/// A step that comes later can be no cause; within a loop it can be the next round's.
#[test]
fn a_cause_comes_before_its_effect_or_the_plan_is_wrong() {
    let plan = |steps: &str| {
        Plan::new(&format!(
            "target: ws://127.0.0.1:1\nscenarios:\n  a:\n    load: {{users: 1, iterations: 1}}\n    steps:\n{steps}"
        ))
    };
    let check = |plan: &Plan| {
        let path = plan.path();
        Prony::with(&["check", &path.to_string_lossy()]).finish()
    };
    let effect = "      - {name: heard, ws: {receive: true}, since: say}\n";
    let cause = "      - {name: say, ws: send hello}\n";
    let run = check(&plan(&format!("{effect}{cause}")));
    assert_eq!(run.exit_code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("the step `say` comes after this one"), "{}", run.stderr);
    let run = check(&plan("      - {name: say, ws: {receive: true}, since: say}\n"));
    assert!(run.stderr.contains("the step `say` is this step itself"), "{}", run.stderr);
    let looped = format!("{effect}{cause}").replace("      - ", "          - ");
    for good in [format!("{cause}{effect}"), format!("      - repeat: 2\n        steps:\n{looped}")] {
        let run = check(&plan(&good));
        assert_eq!(run.exit_code(), 0, "{good}{}", run.stderr);
    }
}
