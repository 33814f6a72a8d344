//! Configuring a plugin before the run, on the thread that reads the plan: what it says of its configuration is a mistake in the
//! plan, and is shown there.

use std::cell::RefCell;
use std::rc::Rc;

use prony_core::document::Value;
use prony_core::meter::Named;
use prony_core::{
    BoxFuture, CheckId, Clock, ConnectionEvent, Diagnostic, FineTimer, GroupId, GuestEnd, GuestEvent, Marks,
    Meter, MetricId, Node, Outcome, Random, Recording, ScenarioId, Seat, StepId, Timestamp, Waiting,
};

use crate::bindings::wit::types::Problem;
use crate::blame::Blame;
use crate::instance::PATIENCE;
use crate::log::Level;
use crate::protocols::WorkerProtocols;
use crate::settings::PluginSettings;
use crate::worker::{SharedWorker, WorkerPart};

/// Records nothing: nothing is measured before the run.
struct Nothing;

impl Recording for Nothing {
    fn request(&mut self, _: StepId, _: &Outcome, _: Marks) {}
    fn group(&mut self, _: GroupId, _: Timestamp, _: Timestamp, _: bool) {}
    fn connection(&mut self, _: ScenarioId, _: ConnectionEvent) {}
    fn notice(&mut self, _: ScenarioId, _: &str, _: &dyn Fn() -> String) {}
    fn named(&mut self, _: ScenarioId, _: Named<'_>) -> Option<u16> {
        None
    }
    fn check(&mut self, _: CheckId, _: Timestamp, _: bool) {}
    fn spoiled(&mut self, _: StepId, _: Timestamp) {}
    fn metric(&mut self, _: MetricId, _: Timestamp, _: f64) {}
    fn guest(&mut self, _: ScenarioId, _: GuestEvent) {}
}

/// Nobody waits here.
struct Never;

impl Waiting for Never {
    fn until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A worker's part outside of any run.
pub(crate) fn bench(settings: &PluginSettings, clock: Clock, scenario: &str) -> SharedWorker {
    let seat = Seat {
        scenario: ScenarioId(0),
        user: 0,
        worker: 0,
        workers: 1,
        users: 1,
        clock,
        meter: Meter::new(Rc::new(RefCell::new(Nothing))),
        random: Random::new(0, 0, 0),
        timer: FineTimer::new(Rc::new(Never)),
    };
    WorkerPart::new(
        &seat,
        scenario,
        settings.limits,
        settings.allow.clone(),
        WorkerProtocols::default(),
        None,
        Level::Error,
    )
}

/// Does `work` outside of any worker's runtime; `None` when it waits for too long.
///
/// # Errors
/// When the system gives no runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = T>, node: &Node) -> Result<Option<T>, Diagnostic> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let found = format!("the plugin cannot be tried: {error}");
        Diagnostic::at(&node.place, found, "this machine gives no event loop")
    })?;
    Ok(runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.ok() }))
}

/// Why a plugin could not be configured.
pub(crate) enum Refusal {
    /// The plugin does not like its configuration.
    Config(Problem),
    /// It was ended.
    Ended(Blame),
}

impl Refusal {
    /// It waits for something that does not come.
    pub(crate) fn waited() -> Self {
        let text = "it waits, and there is nothing to wait for".to_owned();
        Self::Ended(Blame { end: GuestEnd::Misuse, text })
    }

    /// The same, at its place in the plan.
    pub(crate) fn diagnostic(self, settings: &PluginSettings) -> Diagnostic {
        match self {
            Self::Config(problem) => {
                let root = settings.config.as_ref().unwrap_or(&settings.node);
                let place = follow(root, &problem.path);
                let mut label = "says the plugin".to_owned();
                if !problem.path.is_empty() && settings.config.is_some() {
                    label = format!("`{}` of the plugin's configuration", problem.path.join("."));
                }
                let diagnostic = Diagnostic::at(&place.place, one_line(&problem.message), label);
                match problem.help {
                    Some(help) => diagnostic.help(one_line(&help)),
                    None if settings.config.is_none() => {
                        diagnostic.help("it has no `config` here: add one beside `path` (or `plugin`)")
                    }
                    None => diagnostic,
                }
            }
            Self::Ended(blame) => {
                let found = format!(
                    "the plugin was ended while it was configured ({}): {}",
                    blame.end.name(),
                    blame.text
                );
                Diagnostic::at(&settings.node.place, found, "the plugin")
                    .help("try it alone: `prony plugin test FILE`; its author can mend it")
            }
        }
    }

    /// The same in one sentence.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::Config(problem) => format!("its configuration is wrong: {}", one_line(&problem.message)),
            Self::Ended(blame) => {
                format!("it was ended while it was configured ({}): {}", blame.end.name(), blame.text)
            }
        }
    }
}

fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::worker::shortened(&line).into_owned()
}

/// The node that `path` leads to, or the last one on the way that is there.
fn follow<'n>(root: &'n Node, path: &[String]) -> &'n Node {
    let mut node = root;
    for key in path {
        let next = match &node.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name.name == *key).map(|(_, node)| node),
            Value::List(items) => key.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}
