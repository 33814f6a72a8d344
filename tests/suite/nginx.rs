//! A real nginx, started by the tests: what Prony reports is what nginx's access log has.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::binary::{Finished, Plan, Prony};
use crate::requirements::missing;
use crate::servers::{Authority, Valid};

/// nginx on ports of its own, without and with TLS, and with TLS that asks for the client's certificate.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    ports: [u16; 3],
    authority: Authority,
}

impl Nginx {
    /// Starts it with further settings; `None` when there is none to start.
    pub(crate) fn start(test: &str, settings: &str) -> Option<Self> {
        // Servers live in sbin, which ordinary users do not search.
        let program = ["nginx", "/usr/sbin/nginx"]
            .into_iter()
            .find(|name| Command::new(name).arg("-v").stderr(Stdio::null()).status().is_ok());
        let Some(program) = program else {
            missing(test, "nginx");
            return None;
        };
        // A port that was free a moment ago may be taken by a test beside this one.
        let started = (0..5).find_map(|_| Self::try_to_start(program, settings));
        Some(started.expect("nginx starts"))
    }

    fn try_to_start(program: &str, settings: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new("The authority of nginx");
        let identity = authority.identity("localhost", Valid::Now);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("ca.pem", authority.pem());
        write("certificate.pem", &identity.certificate.pem());
        write("key.pem", &identity.key.serialize_pem());
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let ports = listeners.each_ref().map(|listener| listener.local_addr().expect("an address").port());
        drop(listeners);
        write("nginx.conf", &configuration(&folder.path().to_string_lossy(), ports, settings));
        let mut child = Command::new(program)
            .args(["-p".as_ref(), folder.path().as_os_str(), "-e".as_ref(), "error.log".as_ref()])
            .args(["-c".as_ref(), folder.path().join("nginx.conf").as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx runs");
        for _ in 0..200 {
            if child.try_wait().expect("its state is known").is_some() {
                return None;
            }
            if ports.iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                return Some(Self { child, folder, ports, authority });
            }
            pause(Duration::from_millis(25));
        }
        None
    }

    pub(crate) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    pub(crate) fn https(&self) -> String {
        format!("https://localhost:{}", self.ports[1])
    }

    fn https_for_known_clients(&self) -> String {
        format!("https://localhost:{}", self.ports[2])
    }

    /// A plan that finds the authority's certificate beside it.
    pub(crate) fn plan(&self, text: &str) -> Plan {
        Plan::new(text).with_file("ca.pem", self.authority.pem())
    }

    /// Ends it in good order; the lines of its access log.
    fn log(self) -> Vec<String> {
        self.log_in("access.log")
    }

    /// The same of another log that the settings name.
    pub(crate) fn log_in(mut self, name: &str) -> Vec<String> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-QUIT", &id]).status().expect("kill runs");
        self.child.wait().expect("it ends");
        let log = std::fs::read_to_string(self.path(name)).expect("a log");
        log.lines().map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test itself has to wait; no worker is held up")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn configuration(folder: &str, [http, https, known]: [u16; 3], settings: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        r#"daemon off;
master_process off;
pid {folder}/nginx.pid;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    log_format tests '$server_protocol $status $request_method $request_uri';
    access_log {folder}/access.log tests;
{temporary}
    keepalive_timeout 60s;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    default_type application/json;
    {settings}
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl http2;
        location = /items {{ return 200 '{{"items": [{{"id": 7}}, {{"id": 8}}]}}'; }}
        location = /login {{ add_header x-token secret; return 201 '{{}}'; }}
        location = /me {{
            if ($http_authorization != "Bearer secret") {{ return 401; }}
            return 200 "hello $arg_user";
        }}
        location / {{ return 200 "$request_uri"; }}
    }}
    server {{
        listen 127.0.0.1:{known} ssl;
        ssl_client_certificate {folder}/ca.pem;
        ssl_verify_client on;
        location / {{ return 200 "$ssl_client_s_dn"; }}
    }}
}}
"#
    )
}

/// Two scenarios, an open and a closed one, with data, captures, checks and thresholds.
fn journeys(target: &str, version: &str) -> String {
    format!(
        r#"name: journeys
target: {target}
tls: {{ca: ca.pem, roots: none}}
http: {{version: {version}}}
data: {{users: users.csv}}
scenarios:
  browse:
    load: {{rate: 100/s, for: 2s}}
    steps:
      - http: GET /items
        check: [status == 200, header content-type contains json, 'json $.items[1].id == 8', time < 10s]
        capture: {{id: 'json $.items[0].id'}}
      - http: GET /items/{{{{id}}}}
        check: body == "/items/7"
  buy:
    load: {{users: 5, iterations: 20}}
    on_failure: end_iteration
    steps:
      - http: {{post: /login, json: {{user: "{{{{users.name}}}}", password: "{{{{users.password}}}}"}}}}
        check: status == 201
        capture: {{token: header x-token}}
      - http: {{get: '/me?user={{{{users.name}}}}', bearer: "{{{{token}}}}"}}
        name: me
        check: [status == 200, body matches /^hello (anna|bert|cleo|dora)$/]
      - think: 5ms..15ms
thresholds:
  - failures.rate == 0%
  - checks.rate == 100%
  - browse: response_time.p99 < 5s
  - buy / me: requests.count == 100
"#
    )
}

/// Runs what `make` makes until the machine was quiet enough for a verdict other than INVALID, three times at most.
fn run_quietly<T>(make: impl Fn() -> Option<(T, Plan)>) -> Option<(T, Plan, Finished)> {
    let mut last = None;
    for _ in 0..3 {
        let (server, plan) = make()?;
        let run = Prony::run(&plan).arguments(&["--quiet"]).finish_within(Duration::from_secs(30));
        let again = run.exit_code() == 4;
        last = Some((server, plan, run));
        if !again {
            break;
        }
    }
    last
}

/// A plan runs against nginx and passes, nginx has seen what Prony reports, and the stored run reads as the run did.
fn a_plan_runs_against_nginx(test: &str, target: fn(&Nginx) -> String, version: &str, protocol: &str) {
    let made = run_quietly(|| {
        let nginx = Nginx::start(test, "")?;
        let plan = nginx
            .plan(&journeys(&target(&nginx), version))
            .with_file("users.csv", "name,password\nanna,a\nbert,b\ncleo,c\ndora,d\n");
        Some((nginx, plan))
    });
    let Some((nginx, plan, run)) = made else { return };
    assert!(matches!(run.exit_code(), 0 | 4), "{}\n{}\n{}", run.exit_code(), run.stdout, run.stderr);
    let summary = run.summary();
    assert_eq!(summary["run"]["failures"]["total"], 0, "{}", run.stdout);
    let thresholds = summary["thresholds"].as_array().expect("thresholds");
    assert_eq!(thresholds.len(), 4);
    assert!(thresholds.iter().all(|threshold| threshold["passed"] == true), "{thresholds:#?}");
    let scenarios = &summary["scenarios"];
    assert_eq!(scenarios["browse"]["iterations"]["completed"], 200);
    assert_eq!(scenarios["buy"]["iterations"]["completed"], 100);
    assert_eq!(summary["run"]["checks"]["evaluated"], 200 * 5 + 100 * 3);

    let log = nginx.log();
    assert_eq!(summary["run"]["requests"], log.len(), "{}", run.stdout);
    let seen =
        |line: &str| log.iter().filter(|found| found.starts_with(&format!("{protocol} {line}"))).count();
    for (line, step, count) in [
        ("200 GET /items", "", 400),
        ("200 GET /items/7", "browse", 200),
        ("201 POST /login", "buy", 100),
        ("200 GET /me?user=", "buy", 100),
    ] {
        assert_eq!(seen(line), count, "{line} {step}");
    }
    for name in ["anna", "bert", "cleo", "dora"] {
        assert!(seen(&format!("200 GET /me?user={name}")) > 0, "{name} of the file was not used");
    }
    assert_stored(&plan, &run);
}

/// `prony report` says again what the run said.
fn assert_stored(plan: &Plan, run: &Finished) {
    let results = plan.results().to_string_lossy().into_owned();
    let again = Prony::with(&["report", &results]).finish();
    assert_eq!(again.exit_code(), run.exit_code(), "{}", again.stderr);
    let said = run.stdout.split("\nstored in ").next().expect("a summary");
    assert_eq!(again.stdout, said);
    assert!(said.contains("me"), "{said}");
}

#[test]
fn nginx_a_plan_over_http1() {
    a_plan_runs_against_nginx("nginx_a_plan_over_http1", Nginx::http, "1.1", "HTTP/1.1");
}

#[test]
fn nginx_a_plan_over_http1_and_tls() {
    a_plan_runs_against_nginx("nginx_a_plan_over_http1_and_tls", Nginx::https, "1.1", "HTTP/1.1");
}

#[test]
fn nginx_a_plan_over_http2_and_tls() {
    a_plan_runs_against_nginx("nginx_a_plan_over_http2_and_tls", Nginx::https, "auto", "HTTP/2.0");
}

/// 400 requests by each of several kinds of connections to a server that closes every connection after 10.
#[test]
fn nginx_closing_connections_fails_no_request() {
    let Some(nginx) = Nginx::start("nginx_closing_connections_fails_no_request", "keepalive_requests 10;")
    else {
        return;
    };
    let kinds = [
        ("own-1", "version: 1.1", true),
        ("own-2", "version: 2", true),
        ("shared-1", "version: 1.1, connections: {shared: 4}", false),
        ("shared-2", "version: 2, connections: {shared: 2, streams: 8}", false),
    ];
    let mut text = format!("target: {}\ntls: {{ca: ca.pem, roots: none}}\nscenarios:\n", nginx.https());
    for (name, http, _) in kinds {
        text.push_str(&format!(
            "  {name}:\n    load: {{users: 8, iterations: 25}}\n    http: {{{http}}}\n    steps:\n      - http: GET /{name}\n      \
             - http: {{post: /{name}, text: hello}}\n"
        ));
    }
    let plan = nginx.plan(&text);
    let run = Prony::run(&plan).finish_within(Duration::from_secs(30));
    let summary = run.summary();
    let log = nginx.log();
    for (name, _, own) in kinds {
        let scenario = &summary["scenarios"][name];
        assert_eq!(scenario["requests"], 400, "{name}");
        assert_eq!(scenario["failures"]["total"], 0, "{name}: {}\n{}", scenario["failures"], run.stderr);
        if own {
            assert_eq!(scenario["connections"]["opened"], 40, "{name}: 8 users, 50 requests each");
        }
        let path = format!(" /{name}");
        assert_eq!(log.iter().filter(|line| line.ends_with(&path)).count(), 400, "{name}");
    }
}

#[test]
fn nginx_asks_for_the_clients_certificate() {
    let Some(nginx) = Nginx::start("nginx_asks_for_the_clients_certificate", "") else { return };
    let client = nginx.authority.identity("client.test", Valid::Now);
    let foreign = Authority::new("Somebody else").identity("client.test", Valid::Now);
    let mut text = format!("target: {}\nscenarios:\n", nginx.https_for_known_clients());
    let trust = "ca: ca.pem, roots: none";
    for (name, tls) in [
        ("with", format!("{trust}, certificate: client.pem, key: client-key.pem")),
        ("without", trust.to_owned()),
        ("foreign", format!("{trust}, certificate: foreign.pem, key: foreign-key.pem")),
    ] {
        text.push_str(&format!(
            "  {name}:\n    load: {{users: 2, iterations: 5}}\n    tls: {{{tls}}}\n    steps: [{{http: GET /, name: one}}]\n"
        ));
    }
    let plan = nginx
        .plan(&text)
        .with_file("client.pem", client.certificate.pem())
        .with_file("client-key.pem", client.key.serialize_pem())
        .with_file("foreign.pem", foreign.certificate.pem())
        .with_file("foreign-key.pem", foreign.key.serialize_pem());
    let run = Prony::run(&plan).finish_within(Duration::from_secs(30));
    let summary = run.summary();
    let statuses = |name: &str| -> Json { summary["scenarios"][name]["statuses"].clone() };
    assert_eq!(statuses("with"), serde_json::json!({"200": 10}), "{}", run.stderr);
    assert_eq!(statuses("without"), serde_json::json!({"400": 10}), "{}", run.stderr);
    assert_eq!(statuses("foreign"), serde_json::json!({"400": 10}), "{}", run.stderr);
    assert_eq!(summary["scenarios"]["without"]["failures"]["by_kind"], serde_json::json!({"status_4xx": 10}));
}

/// Stopping the process is a stall as real as they come: 1 s of a run of 10 s at 1,000/s. A tenth of the starts fall into it
/// and wait 0 to 1 s, evenly spread: a twentieth longer than 0.5 s, a hundredth longer than 0.9 s.
#[test]
fn honesty_a_stopped_nginx_is_seen_whole() {
    let Some(nginx) = Nginx::start("honesty_a_stopped_nginx_is_seen_whole", "keepalive_requests 100000;")
    else {
        return;
    };
    let plan = Plan::new(&format!(
        "target: {}\nhttp: {{connections: {{shared: 40}}}}\nscenarios:\n  main:\n    load: {{rate: 1000/s, for: 10s, max_users: 2000}}\n    steps:\n      - http: GET /items\n",
        nginx.http()
    ));
    let signal = |name: &str| {
        let id = nginx.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
    };
    let running = Prony::run(&plan).start();
    pause(Duration::from_secs(4));
    signal("-STOP");
    pause(Duration::from_secs(1));
    signal("-CONT");
    let summary = running.finish().summary();
    let main = &summary["scenarios"]["main"];
    assert_eq!(main["requests"], 10_000, "{summary:#}");
    assert_eq!(main["failures"]["total"], 0, "{summary:#}");
    let seconds = |figure: &str| main["response_time_us"][figure].as_f64().expect("a figure") / 1e6;
    for (figure, least, most) in
        [("p50", 0.0, 0.05), ("p95", 0.42, 0.65), ("p99", 0.82, 1.05), ("max", 0.95, 1.5)]
    {
        let seen = seconds(figure);
        assert!((least..=most).contains(&seen), "{figure} is {seen} s, expected {least} to {most}");
    }
    assert_eq!(nginx.log().len(), 10_000);
}
