//! Functions of steps: what they make is sent, what they find counts, and what they set can be used.

use super::{guest, run};
use crate::binary::Served;

#[test]
fn what_a_function_makes_is_sent_and_what_another_finds_counts() {
    let test = "what_a_function_makes_is_sent_and_what_another_finds_counts";
    let (Some(signed), Some(schema)) = (guest(test, "signed"), guest(test, "schema")) else { return };
    let target = Served::start();
    let plan = format!(
        r#"
target: TARGET
scenarios:
  orders:
    load: {{users: 5, iterations: 20}}
    steps:
      - http: {{post: /echo, headers: {{x-mine: kept}}}}
        name: signed
        generate: {{plugin: {}, function: signed, config: {{key: sesame, key_id: k7, items: 2}}}}
        check:
          - status == 200
          - "body matches /x-signature.{{2,5}}[0-9a-f]{{64}}/"
          - "body contains k7"
          - "body contains kept"
      - http: GET /items/3
        name: right
        validate:
          plugin: {}
          function: schema
          config: {{schema: {{type: object, required: [id, name, price], properties: {{price: {{type: number}}}}}}}}
      - http: GET /items/3
        name: wrong
        validate:
          plugin: {}
          function: schema
          config: {{schema: {{type: object, required: [stock]}}}}
thresholds:
  - orders / wrong: checks.rate == 0
  - orders / signed: checks.rate == 100%
"#,
        signed.display(),
        schema.display(),
        schema.display()
    );
    let finished = run(&target, &plan);
    let summary = &finished.summary;
    let steps = &summary["scenarios"]["orders"]["steps"];
    for (step, failed) in [("signed", 0), ("right", 0), ("wrong", 100)] {
        assert_eq!(steps[step]["requests"], 100, "{step}: {}", finished.stdout);
        assert_eq!(steps[step]["failures"]["total"], failed, "{step}: {}", finished.stdout);
    }
    assert_eq!(steps["wrong"]["failures"]["by_kind"]["check"], 100);
    let check = &steps["wrong"]["checks"][0];
    assert_eq!(check["expression"], "valid for schema.wasm schema");
    assert_eq!((&check["evaluated"], &check["passed"]), (&100.into(), &0.into()));
    assert!(summary["thresholds"].as_array().is_some_and(|all| all.iter().all(|one| one["passed"] == true)));
    let notices = summary["scenarios"]["orders"]["notices"].to_string();
    assert!(notices.contains("the plugin finds: ") && notices.contains("stock"), "{notices}");
    assert!(summary["scenarios"]["orders"]["guests"]["guest_time_us"]["count"].as_u64() >= Some(300));
}

#[test]
fn a_function_that_is_ended_costs_its_request_and_no_more() {
    let test = "a_function_that_is_ended_costs_its_request_and_no_more";
    let Some(bad) = guest(test, "bad-request") else { return };
    let target = Served::start();
    for (deed, reason) in [("panic", "trap"), ("loop", "slice"), ("memory", "memory"), ("wait", "misuse")] {
        let plan = format!(
            "target: TARGET\nscenarios:\n  bad:\n    load: {{users: 2, iterations: 3}}\n    steps:\n      - http: {{post: /echo}}\n        name: made\n        generate: {{plugin: {}, config: {{do: {deed}}}, limits: {{memory: 32mb}}}}\n      - http: GET /\n        name: after\n",
            bad.display()
        );
        let finished = run(&target, &plan);
        let scenario = &finished.summary["scenarios"]["bad"];
        assert_eq!(
            scenario["steps"]["made"]["failures"]["by_kind"]["guest"], 6,
            "{deed}: {}",
            finished.stdout
        );
        assert_eq!(scenario["steps"]["after"]["failures"]["total"], 0, "{deed}");
        assert_eq!(scenario["guests"]["ended"]["by_reason"][reason], 6, "{deed}: {}", scenario["guests"]);
    }
    let plan = format!(
        "target: TARGET\nscenarios:\n  bad:\n    load: {{users: 1, iterations: 2}}\n    steps:\n      - http: {{post: /echo}}\n        generate: {{plugin: {}, config: {{do: garbage}}}}\n",
        bad.display()
    );
    let finished = run(&target, &plan);
    let scenario = &finished.summary["scenarios"]["bad"];
    assert_eq!(scenario["failures"]["by_kind"]["request"], 2, "{}", finished.stdout);
}
