//! A small web site that remembers who asked it for what, and runs of plans against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Catalog, Commons, FailureKind, Shape, Source, document};
use prony_engine::stats::{GroupStats, StepStats};
use prony_engine::{
    ClosedLoad, Control, Event, Load, OpenLoad, Pacing, RateStage, RunResult, RunSpec, ScenarioSpec, Starts,
    Tracing, run,
};
use prony_plugin_host::{Level, Plugins};
use prony_scenario::data::DataSources;
use prony_scenario::{PROTOCOLS, ScenarioSource, compile, definitions, scenario_keys};

/// A request as the site got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: String,
}

/// A site that serves until its process ends. It answers:
/// `/status/N` with that status, `/json` with a document, `/slow` after 30 ms, everything else with `ok`.
pub(crate) struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

const DOCUMENT: &str =
    r#"{"id": 17, "name": "a \"b\" c", "total": 120.5, "items": [{"id": "x1"}, {"id": "x2"}], "none": null}"#;

impl Site {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let site = Self { address: listener.local_addr().expect("an address"), asked: Arc::default() };
        let asked = Arc::clone(&site.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || serve(stream, &asked));
            }
        });
        site
    }

    /// Where it is, as a plan says it.
    pub(crate) fn target(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything asked so far, in the order in which it came.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the list").clone()
    }

    /// The targets asked for.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }

    /// How often targets that begin so were asked for.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.targets().iter().filter(|target| target.starts_with(prefix)).count()
    }
}

/// One connection until the client leaves.
fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>) {
    let Ok(mut answers) = stream.try_clone() else { return };
    let _ = answers.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if !matches!(reader.read_line(&mut line), Ok(length) if length > 0) {
            return;
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let answer = answer(&target);
        asked.lock().expect("the list").push(Asked { method, target, body });
        if answers.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the site's threads are the site's own")]
fn answer(target: &str) -> String {
    let status = target.strip_prefix("/status/").and_then(|number| number.parse().ok()).unwrap_or(200_u16);
    if target.starts_with("/slow") {
        std::thread::sleep(Duration::from_millis(30));
    }
    let body = if target.starts_with("/json") { DOCUMENT } else { "ok, session=s-42;" };
    format!(
        "HTTP/1.1 {status} Word\r\ncontent-length: {}\r\ncontent-type: application/json\r\netag: \"e7\"\r\nset-cookie: id=c9; Path=/\r\n\r\n{body}",
        body.len()
    )
}

/// What came of a plan.
pub(crate) struct Done {
    pub(crate) result: RunResult,
    pub(crate) notices: Vec<String>,
    catalog: Catalog,
}

impl Done {
    /// The figures of the step of that name.
    pub(crate) fn step(&self, name: &str) -> &StepStats {
        let names: Vec<&str> = self.catalog.steps.iter().map(|step| step.name.as_str()).collect();
        let number = names.iter().position(|known| *known == name);
        &self.result.totals.steps[number.unwrap_or_else(|| unreachable!("{name} is none of {names:?}"))]
    }

    /// The figures of the group of that name.
    pub(crate) fn group(&self, name: &str) -> &GroupStats {
        let number = self.catalog.groups.iter().position(|group| group.name == name).expect("a group");
        &self.result.totals.groups[number]
    }

    /// Failed requests of a kind, in the step of that name.
    pub(crate) fn failures(&self, name: &str, kind: FailureKind) -> u64 {
        self.step(name).failures[kind as usize]
    }
}

/// A plan on its way to a run.
pub(crate) struct Plan<'a> {
    pub(crate) text: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) load: Load,
    pub(crate) threads: u32,
    pub(crate) seed: u64,
}

impl<'a> Plan<'a> {
    /// The plan `text` for one user and one iteration.
    pub(crate) fn once(text: &'a str) -> Self {
        Self { text, folder: Path::new("."), load: each(1, 1), threads: 1, seed: 7 }
    }

    /// Checks, compiles and opens everything, or tells the first mistake.
    pub(crate) fn compile(&self, target: &str) -> Result<(Catalog, RunSpec), String> {
        let text = format!("target: {target}\n{}", self.text);
        let node = document::parse(&Source::new("plan.yaml", text)).map_err(|mistake| mistake.to_string())?;
        let shape = scenario_keys(
            Shape::map()
                .key("target", Shape::text(), "")
                .key("data", DataSources::shape(), "")
                .key("http", Shape::anything(), "")
                .key("load", Shape::anything(), ""),
        );
        shape.check(&node, &definitions(PROTOCOLS)).map_err(|mistake| mistake.to_string())?;
        let data = DataSources::open(node.get("data"), self.folder).map_err(|mistake| mistake.to_string())?;
        let mut catalog = Catalog::default();
        let id = catalog.add_scenario("main").expect("one scenario");
        let commons = Commons::default();
        let wiring = |_: &str| Wiring {
            target: node.get("target"),
            settings: node.get("http"),
            tls: None,
            network: None,
            folder: self.folder,
            commons: &commons,
        };
        let plugins = Plugins::new(prony_engine::clock::clock(), Level::Warn);
        let source = ScenarioSource {
            id,
            name: "all",
            node: &node,
            vars: None,
            wiring: &wiring,
            protocols: PROTOCOLS,
            plugins: &plugins,
            folder: self.folder,
        };
        let journeys = compile(&source, &data, &mut catalog).map_err(|mistake| mistake.to_string())?;
        let scenario = ScenarioSpec {
            load: self.load.clone(),
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
            threads: self.threads,
            seed: self.seed,
            pacing: Pacing::Normal,
            tracing: Tracing::default(),
        };
        Ok((catalog, spec))
    }

    /// Runs it against `site` to its end.
    pub(crate) fn run(&self, site: &Site) -> Done {
        let (catalog, spec) = self.compile(&site.target()).expect("a good plan");
        let mut notices = Vec::new();
        let result = run(spec, &Control::new(), &mut |event| {
            if let Event::Notice { text, .. } = event {
                notices.push(text);
            }
        })
        .expect("set up");
        Done { result, notices, catalog }
    }
}

pub(crate) fn each(users: u32, iterations: u64) -> Load {
    Load::Closed(ClosedLoad::IterationsEach { users, iterations, at_most: None })
}

pub(crate) fn shared(users: u32, iterations: u64) -> Load {
    Load::Closed(ClosedLoad::SharedIterations { users, iterations, at_most: None })
}

/// So many users for ten minutes: ended by what is tested.
pub(crate) fn endless(users: u32) -> Load {
    Load::Closed(ClosedLoad::Users { users, start_rate: None, lasting: Duration::from_secs(600) })
}

/// 200 starts a second for ten minutes: ended by what is tested.
pub(crate) fn open(max_users: u32) -> Load {
    let rate = prony_core::units::PerSecond::new(200.0).expect("a rate");
    let stages = vec![RateStage { from: rate, to: rate, over: Duration::from_secs(600) }];
    let starts = Starts::Rate { stages, arrivals: prony_engine::Arrivals::Uniform };
    Load::Open(OpenLoad { starts, max_users })
}
