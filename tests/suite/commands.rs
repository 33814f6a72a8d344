//! The commands as people type them: what they print, where to, and how they end.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

use crate::binary::{BINARY, Finished, Plan, Prony, Served};
use crate::servers::Server;

const COMMANDS: [&str; 9] = ["run", "http", "grpc", "mqtt", "check", "schema", "report", "demo", "serve"];

/// A server that answers every request and keeps its text.
fn recording() -> (Server, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let server = Server::tcp(move |peer| {
        while let Some(request) = peer.request() {
            kept.lock().expect("a list").push(request);
            if !peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") {
                return;
            }
        }
    });
    (server, requests)
}

/// A plan of one user who asks `target` for `/` so often.
fn plan(target: &str, iterations: u32) -> Plan {
    Plan::new(&format!(
        "target: {target}\nscenarios:\n  main:\n    load: {{users: 1, iterations: {iterations}}}\n    steps:\n      - {{http: GET /, check: status == 200}}\n"
    ))
}

/// Runs it until the machine was quiet enough for a verdict other than INVALID, five times at most.
fn quietly(run: impl Fn() -> Finished) -> Finished {
    let mut last = run();
    for _ in 0..4 {
        if last.exit_code() != 4 {
            break;
        }
        last = run();
    }
    last
}

fn summary_in(folder: &Path) -> Json {
    let text = std::fs::read_to_string(folder.join("summary.json")).expect("a stored run");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn every_command_tells_how_it_is_used() {
    let version = Prony::with(&["--version"]).finish();
    assert_eq!(version.exit_code(), 0);
    assert_eq!(version.stdout, format!("prony {}\n", env!("CARGO_PKG_VERSION")));
    let all = Prony::with(&["--help"]).finish();
    assert_eq!(all.exit_code(), 0);
    assert!(all.stdout.contains("Exit codes: 0 passed, 1 thresholds failed"), "{}", all.stdout);
    for command in COMMANDS {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command} is not listed: {}", all.stdout);
        for flag in ["--help", "-h"] {
            let help = Prony::with(&[command, flag]).finish();
            assert_eq!(help.exit_code(), 0, "{command} {flag}");
            assert!(help.stdout.contains(&format!("Usage: prony {command}")), "{command}: {}", help.stdout);
            assert!(help.stderr.is_empty(), "{command}: {}", help.stderr);
        }
    }
}

#[test]
fn the_schema_takes_plans_and_refuses_what_is_none() {
    let printed = Prony::with(&["schema"]).finish();
    assert_eq!(printed.exit_code(), 0);
    let schema: Json = serde_json::from_str(&printed.stdout).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema), "it is a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let scenario = serde_json::json!({
        "load": {"users": 1, "iterations": 1},
        "steps": [{"http": "GET /", "check": ["status == 200"]}],
    });
    let right = serde_json::json!({"target": "http://a", "scenarios": {"main": scenario}});
    assert!(validator.is_valid(&right));
    for (path, value) in [
        ("/target", serde_json::json!([1])),
        ("/scenarios", serde_json::json!([])),
        ("/scenarios/main/load", serde_json::json!("500/s")),
        ("/scenarios/main/load/users", serde_json::json!(0)),
        ("/scenarios/main/load/iterations", serde_json::json!("many")),
        ("/scenarios/main/steps", serde_json::json!([])),
        ("/scenarios/main/steps/0", serde_json::json!({"htpp": "GET /"})),
        ("/scenarios/main/steps/0/http", serde_json::json!({"get": "/", "timeout": {}})),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(path).expect("a place") = value.clone();
        assert!(!validator.is_valid(&wrong), "{path} = {value} is taken");
    }
    let (load, step) = ("/scenarios/main/load", "/scenarios/main/steps/0");
    for (path, key, value, fits) in [
        (load, "for", serde_json::json!(0), true),
        (load, "for", serde_json::json!("1h 30m 2.5s 10µs"), true),
        (load, "for", serde_json::json!("${TIME}"), true),
        (load, "for", serde_json::json!(10), false),
        (load, "for", serde_json::json!("10"), false),
        (load, "for", serde_json::json!("soon"), false),
        (load, "rate", serde_json::json!("0.5 / sec"), true),
        (load, "rate", serde_json::json!("${RATE:-5/s}"), true),
        (load, "rate", serde_json::json!(500), false),
        (load, "rate", serde_json::json!("500"), false),
        (step, "think", serde_json::json!("250ms..1m30s"), true),
        (step, "think", serde_json::json!({"exponential": {"mean": "2s"}}), true),
        (step, "think", serde_json::json!(1), false),
        (step, "think", serde_json::json!("1s.."), false),
    ] {
        let mut plan = right.clone();
        plan.pointer_mut(path).expect("a place")[key] = value.clone();
        assert_eq!(validator.is_valid(&plan), fits, "{path}/{key} = {value}");
    }
}

#[test]
fn check_tells_what_a_plan_would_do_and_does_nothing() {
    let (server, requests) = recording();
    let plan = Plan::new(&format!(
        "target: {}\nscenarios:\n  main:\n    load: {{rate: 20/s, for: 3s}}\n    steps:\n      - {{http: GET /a, check: status == 200}}\n      \
         - {{http: GET /b, name: second}}\nthresholds: [failures.rate < 1%, main: checks.rate > 99%, main / second: response_time.p95 < 1s]\n",
        server.http()
    ));
    let checked = Prony::with(&["check", &plan.path().to_string_lossy()]).finish();
    assert_eq!(checked.exit_code(), 0, "{}", checked.stderr);
    for line in [
        "plan.yaml: the plan is right",
        &format!("target {}", server.http()),
        "scenario main: 20/s for 3s",
        "http GET /a (1 check)",
        "http second",
        "threshold failures.rate < 1%",
        "threshold main: checks.rate > 99%",
        "threshold main / second: response_time.p95 < 1s",
    ] {
        assert!(checked.stdout.contains(line), "{line}\n{}", checked.stdout);
    }
    assert_eq!(server.connections(), 0);
    assert!(requests.lock().expect("a list").is_empty());
}

#[test]
fn the_quick_form_takes_habits_of_other_tools() {
    let printed = |flags: &[&str]| {
        let run = Prony::with(&["http", "http://127.0.0.1:9", "--print-plan"]).arguments(flags).finish();
        assert_eq!(run.exit_code(), 0, "{flags:?} {}", run.stderr);
        run.stdout
    };
    let ours = printed(&["--users", "3", "--for", "5s", "--connections", "2"]);
    assert_eq!(printed(&["--vus", "3", "--duration", "5s", "--connections", "2"]), ours);
    assert_eq!(printed(&["-c", "3", "-d", "5s", "--connections", "2"]), ours);
    let load = "    load:\n      rate: 10/s\n      for: 5s\n";
    let counted = printed(&["-n", "50", "--rate", "10/s"]);
    assert!(counted.contains(load), "{counted}");
}

#[test]
fn the_quick_form_is_a_plan_that_sends_the_same() {
    let body = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(body.path(), "from a file").expect("written");
    let from_file = format!("@{}", body.path().display());
    for flags in [
        &[][..],
        &["-X", "DELETE", "-H", "X-One: 1", "-H", "x-two:  two words ", "--timeout", "5s"],
        &["--json", r#"{"a": [1, "ü", null]}"#, "--check", "status == 200"],
        &["--body", "a: {b}", "--threshold", "failures.rate < 1%", "--redirects", "2"],
        &["--body", &from_file, "--new-connections"],
        &["--connections", "2", "--http", "1.1"],
    ] {
        let (server, requests) = recording();
        let url = format!("{}/items/{{{{random.int 1 1000000}}}}?user={{{{user.id}}}}", server.http());
        let mut arguments = vec!["http", &url, "--users", "1", "--requests", "12"];
        arguments.extend(flags);
        let running = ["--seed", "7", "--threads", "1", "--quiet"];
        let sent = |run: Finished| {
            assert!(matches!(run.exit_code(), 0 | 4), "{flags:?} {}", run.stderr);
            let mut sent = std::mem::take(&mut *requests.lock().expect("a list"));
            sent.sort();
            assert_eq!(sent.len(), 12, "{flags:?}");
            sent
        };
        let quick = sent(Prony::with(&arguments).arguments(&running).finish());
        let printed = Prony::with(&arguments).arguments(&["--print-plan"]).finish();
        assert_eq!(printed.exit_code(), 0, "{}", printed.stderr);
        assert!(requests.lock().expect("a list").is_empty(), "nothing is sent by printing");
        let plan = Plan::new(&printed.stdout);
        let slow = sent(Prony::run(&plan).arguments(&running).finish());
        assert_eq!(quick, slow, "{flags:?}\n{}", printed.stdout);
    }
}

#[test]
fn the_quick_form_starts_as_many_as_asked() {
    let target = Served::start();
    let folder = tempfile::tempdir().expect("a folder");
    let asked = [("3", 10), ("1000/s", 2_500), ("7", 1), ("333.3/s", 1_000), ("90/m", 2)];
    let started: Vec<_> = asked
        .iter()
        .map(|(rate, requests)| {
            let out = folder.path().join(format!("{requests}")).to_string_lossy().into_owned();
            let requests = requests.to_string();
            Prony::with(&[
                "http",
                target.http(),
                "--rate",
                rate,
                "--requests",
                &requests,
                "--quiet",
                "--out",
                &out,
            ])
            .start()
        })
        .collect();
    for (running, (rate, requests)) in started.into_iter().zip(asked) {
        let run = running.finish();
        assert!(matches!(run.exit_code(), 0 | 4), "{}", run.stderr);
        let summary = summary_in(&folder.path().join(requests.to_string()));
        assert_eq!(summary["scenarios"]["main"]["due"], requests, "{requests} at {rate}");
        assert_eq!(summary["run"]["requests"], requests, "{requests} at {rate}");
    }
    assert_eq!(target.requests_seen(), asked.map(|(_, requests)| requests).iter().sum::<u64>());
}

#[test]
fn flags_of_a_run_do_what_they_say() {
    let target = Served::start();
    let plan = plan(target.http(), 3);
    let run = Prony::run(&plan)
        .arguments(&["--set", "scenarios.main.load.iterations=5", "--set", "name=renamed"])
        .arguments(&["--threads", "3", "--seed", "12345", "--quiet"])
        .finish();
    assert!(run.stderr.is_empty(), "quiet: {}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["run"]["requests"], 5);
    assert_eq!(summary["plan"], "renamed");
    assert_eq!(summary["seed"], 12_345);
    assert_eq!(summary["generator"]["threads"], 3);
    assert_eq!(summary["generator"]["pacing"], "normal");
    assert!(run.stdout.contains("seed 12345"), "{}", run.stdout);
    let kept = std::fs::read_to_string(run.results().join("plan.yaml")).expect("the plan as it was run");
    assert!(kept.contains("renamed") && kept.contains('5'), "{kept}");
}

#[test]
fn the_exit_code_says_how_a_run_ended_and_a_report_repeats_it() {
    let target = Served::start();
    for (threshold, code) in [("failures.rate == 0%", 0), ("response_time.max < 1ns", 1)] {
        let plan = || {
            Plan::new(&format!(
                "target: {}\nscenarios: {{main: {{load: {{users: 1, for: 1s}}, steps: [{{http: 'GET /'}}, {{think: 20ms}}]}}}}\n\
                 thresholds: ['{threshold}']\n",
                target.http()
            ))
        };
        let plans = std::cell::RefCell::new(Vec::new());
        let run = quietly(|| {
            plans.borrow_mut().push(plan());
            Prony::run(plans.borrow().last().expect("a plan")).finish()
        });
        assert!([code, 4].contains(&run.exit_code()), "{threshold}: {}\n{}", run.exit_code(), run.stdout);
        let results = run.results().to_string_lossy().into_owned();
        let report = Prony::with(&["report", &results]).finish();
        assert_eq!(report.exit_code(), run.exit_code());
        let (said, stored) = run.stdout.split_once("\nstored in ").expect("where it is stored");
        assert_eq!(report.stdout, said);
        assert!(stored.contains(&results), "{stored}");
    }
}

#[test]
fn what_is_no_terminal_gets_no_colours() {
    let target = Served::start();
    let plan = plan(target.http(), 2);
    let path = plan.path().to_string_lossy().into_owned();
    for run in [
        Prony::run(&plan).finish(),
        Prony::with(&["--help"]).finish(),
        Prony::with(&["check", &path]).finish(),
        Prony::with(&["run", &path, "--set", "nope=1"]).finish(),
        Prony::with(&["run", "/nope"]).finish(),
        Prony::with(&["run"]).finish(),
        Prony::with(&["http", "http://127.0.0.1:9", "-n", "3"]).finish(),
    ] {
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{run:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let target = Served::start();
    let plan = plan(target.http(), 2);
    let path = plan.path().to_string_lossy().into_owned();
    for arguments in
        [&["schema"][..], &["--help"], &["http", "--help"], &["check", &path], &["run", &path, "--quiet"]]
    {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // Before a byte was written, as `prony … | true` may.
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("its errors").read_to_string(&mut stderr).expect("text");
        let code = child.wait().expect("it ends").code();
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
        assert!(matches!(code, Some(0 | 4)), "{arguments:?}: {code:?} {stderr}");
    }
}

#[test]
fn serve_says_that_its_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for flags in
        [&["serve", "--http", &address][..], &["serve", "--http", "127.0.0.1:0", "--https", &address]]
    {
        let run = Prony::with(flags).finish_within(Duration::from_secs(10));
        assert_eq!(run.exit_code(), 3, "{}", run.stderr);
        let told = format!("cannot listen on {address}");
        assert!(run.stderr.contains(&told) && run.stderr.contains("take another port"), "{}", run.stderr);
    }
}

#[test]
fn the_demo_ends_with_how_to_go_on() {
    let run = Prony::with(&["demo", "--quiet"]).finish_within(Duration::from_secs(60));
    // On a machine that is busy with other tests the run may be INVALID, or its thresholds may not hold.
    assert!(matches!(run.exit_code(), 0 | 1 | 4), "{}\n{}", run.exit_code(), run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    for scenario in ["browse · open", "buy · closed"] {
        assert!(run.stdout.contains(scenario), "{}", run.stdout);
    }
    let last = run.stdout.trim_end().lines().last().expect("a line");
    assert!(last.contains("Point Prony at your own: prony http http://"), "{last}");
}

#[test]
fn a_small_share_of_traces_is_what_was_typed() {
    for (typed, printed) in [("0.0001%", "0.0001%"), ("1%", "1%"), ("0.07", "7%"), ("1", "100%")] {
        let flags = ["http", "http://127.0.0.1:9", "--print-plan", "--trace", typed];
        let run = Prony::with(&flags).finish();
        assert_eq!(run.exit_code(), 0, "{typed}: {}", run.stderr);
        assert!(run.stdout.contains(&format!("trace: {printed}\n")), "{typed}: {}", run.stdout);
    }
}
