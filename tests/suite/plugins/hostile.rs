//! Guests that misbehave, each beside a scenario of plan steps: the run goes on, the other scenario is whole, and the culprit is
//! named.

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Ran, guest};
use crate::binary::{Prony, Served};

/// Runs a deed beside a good scenario of 200 requests in a second.
fn beside(target: &Served, bad: &Path, deed: &str, more: &str) -> Ran {
    let plan = format!(
        r#"
target: {}
graceful_stop: 3s
scenarios:
  good:
    load: {{rate: 100/s, for: 2s}}
    steps: [{{http: GET /items, check: status == 200}}]
  culprit:
    load: {{users: 4, for: 1s}}
    plugin: {{path: {}, config: {{do: {deed}}}, limits: {{memory: 32mb, slice: 200ms, traps: 100000}}{more}}}
"#,
        target.http(),
        bad.display()
    );
    Ran::new(&plan, |plan| Prony::run(plan).finish_within(Duration::from_secs(60)))
}

fn good_is_whole(finished: &Ran, deed: &str) -> Json {
    let summary = &finished.summary;
    let good = &summary["scenarios"]["good"];
    assert_eq!(good["requests"], 200, "{deed}: {}", finished.stdout);
    assert_eq!(good["failures"]["total"], 0, "{deed}: {}", finished.stdout);
    assert_eq!(good["dropped"]["total"], 0, "{deed}: {}", finished.stdout);
    assert_eq!(good["iterations"]["completed"], 200, "{deed}: {}", finished.stdout);
    summary["scenarios"]["culprit"].clone()
}

#[test]
fn guests_that_are_ended_are_replaced_and_the_rest_of_the_run_is_whole() {
    let test = "guests_that_are_ended_are_replaced_and_the_rest_of_the_run_is_whole";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    for (deed, reason, words) in [
        ("panic", "trap", "deliberate panic of user"),
        ("loop", "slice", "computed without giving control back for longer than 200ms"),
        ("memory", "memory", "it wanted more than the 32000000 bytes of memory"),
        ("recursion", "trap", ""),
        ("exit", "exit", "asked to end the process with code"),
    ] {
        for isolation in ["", ", isolation: user", ", isolation: {users: 2}"] {
            let finished = beside(&target, &bad, deed, isolation);
            let culprit = good_is_whole(&finished, deed);
            let ended = &culprit["guests"]["ended"];
            assert!(ended["by_reason"][reason].as_u64() >= Some(1), "{deed}: {culprit}");
            assert_eq!(ended["total"], ended["by_reason"][reason], "{deed}: one reason: {ended}");
            assert!(culprit["iterations"]["failed"].as_u64() >= Some(4), "{deed}: {}", finished.stdout);
            assert!(culprit["guests"]["made"].as_u64() >= ended["total"].as_u64(), "{deed}: {culprit}");
            let notices = culprit["notices"].to_string();
            assert!(notices.contains("bad.wasm was ended") && notices.contains(words), "{deed}: {notices}");
            if isolation == ", isolation: user" {
                assert_eq!(culprit["guests"]["lost_users"], 0, "{deed}: alone in an instance: {culprit}");
            }
        }
    }
}

#[test]
fn a_panic_is_told_with_its_place_and_the_guests_own_backtrace() {
    let test = "a_panic_is_told_with_its_place_and_the_guests_own_backtrace";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    let culprit = good_is_whole(&beside(&target, &bad, "panic", ""), "panic");
    let notices = culprit["notices"].to_string();
    assert!(notices.contains("panicked at") && notices.contains("src/lib.rs"), "{notices}");
    assert!(notices.contains("; in ") && notices.contains("bad::"), "{notices}");
}

#[test]
fn what_a_guest_sent_before_its_end_is_counted_once() {
    let test = "what_a_guest_sent_before_its_end_is_counted_once";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    let before = target.requests_seen();
    let finished = beside(&target, &bad, "panic_sometimes", "");
    let culprit = good_is_whole(&finished, "panic_sometimes");
    let (requests, seen) = (culprit["requests"].as_u64().expect("a number"), target.requests_seen() - before);
    assert!(culprit["guests"]["ended"]["total"].as_u64() >= Some(1), "{culprit}");
    // What was in the air when an instance ended is counted and may or may not have arrived.
    let in_the_air = culprit["failures"]["by_kind"]["guest"].as_u64().unwrap_or(0);
    let arrived = seen - 200;
    assert!(arrived <= requests && requests <= arrived + in_the_air, "{arrived} arrived, {culprit}");
}

#[test]
fn floods_are_bounded_and_counted() {
    let test = "floods_are_bounded_and_counted";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    let culprit = good_is_whole(&beside(&target, &bad, "log_flood", ""), "log_flood");
    assert!(culprit["guests"]["log_dropped"].as_u64() > Some(1_000), "{culprit}");
    let culprit = good_is_whole(&beside(&target, &bad, "metric_flood", ""), "metric_flood");
    assert!(culprit["guests"]["metrics_dropped"].as_u64() > Some(1_000), "{}", culprit["guests"]);
    assert!(culprit["metrics"].as_object().is_some_and(|metrics| metrics.len() <= 101), "{culprit}");
    assert!(culprit["checks"].as_array().is_some_and(|checks| checks.len() <= 101), "{culprit}");
    let culprit = good_is_whole(&beside(&target, &bad, "name_flood", ""), "name_flood");
    let steps = culprit["steps"].as_object().expect("steps");
    assert_eq!(steps.len(), 101, "a hundred names, and the others");
    assert!(steps["(other)"]["requests"].as_u64() >= Some(1), "{}", steps["(other)"]);
    assert_eq!(culprit["failures"]["total"], 0, "{culprit}");
}

#[test]
fn a_guest_may_only_what_its_plan_allows() {
    let test = "a_guest_may_only_what_its_plan_allows";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    let culprit = good_is_whole(&beside(&target, &bad, "foreign_host", ""), "foreign_host");
    let failures = &culprit["failures"];
    assert_eq!(failures["total"], failures["by_kind"]["refused"], "{culprit}");
    assert!(failures["total"].as_u64() >= Some(1), "{culprit}");
    assert!(
        culprit["notices"].to_string().contains("the plan does not allow its plugin to speak to 192.0.2.1:9"),
        "{culprit}"
    );
    let culprit = good_is_whole(&beside(&target, &bad, "many_requests", ""), "many_requests");
    assert!(culprit["failures"]["by_kind"]["refused"].as_u64() >= Some(900), "{}", culprit["failures"]);
    assert!(culprit["requests"].as_u64() >= Some(1_000), "{culprit}");
    // Environment, clock, files and sockets: what it finds it says in its log.
    let closed = good_is_whole(&beside(&target, &bad, "env", ""), "env")["notices"].to_string();
    assert!(!closed.contains("open-sesame"), "{closed}");
    assert!(closed.contains("946684800"), "the time of day stands still: {closed}");
    let plan = format!(
        "target: {}\nscenarios:\n  culprit:\n    load: {{users: 1, iterations: 1}}\n    plugin: {{path: {}, config: {{do: env}}, allow: {{env: [TOKEN]}}}}\n",
        target.http(),
        bad.display()
    );
    let open = Ran::new(&plan, |plan| Prony::run(plan).environment("TOKEN", "open-sesame").finish());
    let open = open.summary["scenarios"]["culprit"]["notices"].to_string();
    assert!(open.contains("open-sesame"), "{open}");
    for refused in ["file", "socket"] {
        assert!(open.to_lowercase().contains(refused), "{refused}: {open}");
    }
}

#[test]
fn errors_of_a_journey_and_slow_guests_are_no_traps() {
    let test = "errors_of_a_journey_and_slow_guests_are_no_traps";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    for deed in ["error", "slow", "leak_replies", "good"] {
        let finished = beside(&target, &bad, deed, "");
        let culprit = good_is_whole(&finished, deed);
        assert_eq!(culprit["guests"]["ended"]["total"], 0, "{deed}: {culprit}");
        let failed = culprit["iterations"]["failed"].as_u64();
        assert_eq!(failed > Some(0), deed == "error", "{deed}: {culprit}");
    }
    let summary = beside(&target, &bad, "slow", "").summary;
    let rules = summary["verdict"]["reasons"].to_string();
    assert!(rules.contains("culprit"), "{rules}");
}

#[test]
fn too_many_ends_abort_the_run_and_keep_what_was_measured() {
    let test = "too_many_ends_abort_the_run_and_keep_what_was_measured";
    let Some(bad) = guest(test, "bad") else { return };
    let target = Served::start();
    let plan = |more: &str, limits: &str| {
        format!(
            "target: {}\nscenarios:\n  culprit:\n    load: {{users: 2, for: 30s}}\n    plugin: {{path: {}, config: {{do: panic}}{limits}}}\n{more}",
            target.http(),
            bad.display()
        )
    };
    let finished = Ran::new(&plan("", ", limits: {traps: 3}"), |plan| {
        Prony::run(plan).finish_within(Duration::from_secs(25))
    });
    assert_eq!(finished.code, 3, "{}", finished.stdout);
    assert!(finished.stdout.contains("was ended by force"), "{}", finished.stdout);
    assert_eq!(finished.summary["ended"], "failed");
    let threshold = "thresholds:\n  - {when: guest.traps > 4, over: 1s, abort: true}\n";
    let finished =
        Ran::new(&plan(threshold, ""), |plan| Prony::run(plan).finish_within(Duration::from_secs(25)));
    assert_eq!(finished.summary["ended"], "aborted", "{}", finished.stdout);
}
