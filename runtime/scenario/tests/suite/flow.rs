//! The course of an iteration: branches, loops, groups, choices, pauses, and failures that end it.

use prony_core::FailureKind;

use crate::site::{Plan, Site, each};

#[test]
fn branches_follow_their_conditions() {
    let site = Site::open();
    let done = Plan::once(
        r#"
vars: {tier: gold, limit: "100"}
steps:
  - http: GET /json
    capture: {total: json $.total, name: json $.name, none: {from: header x-none, default: ""}}
  - if: "{{total}} > 100"
    steps: [{http: GET /more}]
    else: [{http: GET /less}]
  - if: "{{total}} < 100"
    steps: [{http: GET /wrong}]
    else: [{http: GET /right}]
  - if: "{{tier}} == gold"
    steps:
      - if: "{{name}} contains b"
        steps: [{http: GET /nested}]
  - if: "{{limit}} == 100.0"
    steps: [{http: GET /as-numbers}]
  - if: "{{tier}} matches /^g.*d$/"
    steps: [{http: GET /pattern}]
  - if: "{{total}} in 120..121"
    steps: [{http: GET /range}]
  - if: "{{tier}} != gold"
    steps: [{http: GET /wrong}]
  - http: GET /end
"#,
    )
    .run(&site);
    assert_eq!(done.result.totals.scenarios[0].iterations.completed, 1);
    let expected = ["/json", "/more", "/right", "/nested", "/as-numbers", "/pattern", "/range", "/end"];
    assert_eq!(site.targets(), expected);
}

#[test]
fn loops_repeat_what_stands_in_them() {
    let site = Site::open();
    Plan::once(
        r#"
steps:
  - repeat: 3
    steps:
      - http: GET /a
      - repeat: 2
        steps: [{http: GET /b}]
      - repeat: 0
        steps: [{http: GET /never}]
  - http: GET /end
"#,
    )
    .run(&site);
    let round = ["/a", "/b", "/b"];
    assert_eq!(site.targets(), [&round[..], &round, &round, &["/end"]].concat());
}

#[test]
fn a_loop_that_never_waits_leaves_the_others_their_turn() {
    // A thousand million rounds of nothing, which only the end of the run stops.
    let site = Site::open();
    let plan = Plan {
        load: crate::site::endless(1),
        ..Plan::once(
            r#"
steps:
  - http: GET /begin
  - repeat: 1000000000
    steps: [{if: "{{user.id}} == 5", steps: [{http: GET /never}]}]
"#,
        )
    };
    let (_, mut spec) = plan.compile("http://127.0.0.1:9").expect("a good plan");
    spec.scenarios[0].graceful_stop = std::time::Duration::from_millis(100);
    spec.scenarios[0].load = prony_engine::Load::Closed(prony_engine::ClosedLoad::Users {
        users: 1,
        start_rate: None,
        lasting: std::time::Duration::from_millis(100),
    });
    let result = prony_engine::run(spec, &prony_engine::Control::new(), &mut |_| {}).expect("set up");
    assert_eq!(result.totals.scenarios[0].iterations.cut, 1);
    assert!(result.lasted < std::time::Duration::from_secs(10), "{:?}", result.lasted);
    drop(site);
}

#[test]
fn groups_are_timed_together() {
    let site = Site::open();
    let plan = Plan {
        load: each(2, 3),
        ..Plan::once(
            r#"
steps:
  - group: outer
    steps:
      - http: GET /slow/1
      - group: inner
        steps: [{http: GET /slow/2}]
      - think: 20ms
  - group: failing
    steps:
      - {http: GET /status/500}
      - {http: GET /fine}
"#,
        )
    };
    let done = plan.run(&site);
    let (outer, inner) = (done.group("outer"), done.group("inner"));
    assert_eq!((outer.count, outer.failed, inner.count, inner.failed), (6, 0, 6, 0));
    assert!(outer.time.min().expect("timed") >= 80_000_000, "two slow answers and a pause");
    assert!(inner.time.min().expect("timed") >= 30_000_000);
    assert!(inner.time.max() < outer.time.max());
    assert_eq!((done.group("failing").count, done.group("failing").failed), (6, 6));
}

#[test]
fn a_failure_may_end_the_iteration() {
    let site = Site::open();
    let plan = Plan {
        load: each(1, 4),
        ..Plan::once(
            r#"
on_failure: end_iteration
steps:
  - {http: GET /status/500, name: harmless, on_failure: continue}
  - group: around
    steps:
      - http: GET /first
      - if: "{{iteration}} != 2"
        steps: [{http: GET /status/404, name: fatal}]
      - http: GET /second
  - http: GET /third
"#,
        )
    };
    let done = plan.run(&site);
    let counts = done.result.totals.scenarios[0].iterations;
    assert_eq!((counts.failed, counts.completed), (3, 1));
    assert_eq!((site.count("/first"), site.count("/second"), site.count("/third")), (4, 1, 1));
    assert_eq!((done.group("around").count, done.group("around").failed), (4, 3));
    assert_eq!(done.failures("harmless", FailureKind::StatusServer), 4);
}

#[test]
fn flows_are_chosen_by_weight_and_from_the_seed() {
    let text = r#"
flows:
  - {name: often, weight: 3, steps: [{http: GET /often}]}
  - {weight: 1, steps: [{http: GET /seldom}, {exec: [{steps: [{http: GET /one}]}, {weight: 4, steps: [{http: GET /four}]}]}]}
"#;
    let shares = |seed| {
        let site = Site::open();
        Plan { load: each(20, 60), threads: 2, seed, ..Plan::once(text) }.run(&site);
        ["/often", "/seldom", "/one", "/four"].map(|prefix| site.count(prefix))
    };
    let first = shares(1);
    assert_eq!(first, shares(1), "the same seed makes the same choices");
    assert_ne!(first, shares(2));
    let [often, seldom, one, four] = first.map(|count| count as f64);
    assert_eq!(often + seldom, 1_200.0);
    // Five deviations: √(1200 × ¾ × ¼) = 15, √(300 × ⅕ × ⅘) = 7.
    assert!((often - 900.0).abs() < 75.0, "{often}");
    assert!((four - seldom * 0.8).abs() < 35.0 && one + four == seldom, "{one} {four}");
}

#[test]
fn pauses_last_and_are_in_no_response_time() {
    let site = Site::open();
    let plan = Plan {
        load: each(4, 3),
        ..Plan::once(
            r#"
steps:
  - http: GET /before
  - think: 80ms
  - http: GET /constant
  - think: 50ms..60ms
  - http: GET /range
  - think: {normal: {mean: 40ms, deviation: 1ms}}
  - think: {exponential: {mean: 1ms}}
  - http: GET /last
"#,
        )
    };
    let done = plan.run(&site);
    let iterations = &done.result.totals.scenarios[0].iteration_time;
    assert_eq!(iterations.count(), 12);
    // 80 + 50 + 40 less five deviations.
    assert!(iterations.min().expect("timed") >= 165_000_000, "{:?}", iterations.min());
    for name in ["GET /constant", "GET /range", "GET /last"] {
        let step = done.step(name);
        assert_eq!(step.requests, 12);
        assert!(step.response.quantile(0.5).expect("timed") < 40_000_000, "{name}: the pause is not in it");
    }
}
