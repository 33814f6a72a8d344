//! Plans that speak the fifth protocol, run by the engine that knows nothing of it, against a server of lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Catalog, Commons, FailureKind, Shape, Source, document};
use prony_engine::stats::StepStats;
use prony_engine::{
    ClosedLoad, Control, Event, Load, Pacing, RunResult, RunSpec, ScenarioSpec, Tracing, run,
};
use prony_line::LINE;
use prony_plugin_host::{Level, Plugins};
use prony_scenario::data::DataSources;
use prony_scenario::{PROTOCOLS, Protocols, ScenarioSource, compile, definitions, scenario_keys};

/// `PING` is answered by `PONG`, `LOGIN x` by a token, `SHOUT x` by `OK` and, unasked, two lines more; `QUIT` ends the connection.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(stream: &TcpStream) {
    let mut out = stream;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let answer = match line.split_once(' ') {
            None if line == "PING" => "PONG\r\n".to_owned(),
            Some(("LOGIN", name)) => format!("TOKEN {name}-1\n"),
            Some(("SHOUT", what)) => format!("OK\nHEARD other\nHEARD {what}\n"),
            _ => return,
        };
        if out.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

struct Done {
    result: RunResult,
    notices: Vec<String>,
    catalog: Catalog,
}

impl Done {
    fn step(&self, name: &str) -> &StepStats {
        let at = self.catalog.steps.iter().position(|step| step.name == name).expect("the step");
        &self.result.totals.steps[at]
    }
}

/// Everything a plan could speak, and one more: the line that the recipe asks for.
fn protocols() -> Vec<&'static dyn prony_core::Protocol> {
    PROTOCOLS.iter().copied().chain([&LINE as &dyn prony_core::Protocol]).collect()
}

fn try_plan(text: &str, protocols: &Protocols, users: u32) -> Result<Done, String> {
    let node = document::parse(&Source::new("plan.yaml", text)).map_err(|mistake| mistake.to_string())?;
    let shape =
        scenario_keys(Shape::map().key("target", Shape::text(), "").key("line", Shape::anything(), ""));
    shape.check(&node, &definitions(protocols)).map_err(|mistake| mistake.to_string())?;
    let data = DataSources::open(None, Path::new(".")).map_err(|mistake| mistake.to_string())?;
    let mut catalog = Catalog::default();
    let id = catalog.add_scenario("main").expect("one scenario");
    let commons = Commons::default();
    let wiring = |_: &str| Wiring {
        target: node.get("target"),
        settings: node.get("line"),
        tls: None,
        network: None,
        folder: Path::new("."),
        commons: &commons,
    };
    let plugins = Plugins::new(prony_engine::clock::clock(), Level::Warn);
    let source = ScenarioSource {
        id,
        name: "main",
        node: &node,
        vars: None,
        wiring: &wiring,
        protocols,
        plugins: &plugins,
        folder: Path::new("."),
    };
    let journeys = compile(&source, &data, &mut catalog).map_err(|mistake| mistake.to_string())?;
    let load = Load::Closed(ClosedLoad::IterationsEach { users, iterations: 10, at_most: None });
    let scenario = ScenarioSpec {
        load,
        journeys,
        start_after: Duration::ZERO,
        warmup: Duration::ZERO,
        graceful_stop: Duration::from_secs(20),
        iteration_every: None,
        trace: None,
    };
    let spec = RunSpec {
        catalog: catalog.clone(),
        scenarios: vec![scenario],
        thresholds: Vec::new(),
        threads: 2,
        seed: 7,
        pacing: Pacing::Normal,
        tracing: Tracing::default(),
    };
    let mut notices = Vec::new();
    let result = run(spec, &Control::new(), &mut |event| {
        if let Event::Notice { text, .. } = event {
            notices.push(text);
        }
    })
    .map_err(|error| error.to_string())?;
    Ok(Done { result, notices, catalog })
}

#[test]
fn a_plan_speaks_it_with_checks_captures_and_effects() {
    let text = format!(
        r#"
target: line://{}
steps:
  - line: PING
    check: body == PONG
  - line: "LOGIN u{{{{user.id}}}}"
    name: login
    capture: {{token: "regex /^TOKEN (.+)$/"}}
  - line: "SHOUT {{{{token}}}}"
    name: shout
    check: body == OK
  - line: {{receive: true}}
    name: heard
    where: body == "HEARD {{{{token}}}}"
    since: shout
  - line: {{receive: true}}
    check: body == "HEARD other"
"#,
        serve()
    );
    let done = try_plan(&text, &protocols(), 4).expect("a good plan");
    for name in ["PING", "login", "shout", "heard", "receive"] {
        let step = done.step(name);
        assert_eq!((step.requests, step.failed()), (40, 0), "{name}: {:?}", done.notices);
    }
}

#[test]
fn a_server_that_hangs_up_or_is_not_there_is_told() {
    let text = format!("target: line://{}\nsteps: [{{line: QUIT NOW}}]\n", serve());
    let done = try_plan(&text, &protocols(), 1).expect("a good plan");
    assert_eq!(done.step("QUIT NOW").failures[FailureKind::Closed as usize], 10, "{:?}", done.notices);

    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let text = format!("target: line://{nobody}\nsteps: [{{line: PING}}]\n");
    let done = try_plan(&text, &protocols(), 1).expect("a good plan");
    assert_eq!(done.step("PING").failures[FailureKind::ConnectRefused as usize], 10, "{:?}", done.notices);
}

#[test]
fn its_words_are_a_plans_words() {
    let mistakes = [
        ("target: http://a\nsteps: [{line: PING}]\n", "plan.yaml:1:9: found `http://a`"),
        ("steps: [{line: PING}]\n", "no target"),
        ("target: line://a:1\nsteps: [{lien: PING}]\n", "did you mean `line`?"),
        (
            "target: line://a:1\nsteps: [{line: PING, since: x}]\n",
            "`since` beside a step that waits for no message",
        ),
    ];
    for (text, told) in mistakes {
        let mistake = try_plan(text, &protocols(), 1).err().unwrap_or_default();
        assert!(mistake.contains(told), "{text}: {mistake}");
    }
    // Without its line in the list there is no such protocol.
    let told =
        try_plan("target: line://a:1\nsteps: [{line: PING}]\n", PROTOCOLS, 1).err().unwrap_or_default();
    assert!(told.contains("unknown key `line`"), "{told}");
}
