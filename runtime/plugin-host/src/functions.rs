//! Functions of plan steps: what a plugin of the world `request` makes for a request, and what it says of an answer.
//!
//! A plugin has one instance a worker and scenario, and every use of a function in the scenario's steps has a number in it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use prony_core::document::Value;
use prony_core::{
    Diagnostic, GuestEnd, GuestEvent, Message, Node, Outcome, Place, Random, Reply, Seat, StepId, Timestamp,
};
use send_wrapper::SendWrapper;
use wasmtime::Store;

use crate::bindings::request::Request;
use crate::bindings::request::exports::prony::plugin::functions::Description;
use crate::blame::Blame;
use crate::data::DataSet;
use crate::engine::Kind;
use crate::host::HeldReply;
use crate::log::Level;
use crate::plugin::{Plugin, Plugins, World};
use crate::settings::PluginSettings;
use crate::state::State;
use crate::trial::{self, Refusal};
use crate::user::{SharedUser, User, VarNames, Vars};
use crate::worker::{SharedWorker, WorkerPart, shortened};

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

/// The function that is meant.
fn choose(described: &[Description], settings: &PluginSettings, task: Task) -> Result<String, Diagnostic> {
    let does = |function: &Description| function.kinds.iter().any(|kind| kind == task.name());
    let listed = |which: &dyn Fn(&Description) -> bool| {
        let names: Vec<&str> = described
            .iter()
            .filter(|function| which(function))
            .map(|function| function.name.as_str())
            .collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let fitting = listed(&does);
    let Some(node) = &settings.function else {
        let mut able = described.iter().filter(|function| does(function));
        return match (able.next(), able.next()) {
            (Some(one), None) => Ok(one.name.clone()),
            (None, _) => Err(Diagnostic::at(
                &settings.node.place,
                format!("the plugin has no function that can {}", task.name()),
                "the plugin",
            )
            .help(format!("it has {}", listed(&|_| true)))),
            _ => Err(Diagnostic::at(
                &settings.node.place,
                format!("the plugin has several functions that can {}", task.name()),
                "expected `function` beside it",
            )
            .help(format!("one of {fitting}"))),
        };
    };
    let name = node.text()?;
    match described.iter().find(|function| function.name == name) {
        Some(function) if does(function) => Ok(name.to_owned()),
        Some(function) => Err(Diagnostic::at(
            &node.place,
            format!("`{name}` does not {}", task.name()),
            format!("it can {}", function.kinds.join(" and ")),
        )
        .help(format!("functions that can {}: {fitting}", task.name()))),
        None => {
            let known = described.iter().map(|function| function.name.as_str());
            let mistake = Diagnostic::at(
                &node.place,
                format!("the plugin has no function `{name}`"),
                "not one of its functions",
            );
            Err(match prony_core::diagnostic::did_you_mean(name, known) {
                Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                None => mistake.help(format!("functions that can {}: {fitting}", task.name())),
            })
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
                None,
                self.shared.data.as_ref().map(|data| data.reader(seat)),
                self.shared.log_from,
            );
            let vars = Vars::Plan { names: Arc::default(), values: Box::default() };
            let user = SendWrapper::new(Rc::new(RefCell::new(User::new(0, seat.random.clone(), vars, None))));
            RefCell::new(Guest { worker, user, living: None })
        });
        FunctionsWorker { shared: Arc::clone(&self.shared), guests: guests.collect() }
    }
}

/// A worker's instances.
pub struct FunctionsWorker {
    shared: Arc<Shared>,
    guests: Vec<RefCell<Guest>>,
}

/// A plugin on a worker.
struct Guest {
    worker: SharedWorker,
    /// Whoever it is called for: lent to it for a call.
    user: SharedUser,
    living: Option<Living>,
}

struct Living {
    store: Store<State>,
    request: Request,
    /// The guest's numbers of the uses.
    numbers: Vec<u32>,
}

/// Whom a function is called for.
pub struct Caller<'a> {
    /// The user's number.
    pub user: u32,
    /// The user's iteration.
    pub iteration: u64,
    /// When the iteration was due.
    pub due: Timestamp,
    /// Wall time at the clock's origin, in nanoseconds.
    pub wall_origin: u64,
    /// The user's random numbers.
    pub random: &'a mut Random,
    /// The names of the variables, and which of them it may set.
    pub names: &'a Arc<VarNames>,
    /// Their values.
    pub values: &'a mut Box<[Option<String>]>,
}

/// Why a function gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallProblem {
    /// It said so: its text.
    Refused(String),
    /// It was ended.
    Ended,
    /// It was ended too often, or cannot be made again: the run is pointless.
    Hopeless(String),
}

impl FunctionsWorker {
    /// What a function makes for a request.
    ///
    /// # Errors
    /// When there is no message.
    pub fn generate(&self, which: UseId, caller: Caller<'_>) -> Result<Message, CallProblem> {
        self.call(which, caller, |living, number| {
            let Living { store, request, .. } = living;
            let functions = request.prony_plugin_functions();
            let answer = now(functions.call_generate(&mut *store, number))?;
            Ok(answer.map(|message| Message { body: message.body, fields: message.fields }))
        })
    }

    /// What a function says of an answer to a request of `step`.
    ///
    /// # Errors
    /// When the answer is not what it should be.
    pub fn validate(
        &self,
        which: UseId,
        caller: Caller<'_>,
        (step, name): (StepId, &str),
        outcome: Outcome,
        reply: Box<dyn Reply>,
    ) -> Result<(), CallProblem> {
        self.call(which, caller, |living, number| {
            let Living { store, request, .. } = living;
            let failed = outcome.failure.is_some();
            let held =
                HeldReply { reply, outcome, step: Some(step), name: name.into(), failed, judged: true };
            let handle = store.data_mut().hold(held)?;
            let answer = now(request.prony_plugin_functions().call_validate(&mut *store, number, handle))?;
            // A check of the answer that does not hold is a word on it as good as an error.
            Ok(match store.data_mut().broken_check.take() {
                Some(check) if answer.is_ok() => Err(format!("the check `{check}` did not hold")),
                _ => answer,
            })
        })
    }

    fn call<T>(
        &self,
        which: UseId,
        caller: Caller<'_>,
        call: impl FnOnce(&mut Living, u32) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<T, CallProblem> {
        let group = &self.shared.groups[which.group];
        let mut guest = self.guests[which.group].borrow_mut();
        let Guest { worker, user, living } = &mut *guest;
        let living = match living {
            Some(living) => living,
            none => none.insert(revive(group, worker)?),
        };
        let Caller { user: number, iteration, due, wall_origin, random, names, values } = caller;
        {
            let mut user = user.borrow_mut();
            (user.number, user.iteration, user.due, user.wall_origin) = (number, iteration, due, wall_origin);
            (user.random, user.computed) = (random.clone(), 0);
            user.vars = Vars::Plan { names: Arc::clone(names), values: std::mem::take(values) };
        }
        living.store.data_mut().current = Some(user.clone());
        let number = living.numbers[which.number];
        let answer = call(living, number);
        {
            let mut user = user.borrow_mut();
            *random = user.random.clone();
            if let Vars::Plan { values: lent, .. } = &mut user.vars {
                *values = std::mem::take(lent);
            }
        }
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(text)) => Err(CallProblem::Refused(shortened(&text).into_owned())),
            Err(error) => {
                let blame = Blame::new(&error, &living.store);
                guest.living = None;
                let worker = &guest.worker;
                worker.meter.guest(worker.scenario, GuestEvent::Ended(blame.end));
                worker.step_back();
                let path = group.settings.path.display();
                blame.tell(&group.settings.path, &group.told, worker);
                let (ended, most) =
                    (group.ended.fetch_add(1, Ordering::Relaxed) + 1, group.settings.limits.traps);
                if ended <= most {
                    return Err(CallProblem::Ended);
                }
                Err(CallProblem::Hopeless(format!(
                    "the plugin {path} was ended by force {ended} times, and {most} are allowed (`limits: {{traps: …}}`); see the notices"
                )))
            }
        }
    }
}

/// What a call gives at once. A function has no business waiting: nothing else of its worker would go on.
fn now<T>(call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    call.now_or_never().unwrap_or_else(|| {
        wasmtime::bail!(
            "it waited, which functions of steps must not: they hold up all users of their worker"
        )
    })
}

/// A new instance with all its uses configured.
fn revive(group: &Group, worker: &SharedWorker) -> Result<Living, CallProblem> {
    let path = group.settings.path.display();
    let hopeless = |text: String| {
        CallProblem::Hopeless(format!("{path}: no instance of the plugin can be made: {text}"))
    };
    let made = async {
        let mut store = State::store(&group.plugin.engine, Kind::Request, worker.clone());
        let request = instantiate(&group.plugin, &mut store).await.map_err(Refusal::Ended)?;
        let mut numbers = Vec::new();
        for part in &group.uses {
            numbers.push(configure(&request, &mut store, &part.function, &part.config).await?);
        }
        Ok(Living { store, request, numbers })
    };
    let made = made.now_or_never().unwrap_or_else(|| Err(Refusal::waited()));
    let living = made.map_err(|refusal: Refusal| hopeless(refusal.sentence()))?;
    worker.meter.guest(worker.scenario, GuestEvent::Made);
    Ok(living)
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
