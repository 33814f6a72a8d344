//! The plan file: read, overlaid, filled in, held against its shape, and checked once into a [`Plan`].

mod file;
mod load;
mod schema;
mod threshold;
mod trace;
mod write;

pub use file::Setting;
pub(crate) use file::{fill_in, parse as parse_node};
pub use schema::{schema, shape};
pub(crate) use trace::share as trace_share;
pub use write::to_yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Commons, Diagnostic, Node, units};
use prony_engine::Load;

pub use threshold::PlanThreshold;

/// A checked plan: true by construction from here on, but for what only the outside world can tell.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name; the file's when it gives none.
    pub name: String,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// The whole of it, as written but for `include` and `--set`: what a stored run keeps. Values of the environment
    /// stay `${NAME}`, for they may be secrets.
    pub written: Node,
    /// The whole of it, filled in.
    pub node: Node,
    /// The seed, if it gives one.
    pub seed: Option<u64>,
    /// Its scenarios, in the order of the file.
    pub scenarios: Vec<PlanScenario>,
    /// What must hold.
    pub thresholds: Vec<PlanThreshold>,
}

/// A scenario of a plan.
#[derive(Clone, Debug)]
pub struct PlanScenario {
    /// Its name.
    pub name: String,
    /// All of it.
    pub node: Node,
    /// How much load.
    pub load: Load,
    /// How long after the run's beginning it begins.
    pub start_after: Duration,
    /// How long its beginning is left out of the statistics.
    pub warmup: Duration,
    /// How long iterations under way may go on at its end.
    pub graceful_stop: Duration,
    /// The least time from one iteration's start to the next of the same user.
    pub iteration_every: Option<Duration>,
    /// Its iterations are traces, of which this share (0 to 1) is sampled; `None` when they are not.
    pub trace: Option<f64>,
}

/// The parts of a plan that a scenario overlays by its own.
const OVERLAID: [&str; 2] = ["tls", "network"];

impl Plan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// The first mistake.
    pub fn load(path: &Path, settings: &[Setting]) -> Result<Self, Diagnostic> {
        let (written, folder) = file::read(path, settings)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self::check(written, folder, &stem.unwrap_or_default())
    }

    /// Reads a plan from a text, as fuzzers and quick forms do. Relative paths start from `folder`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_text(name: &str, text: &str, folder: &Path) -> Result<Self, Diagnostic> {
        let written = file::parse(name, text)?;
        Self::check(written, folder.to_owned(), name)
    }

    fn check(written: Node, folder: PathBuf, fallback: &str) -> Result<Self, Diagnostic> {
        let node = file::fill_in(&written)?;
        shape().check(&node, &prony_scenario::definitions(prony_scenario::PROTOCOLS))?;
        let duration = |of: &Node, key: &str, default: u64| {
            let default = Duration::from_secs(default);
            of.get(key).or_else(|| node.get(key)).map_or(Ok(default), Node::duration)
        };
        let mut scenarios = Vec::new();
        for (key, scenario) in node.get("scenarios").into_iter().flat_map(Node::entries) {
            let missing = || Diagnostic::at(&scenario.place, "a scenario without a load", "expected `load`");
            let load_node = scenario.get("load").ok_or_else(missing)?;
            let load = load::parse(load_node, &folder)?;
            let iteration_every = scenario.get("iteration_every").map(Node::duration).transpose()?;
            if let (Some(every), Load::Open(_)) = (scenario.get("iteration_every"), &load) {
                return Err(Diagnostic::at(
                    &every.place,
                    "`iteration_every` with an open load",
                    "expected a closed load",
                )
                .help("an open load says by its rate when iterations start"));
            }
            let warmup = duration(scenario, "warmup", 0)?;
            if let (Some(lasting), Some(given)) =
                (load.duration(), scenario.get("warmup").or_else(|| node.get("warmup")))
                && warmup >= lasting
            {
                let found = format!(
                    "a warm-up of {} in a load of {}",
                    units::show_duration(warmup),
                    units::show_duration(lasting)
                );
                return Err(Diagnostic::at(&given.place, found, "leaves nothing to measure").help(format!(
                    "the warm-up is the first part of the load: make it shorter, or the load of `{}` longer",
                    key.name
                )));
            }
            scenarios.push(PlanScenario {
                name: key.name.clone(),
                load,
                start_after: scenario.get("start_after").map_or(Ok(Duration::ZERO), Node::duration)?,
                warmup,
                graceful_stop: duration(scenario, "graceful_stop", 30)?,
                iteration_every,
                trace: scenario.get("trace").or_else(|| node.get("trace")).map(trace::parse).transpose()?,
                node: scenario.clone(),
            });
        }
        if scenarios.is_empty() {
            return Err(node.get("scenarios").unwrap_or(&node).unexpected("at least one scenario"));
        }
        let thresholds = node.get("thresholds").map_or(&[] as &[Node], Node::items);
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let thresholds =
            thresholds.iter().map(|item| threshold::parse(item, &names)).collect::<Result<_, _>>()?;
        Ok(Self {
            name: node.get("name").map_or(Ok(fallback), Node::text)?.to_owned(),
            folder,
            seed: node.get("seed").map(|seed| seed.integer(0..=u64::MAX)).transpose()?,
            scenarios,
            thresholds,
            written,
            node,
        })
    }

    /// Where to and how for a scenario: its own words over the plan's. Gives the overlaid nodes, from which
    /// [`Overlaid::wiring`] makes a protocol's wiring.
    #[must_use]
    pub fn overlaid(&self, scenario: &PlanScenario) -> Overlaid {
        let pick = |key: &str| match (self.node.get(key), scenario.node.get(key)) {
            (Some(plan), Some(own)) => Some(plan.overlaid(own)),
            (plan, own) => own.or(plan).cloned(),
        };
        let protocols = prony_scenario::PROTOCOLS.iter().map(|protocol| protocol.name());
        Overlaid {
            target: scenario.node.get("target").or_else(|| self.node.get("target")).cloned(),
            parts: OVERLAID.into_iter().chain(protocols).map(|key| (key, pick(key))).collect(),
            folder: self.folder.clone(),
        }
    }

    /// The same with traces in all scenarios, of which `share` (0 to 1) is sampled.
    #[must_use]
    pub fn traced(&self, share: f64) -> Self {
        let mut plan = self.clone();
        plan.scenarios.iter_mut().for_each(|scenario| scenario.trace = Some(share));
        plan
    }

    /// The targets it names, each once.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        let own = self.scenarios.iter().filter_map(|scenario| scenario.node.get("target"));
        let by_protocol = |node: &'_ Node| -> Vec<String> {
            match node.text() {
                Ok(text) => vec![text.to_owned()],
                Err(_) => node.entries().filter_map(|(_, node)| Some(node.text().ok()?.to_owned())).collect(),
            }
        };
        let mut targets: Vec<String> =
            self.node.get("target").into_iter().chain(own).flat_map(by_protocol).collect();
        targets.dedup();
        targets
    }
}

/// A scenario's wiring, owned.
#[derive(Debug)]
pub struct Overlaid {
    target: Option<Node>,
    parts: Vec<(&'static str, Option<Node>)>,
    folder: PathBuf,
}

impl Overlaid {
    /// The wiring for `protocol`.
    #[must_use]
    pub fn wiring<'a>(&'a self, protocol: &str, commons: &'a Commons) -> Wiring<'a> {
        let part =
            |name: &str| self.parts.iter().find(|(key, _)| *key == name).and_then(|(_, node)| node.as_ref());
        Wiring {
            target: self
                .target
                .as_ref()
                .and_then(|target| if target.is_map() { target.get(protocol) } else { Some(target) }),
            settings: part(protocol),
            tls: part("tls"),
            network: part("network"),
            folder: &self.folder,
            commons,
        }
    }
}
