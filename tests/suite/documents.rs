//! What people copy from: the example plans, and the plans in the documents. All are right, fit the schema, and run.
//!
//! In README.md and docs/*.md a block fenced as `yaml` is a complete plan, and `prony check` must find nothing wrong with
//! it; files it names are those of `plans/`, plugins those of `tests/guests/0.1.0/`, `.proto` files those of the embedded gRPC
//! target. A block that is only a part of a plan is fenced as `yaml fragment`.

use std::path::{Path, PathBuf};

use prony_core::{Source, document};
use serde_json::Value as Json;

use crate::binary::{Prony, Served};

/// Where example plans are.
const FOLDERS: [&str; 4] = ["plans", "plans/mqtt", "plans/grpc", "plans/ws"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder} holds no .{extension}");
    paths
}

/// The blocks of a document fenced as `yaml`, each with the line it begins at.
fn plans_in(text: &str) -> Vec<(usize, String)> {
    let mut plans = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some((indent, info.trim() == "yaml", String::new())),
            (Some(_), Some((_, is_plan, block))) => {
                if is_plan {
                    plans.push((number - block.lines().count() + 1, block));
                }
            }
            (None, Some((outer, is_plan, mut block))) => {
                block.push_str(line.get(outer..).unwrap_or_default());
                block.push('\n');
                open = Some((outer, is_plan, block));
            }
            (None, None) => {}
        }
    }
    plans
}

/// A client's certificate and key, which the plan for mutual TLS asks for, and a certificate to trust.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        for (name, pem) in [
            ("ca.pem", made.cert.pem()),
            ("client.pem", made.cert.pem()),
            ("key.pem", made.signing_key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), pem).expect("written");
        }
        Self(folder)
    }

    fn given_to(&self, prony: Prony) -> Prony {
        let path = |name: &str| self.0.path().join(name).to_string_lossy().into_owned();
        prony
            .environment("CA", &path("ca.pem"))
            .environment("CERTIFICATE", &path("client.pem"))
            .environment("KEY", &path("key.pem"))
    }
}

fn assert_right(path: &Path, shown: &str, certificates: &Certificates) {
    let checked = certificates.given_to(Prony::with(&["check", &path.to_string_lossy()])).finish();
    assert_eq!(checked.exit_code(), 0, "{shown}\n{}{}", checked.stdout, checked.stderr);
}

#[test]
fn example_plans_are_right() {
    let certificates = Certificates::new();
    for path in FOLDERS.into_iter().flat_map(|folder| files(folder, "yaml")) {
        assert_right(&path, &path.to_string_lossy(), &certificates);
    }
}

#[test]
fn plans_in_documents_are_right() {
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().expect("a folder");
    let beside = [
        ("plans", "csv"),
        ("plans", "txt"),
        ("tests/guests/0.1.0", "wasm"),
        ("protocol-grpc/proto/prony/demo/v1", "proto"),
    ];
    for path in beside.into_iter().flat_map(|(from, extension)| files(from, extension)) {
        let name = path.file_name().expect("a name");
        std::fs::copy(&path, folder.path().join(name)).expect("copied");
    }
    let mut found = 0;
    for document in files("docs", "md").into_iter().chain([root().join("README.md")]) {
        let text = std::fs::read_to_string(&document).expect("a document");
        for (line, plan) in plans_in(&text) {
            let path = folder.path().join("plan.yaml");
            std::fs::write(&path, &plan).expect("written");
            assert_right(&path, &format!("{}:{line}", document.display()), &certificates);
            found += 1;
        }
    }
    assert!(found >= 10, "only {found} plans were found in the documents");
}

#[test]
fn example_plans_fit_the_schema() {
    let validator = jsonschema::validator_for(&prony::plan::schema()).expect("a schema");
    let mut texts: Vec<(String, String)> = FOLDERS
        .into_iter()
        .flat_map(|folder| files(folder, "yaml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).expect("a plan")))
        .collect();
    for document in files("docs", "md").into_iter().chain([root().join("README.md")]) {
        let text = std::fs::read_to_string(&document).expect("a document");
        let plans = plans_in(&text).into_iter();
        texts.extend(plans.map(|(line, plan)| (format!("{}:{line}", document.display()), plan)));
    }
    for (name, text) in texts {
        let plan = document::parse(&Source::new(&name, text)).expect("YAML").to_json();
        let mistakes: Vec<String> = validator
            .iter_errors(&plan)
            .map(|mistake| format!("{}: {mistake}", mistake.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?}");
    }
}

/// Runs an example plan, shortened by `settings`, against the target inside; its summary.
fn run_example(name: &str, settings: &[&str]) -> Json {
    let target = Served::start();
    let certificates = Certificates::new();
    std::fs::copy(target.certificate(), certificates.0.path().join("ca.pem")).expect("copied");
    let results = certificates.0.path().join("results");
    let plan = root().join("plans").join(name);
    let address = if name == "mtls.yaml" { target.https() } else { target.http() };
    let mut arguments = vec!["run".to_owned(), plan.to_string_lossy().into_owned(), "--quiet".to_owned()];
    arguments.extend(["--out".to_owned(), results.to_string_lossy().into_owned()]);
    arguments.extend(settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = certificates.given_to(Prony::with(&arguments).environment("TARGET", address)).finish();
    let summary = std::fs::read_to_string(results.join("summary.json"))
        .unwrap_or_else(|error| panic!("{name}: {error}\n{}{}", run.stdout, run.stderr));
    serde_json::from_str(&summary).expect("JSON")
}

/// Every scenario of an example sends something, and nothing of it fails. Times are left out: this machine may be busy.
fn assert_runs(name: &str, settings: &[&str]) {
    let summary = run_example(name, settings);
    for (scenario, figures) in summary["scenarios"].as_object().expect("scenarios") {
        assert!(
            figures["requests"].as_u64().expect("a count") > 0,
            "{name}: {scenario} sent nothing: {summary:#}"
        );
        assert_eq!(figures["failures"]["total"], 0, "{name}: {scenario}: {summary:#}");
    }
}

#[test]
fn the_everyday_tests_of_other_tools_run() {
    let stage = |number: usize| format!("scenarios.visit.load.stages.{number}.over=1s");
    let (up, hold, down) = (stage(0), stage(1), stage(2));
    let calm = "scenarios.visit.steps.0.check=[status == 200, time < 5s]";
    assert_runs("everyday-ramp.yaml", &[&up, &hold, &down, "scenarios.visit.steps.1.think=50ms", calm]);
    assert_runs(
        "everyday-browse.yaml",
        &["scenarios.shop.load.for=2s", "scenarios.shop.steps.0.think=100ms..300ms"],
    );
    let summary = run_example("everyday-pause.yaml", &["scenarios.visit.steps.1.think=100ms"]);
    assert_eq!(summary["scenarios"]["visit"]["requests"], 10, "10 users, once each");
}

#[test]
fn every_other_example_runs() {
    assert_runs("nginx-closed.yaml", &["scenarios.page.load.for=1s"]);
    assert_runs("nginx-open.yaml", &["scenarios.page.load.for=1s", "scenarios.page.warmup=0s"]);
    assert_runs(
        "shop.yaml",
        &[
            "scenarios.browse.load.for=1s",
            "scenarios.browse.steps.0.check=status == 200",
            "scenarios.buy.load={users: 2, iterations: 1}",
        ],
    );
    assert_runs(
        "poisson-thresholds.yaml",
        &["scenarios.items.load.stages.0.over=1s", "scenarios.items.load.stages.1.over=1s"],
    );
    assert_runs(
        "login-from-csv.yaml",
        &["scenarios.login.load={users: 5, iterations: 2}", "scenarios.login.steps.2.think=10ms"],
    );
    assert_runs("http2-pool.yaml", &["scenarios.items.load.for=1s"]);
    assert_runs("mtls.yaml", &["scenarios.handshakes.load.for=1s", "scenarios.requests.load.for=1s"]);
    assert_runs("replay.yaml", &[]);
    assert_runs(
        "flows.yaml",
        &["scenarios.visitors.load={users: 20, iterations: 2}", "scenarios.visitors.iteration_every=100ms"],
    );
}

/// Two providers compiled into one binary panic at the first handshake; ring is the one named everywhere.
#[test]
fn there_is_one_crypto_provider() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let packages: Vec<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(packages.contains(&"ring") && packages.contains(&"rustls"), "rustls and ring are there");
    for other in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "rustls-openssl", "native-tls"] {
        assert!(
            !packages.contains(&other),
            "{other} is in the dependency graph; `cargo tree -i {other}` tells why"
        );
    }
}
