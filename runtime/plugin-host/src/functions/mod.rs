//! Functions of plan steps: what a plugin of the world `request` makes for a request, and what it says of an answer.
//!
//! A plugin has one instance a worker and scenario, and every use of a function in the scenario's steps has a number in it.

mod choose;
mod worker;

pub use worker::{CallProblem, Caller, FunctionsWorker};

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use prony_core::document::Value;
use prony_core::{Diagnostic, GuestEnd, Node, Place, Seat};
use send_wrapper::SendWrapper;
use wasmtime::Store;

use crate::bindings::request::Request;
use crate::bindings::request::exports::prony::plugin::functions::Description;
use crate::blame::Blame;
use crate::data::DataSet;
use crate::engine::Kind;
use crate::functions::choose::choose;
use crate::functions::worker::Guest;
use crate::log::Level;
use crate::plugin::{Plugin, Plugins, World};
use crate::protocols::{UserProtocols, WorkerProtocols};
use crate::settings::PluginSettings;
use crate::state::State;
use crate::trial::{self, Refusal};
use crate::user::{User, Vars};
use crate::worker::WorkerPart;

/// What a step wants of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A message for its request.
    Generate,
    /// A word on its answer.
    Validate,
}

impl Task {
    /// The word for it in plugins and plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Validate => "validate",
        }
    }
}

/// The uses of functions in one scenario, while it is compiled.
pub struct FunctionsBuilder<'a> {
    plugins: &'a Plugins,
    scenario: String,
    data: Option<Arc<dyn DataSet>>,
    groups: Vec<Group>,
}

/// The uses of one plugin. They share an instance a worker, as long as they grant it the same.
struct Group {
    plugin: Arc<Plugin>,
    settings: PluginSettings,
    uses: Vec<Use>,
    ended: AtomicU32,
    /// The reasons that were told, as bits.
    told: AtomicU32,
}

/// A function and its configuration.
struct Use {
    function: String,
    config: String,
}

/// A use of a function, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseId {
    group: usize,
    number: usize,
}

impl<'a> FunctionsBuilder<'a> {
    /// No uses yet.
    #[must_use]
    pub fn new(plugins: &'a Plugins, scenario: &str, data: Option<Arc<dyn DataSet>>) -> Self {
        Self { plugins, scenario: scenario.to_owned(), data, groups: Vec::new() }
    }

    /// Adds a use and tries it. Its name for people: `signed.wasm signed`.
    ///
    /// # Errors
    /// When the plugin cannot be used, has no such function, or does not like its configuration.
    pub fn add(&mut self, settings: &PluginSettings, task: Task) -> Result<(UseId, String), Diagnostic> {
        let plugin = self.plugins.load(settings, Kind::Request)?;
        let same = |group: &Group| {
            Arc::ptr_eq(&group.plugin, &plugin)
                && (group.settings.allow == settings.allow && group.settings.limits == settings.limits)
        };
        let at = self.groups.iter().position(same).unwrap_or_else(|| {
            let group = Group {
                plugin: Arc::clone(&plugin),
                settings: settings.clone(),
                uses: Vec::new(),
                ended: AtomicU32::new(0),
                told: AtomicU32::new(0),
            };
            self.groups.push(group);
            self.groups.len() - 1
        });
        let bench = trial::bench(settings, self.plugins.clock(), &self.scenario);
        let config = settings.config_json();
        let tried = trial::block_on(
            async {
                let mut store = State::store(&plugin.engine, Kind::Request, bench);
                let made = instantiate(&plugin, &mut store).await.map_err(Refusal::Ended)?;
                let described = describe(&made, &mut store).await.map_err(Refusal::Ended)?;
                let function = match choose(&described, settings, task) {
                    Ok(function) => function,
                    Err(mistake) => return Ok(Err(mistake)),
                };
                configure(&made, &mut store, &function, &config).await?;
                Ok(Ok(function))
            },
            &settings.node,
        )?;
        let tried = tried.unwrap_or_else(|| Err(Refusal::waited()));
        let function = tried.map_err(|refusal: Refusal| refusal.diagnostic(settings))??;
        let file =
            settings.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = format!("{file} {function}");
        let group = &mut self.groups[at];
        group.uses.push(Use { function, config });
        Ok((UseId { group: at, number: group.uses.len() - 1 }, name))
    }

    /// Whether there is any use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Names that guests may make up, of each sort.
    #[must_use]
    pub fn most_names(&self) -> usize {
        self.groups.iter().map(|group| group.settings.limits.names as usize).sum()
    }

    /// The finished uses, shared by all workers.
    #[must_use]
    pub fn build(self) -> Functions {
        Functions {
            shared: Arc::new(Shared {
                scenario: self.scenario,
                data: self.data,
                groups: self.groups,
                log_from: self.plugins.log_from(),
            }),
        }
    }
}

/// The functions of a plugin of the world `request`.
///
/// # Errors
/// When it cannot be made to say so.
pub fn describe_functions(plugin: &Plugin, clock: prony_core::Clock) -> Result<Vec<Function>, Diagnostic> {
    let node = Node { value: Value::Null, place: Place::nowhere(&plugin.file.path.to_string_lossy()) };
    let settings = PluginSettings::read(
        &Node { value: Value::Scalar { text: String::new(), quoted: true }, ..node.clone() },
        &plugin.file.path,
    )?;
    let bench = trial::bench(&settings, clock, "");
    let described = trial::block_on(
        async {
            let mut store = State::store(&plugin.engine, Kind::Request, bench);
            let made = instantiate(plugin, &mut store).await?;
            describe(&made, &mut store).await
        },
        &node,
    )?;
    let described =
        described.map_or_else(|| Err(Refusal::waited()), |described| described.map_err(Refusal::Ended));
    let described = described.map_err(|refusal| refusal.diagnostic(&settings))?;
    let function = |Description { name, kinds, about }| Function { name, kinds, about };
    Ok(described.into_iter().map(function).collect())
}

/// A function, as its plugin describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it does: `generate`, `validate`.
    pub kinds: Vec<String>,
    /// One sentence about it.
    pub about: String,
}

/// All uses of functions in a scenario.
#[derive(Clone)]
pub struct Functions {
    shared: Arc<Shared>,
}

struct Shared {
    scenario: String,
    data: Option<Arc<dyn DataSet>>,
    groups: Vec<Group>,
    log_from: Level,
}

impl Functions {
    /// A worker's part.
    #[must_use]
    pub fn worker(&self, seat: &Seat) -> FunctionsWorker {
        let guests = self.shared.groups.iter().map(|group| {
            let worker = WorkerPart::new(
                seat,
                &self.shared.scenario,
                group.settings.limits,
                group.settings.allow.clone(),
                WorkerProtocols::default(),
                self.shared.data.as_ref().map(|data| data.reader(seat)),
                self.shared.log_from,
            );
            let vars = Vars::Plan { names: Arc::default(), values: Box::default() };
            let user = SendWrapper::new(Rc::new(RefCell::new(User::new(
                0,
                seat.random.clone(),
                vars,
                UserProtocols::default(),
            ))));
            RefCell::new(Guest { worker, user, living: None })
        });
        FunctionsWorker { shared: Arc::clone(&self.shared), guests: guests.collect() }
    }
}

async fn instantiate(plugin: &Plugin, store: &mut Store<State>) -> Result<Request, Blame> {
    let World::Request(linked) = &plugin.world else {
        return Err(Blame { end: GuestEnd::Misuse, text: "it is of the world scenario".to_owned() });
    };
    linked.instantiate_async(&mut *store).await.map_err(|error| Blame::new(&error, store))
}

async fn describe(request: &Request, store: &mut Store<State>) -> Result<Vec<Description>, Blame> {
    request
        .prony_plugin_functions()
        .call_describe(&mut *store)
        .await
        .map_err(|error| Blame::new(&error, store))
}

async fn configure(
    request: &Request,
    store: &mut Store<State>,
    function: &str,
    config: &str,
) -> Result<u32, Refusal> {
    match request.prony_plugin_functions().call_configure(&mut *store, function, config).await {
        Ok(Ok(number)) => Ok(number),
        Ok(Err(problem)) => Err(Refusal::Config(problem)),
        Err(error) => Err(Refusal::Ended(Blame::new(&error, store))),
    }
}
