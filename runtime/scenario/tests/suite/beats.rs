//! Users who stay: set-up done once, beats, and waiting for the end of the load.

use std::time::Duration;

use prony_engine::{ClosedLoad, Control, Ended, Load, UserStage};

use crate::site::{Plan, Site, each, endless};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn users(users: u32, lasting: Duration) -> Load {
    Load::Closed(ClosedLoad::Users { users, start_rate: None, lasting })
}

#[test]
fn set_up_is_done_in_a_users_first_iteration() {
    let site = Site::open();
    let text = r#"
steps:
  - once:
      - http: GET /connect
      - http: GET /status/500
      - repeat: 2
        steps: [{once: [{http: GET /inner}]}]
  - http: GET /work
"#;
    Plan { load: each(3, 4), threads: 2, ..Plan::once(text) }.run(&site);
    let counts = ["/connect", "/status/500", "/inner", "/work"].map(|prefix| site.count(prefix));
    assert_eq!(counts, [3, 3, 3, 12]);
}

#[test]
fn set_up_that_ended_its_iteration_is_done_again() {
    let site = Site::open();
    let text = r#"
steps:
  - once:
      - http: GET /connect
      - if: "{{iteration}} < 2"
        steps: [{http: GET /status/500, on_failure: end_iteration}]
      - http: GET /ready
  - http: GET /work
"#;
    Plan { load: each(1, 5), ..Plan::once(text) }.run(&site);
    assert_eq!(["/connect", "/ready", "/work"].map(|prefix| site.count(prefix)), [3, 1, 3]);
}

#[test]
fn set_up_is_done_again_by_a_user_that_was_away() {
    let site = Site::open();
    let stage = |users, over| UserStage { users, over: ms(over) };
    let stages = vec![stage(2, 0), stage(2, 60), stage(0, 0), stage(0, 40), stage(2, 0), stage(2, 60)];
    let text = "steps: [{once: [{http: GET /connect}]}, {http: GET /work}, {think: 5ms}]";
    Plan { load: Load::Closed(ClosedLoad::Stages(stages)), ..Plan::once(text) }.run(&site);
    assert_eq!(site.count("/connect"), 4);
    assert!(site.count("/work") >= 4);
}

#[test]
fn beats_are_due_at_their_times_and_none_is_left_out() {
    let site = Site::open();
    // Each takes 30 ms and the next is due after 20: the fifth comes 40 ms late, and takes 70 from when it was due.
    let text = "steps: [{every: 20ms, times: 5, steps: [{http: GET /slow}]}, {http: GET /after}]";
    let done = Plan { load: each(2, 1), ..Plan::once(text) }.run(&site);
    let beats = done.step("GET /slow");
    assert_eq!(beats.requests, 10);
    assert!(beats.response.max() >= Some(70_000_000), "{:?}", beats.response.max());
    assert!(beats.service.quantile(0.5) < beats.response.quantile(0.5));
    let after = done.step("GET /after");
    assert_eq!(after.requests, 2);
    assert!(after.response.quantile(1.0) < Some(60_000_000), "it is due when the beats are over");
    assert_eq!(done.result.totals.scenarios[0].iterations.completed, 2);
}

#[test]
fn beats_go_on_until_the_load_ends_and_no_further() {
    let site = Site::open();
    let text = r#"
steps:
  - every: 20ms
    steps: [{http: GET /beat}, {http: GET /same}]
  - http: GET /last
"#;
    let done = Plan { load: users(5, ms(190)), threads: 2, ..Plan::once(text) }.run(&site);
    // Due at 0, 20, … 180 ms.
    assert_eq!(["/beat", "/same", "/last"].map(|prefix| site.count(prefix)), [50, 50, 5]);
    let counts = done.result.totals.scenarios[0].iterations;
    assert_eq!((counts.started, counts.completed), (5, 5), "who stays to the end has done all of it");
    assert!(done.result.lasted < ms(5_000), "{:?}", done.result.lasted);
}

#[test]
fn random_phases_spread_users_over_the_period() {
    let site = Site::open();
    let text = "steps: [{every: 200ms, phase: random, times: 1, steps: [{http: GET /beat}]}]";
    let done = Plan { load: each(60, 1), threads: 2, ..Plan::once(text) }.run(&site);
    let ended = &done.result.totals.scenarios[0].iteration_time;
    // Of 60 users, nobody in a third of the period: one in 10¹⁰ runs.
    assert!(ended.min().is_some_and(|first| first < 70_000_000), "{:?}", ended.min());
    assert!(ended.max() > Some(130_000_000), "{:?}", ended.max());
    assert!(ended.quantile(0.5).is_some_and(|middle| (40_000_000..170_000_000).contains(&middle)));
    // The phase is no part of a response time.
    assert!(done.step("GET /beat").response.quantile(0.5).is_some_and(|middle| middle < 60_000_000));
}

#[test]
fn who_stays_waits_for_the_end_of_the_load_or_so_long() {
    let site = Site::open();
    let text = "steps: [{http: GET /connect}, {stay: true}, {http: GET /bye}]";
    let done = Plan { load: users(3, ms(150)), ..Plan::once(text) }.run(&site);
    assert_eq!(["/connect", "/bye"].map(|prefix| site.count(prefix)), [3, 3]);
    assert_eq!(done.result.totals.scenarios[0].iterations.completed, 3);
    assert!(done.result.lasted >= ms(150) && done.result.lasted < ms(5_000), "{:?}", done.result.lasted);

    let done =
        Plan { load: each(1, 3), ..Plan::once("steps: [{stay: 30ms}, {http: GET /often}]") }.run(&site);
    assert_eq!(site.count("/often"), 3);
    assert!(done.result.totals.scenarios[0].iteration_time.min() >= Some(30_000_000));
}

#[test]
fn who_is_told_to_stop_has_no_more_beats_and_comes_to_its_end() {
    let site = Site::open();
    for (beats, end) in [
        ("{every: 10ms, steps: [{http: GET /a}]}", "/end-of-beats"),
        ("{every: 1h, steps: [{http: GET /b}]}", "/end-of-a-long-wait"),
        ("{stay: true}", "/end-of-staying"),
    ] {
        let text = format!("steps: [{beats}, {{http: GET {end}}}]");
        let plan = Plan { load: endless(20), threads: 2, ..Plan::once(&text) };
        let (_, spec) = plan.compile(&site.target()).expect("a good plan");
        let control = Control::new();
        let stop = control.clone();
        let result = prony_engine::run(spec, &control, &mut |_| stop.interrupt()).expect("set up");
        assert_eq!(result.ended, Ended::Interrupted);
        let counts = result.totals.scenarios[0].iterations;
        assert_eq!((counts.completed, counts.cut), (20, 0), "{beats}");
        assert_eq!(site.count(end), 20);
    }
    assert_eq!(site.count("/b"), 20);
}

#[test]
fn what_would_never_end_is_no_plan() {
    let mistake = |text: &str| Plan::once(text).compile("http://127.0.0.1:9").map(drop).expect_err(text);
    let endless = ["{every: 1s, steps: [{http: GET /}]}", "{stay: true}"];
    for step in endless {
        for load in ["{users: 2, iterations: 5}", "{users: 2, shared_iterations: 5}"] {
            let told = mistake(&format!("load: {load}\nsteps: [{step}]"));
            assert!(told.contains("would never end") && told.contains("counts iterations"), "{told}");
        }
        for load in ["{users: 2, iterations: 5, at_most: 1m}", "{users: 2, for: 1m}", "{rate: 5/s, for: 1m}"]
        {
            let text = format!("load: {load}\nsteps: [{{http: GET /}}, {step}]");
            Plan::once(&text).compile("http://127.0.0.1:9").expect("it has an end");
        }
    }
    let text =
        "load: {users: 2, iterations: 5}\nsteps: [{every: 1s, times: 3, steps: [{http: GET /}]}, {stay: 1s}]";
    Plan::once(text).compile("http://127.0.0.1:9").expect("it has an end");
}

#[test]
fn mistakes_in_steps_that_stay_are_told() {
    for (text, told) in [
        ("{every: 1s}", "`every` without steps"),
        ("{every: 0s, steps: [{http: GET /}]}", "0s"),
        ("{think: 1s, phase: random}", "`phase` beside `think`"),
        ("{every: 1s, phase: late, steps: [{http: GET /}]}", "late"),
        ("{every: 1s, times: 0, steps: [{http: GET /}]}", "0"),
        ("{stay: false}", "found `false`"),
        ("{stay: soon}", "found `soon`"),
        ("{once: [{http: GET /}], check: [status == 200]}", "`check` beside `once`"),
        ("{mqtt: {devices: {}}, check: [status == 200]}", "short for several"),
        ("{mqtt: {devices: {}}, name: all}", "short for several"),
    ] {
        let text = format!("steps: [{text}]");
        let mistake = Plan::once(&text).compile("http://127.0.0.1:9").map(drop).expect_err(&text);
        assert!(mistake.contains(told), "{mistake}");
    }
}

#[test]
fn a_step_may_stand_for_several() {
    let text = "steps: [{mqtt: {devices: {publish: {topic: a, every: 10s, text: x}}}}]";
    let (catalog, _) = Plan::once(text).compile("mqtt://127.0.0.1:1883").expect("a good plan");
    let names: Vec<&str> = catalog.steps.iter().map(|step| step.name.as_str()).collect();
    assert!(names.len() >= 2 && names.iter().any(|name| name.contains("connect")), "{names:?}");
}
