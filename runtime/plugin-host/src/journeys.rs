//! A scenario whose journeys are a plugin's: the engine's seam on one side, instances on the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{
    BoxFuture, Diagnostic, FailureKind, IterationEnd, Journey, JourneyWorker, Journeys, Seat, SetupError,
    Start,
};
use send_wrapper::SendWrapper;

use crate::blame::Blame;
use crate::calls::{Call, CallEnd};
use crate::data::DataSet;
use crate::engine::Kind;
use crate::instance::{Instance, configured};
use crate::log::Level;
use crate::plugin::{Plugin, Plugins};
use crate::protocols::RunProtocols;
use crate::settings::{Isolation, PluginSettings};
use crate::state::State;
use crate::trial;
use crate::user::{SharedUser, User, Vars};
use crate::worker::{SharedWorker, WorkerPart, shortened};

/// What a scenario gives its plugin.
pub struct ScenarioParts<'a, 'e> {
    /// The scenario's name.
    pub name: &'a str,
    /// What the plan says about the plugin.
    pub settings: PluginSettings,
    /// Where to and how, for each protocol by name.
    pub wiring: &'a dyn Fn(&str) -> Wiring<'a>,
    /// Where protocols add what they measure beside requests.
    pub entries: Entries<'e>,
    /// The plan's data sources.
    pub data: Option<Arc<dyn DataSet>>,
    /// The plan's constants.
    pub vars: HashMap<String, String>,
}

/// Why a scenario's plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The plan is wrong.
    #[error(transparent)]
    Plan(#[from] Diagnostic),
    /// Something outside the plan is missing or wrong.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Loads a scenario's plugin and tries its configuration.
///
/// # Errors
/// When the plugin cannot be used, does not like its configuration, or a protocol cannot be set up.
pub fn open(plugins: &Plugins, parts: ScenarioParts<'_, '_>) -> Result<Arc<dyn Journeys>, OpenError> {
    let ScenarioParts { name, settings, wiring, mut entries, data, vars } = parts;
    let plugin = plugins.load(&settings, Kind::Scenario)?;
    let protocols = RunProtocols::open(&plugin.file.imports, &settings, wiring, &mut entries)?;
    let config: Arc<str> = settings.config_json().into();
    let bench = trial::bench(&settings, plugins.clock(), name);
    let tried = trial::block_on(
        async {
            let mut store = State::store(&plugin.engine, Kind::Scenario, bench);
            configured(&plugin, &mut store, &config).await.map(|_| ())
        },
        &settings.node,
    )?;
    let tried = tried.unwrap_or_else(|| Err(trial::Refusal::waited()));
    tried.map_err(|refusal| refusal.diagnostic(&settings))?;
    Ok(Arc::new(GuestJourneys {
        run: Arc::new(RunPart {
            plugin,
            config,
            settings,
            name: name.into(),
            protocols,
            data,
            vars: Arc::new(vars),
            ended: AtomicU32::new(0),
            told: AtomicU32::new(0),
            log_from: plugins.log_from(),
        }),
    }))
}

/// Once a run.
struct RunPart {
    plugin: Arc<Plugin>,
    config: Arc<str>,
    settings: PluginSettings,
    name: Box<str>,
    protocols: RunProtocols,
    data: Option<Arc<dyn DataSet>>,
    vars: Arc<HashMap<String, String>>,
    /// Instances that were ended by force, over all workers.
    ended: AtomicU32,
    /// The reasons that were told, as bits.
    told: AtomicU32,
    log_from: Level,
}

struct GuestJourneys {
    run: Arc<RunPart>,
}

impl Journeys for GuestJourneys {
    fn worker(&self, seat: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
        let run = Arc::clone(&self.run);
        let worker = WorkerPart::new(
            seat,
            &run.name,
            run.settings.limits,
            run.settings.allow.clone(),
            run.protocols.worker(seat),
            run.data.as_ref().map(|data| data.reader(seat)),
            run.log_from,
        );
        Ok(Box::new(GuestWorker { run, worker, groups: Vec::new(), users: 0 }))
    }

    fn apart(&self) -> bool {
        true
    }
}

/// Once a worker.
struct GuestWorker {
    run: Arc<RunPart>,
    worker: SharedWorker,
    groups: Vec<SharedGroup>,
    /// How many users there are so far.
    users: u32,
}

impl Drop for GuestWorker {
    fn drop(&mut self) {
        self.worker.protocols.hand_on();
    }
}

impl JourneyWorker for GuestWorker {
    fn user(&mut self, seat: Seat) -> Box<dyn Journey> {
        let group = match self.run.settings.isolation {
            Isolation::Worker => 0,
            Isolation::Users(share) => self.users / share.max(1),
        } as usize;
        self.users += 1;
        while self.groups.len() <= group {
            self.groups.push(SendWrapper::new(Rc::default()));
        }
        let vars = Vars::Own { constants: Arc::clone(&self.run.vars), set: HashMap::new() };
        let protocols = self.worker.protocols.user();
        Box::new(GuestJourney {
            run: Arc::clone(&self.run),
            worker: self.worker.clone(),
            group: self.groups[group].clone(),
            user: SendWrapper::new(Rc::new(RefCell::new(User::new(seat.user, seat.random, vars, protocols)))),
        })
    }
}

/// Users that share an instance.
type SharedGroup = SendWrapper<Rc<RefCell<Group>>>;

#[derive(Default)]
struct Group {
    instance: Option<Instance>,
    /// Instances that were ended since an iteration ended well.
    in_a_row: u32,
}

/// A group whose instances are ended one after the other waits before the next, so that a guest that traps at once takes little of
/// its core: 10 ms, then twice as long each time, up to a second.
fn pause(in_a_row: u32) -> Duration {
    match in_a_row {
        0 | 1 => Duration::ZERO,
        more => Duration::from_millis(10 << (more - 2).min(7)).min(Duration::from_secs(1)),
    }
}

/// The pause of a user whose iteration has failed within as much time.
const BREATH: Duration = Duration::from_millis(10);

/// Once a user.
struct GuestJourney {
    run: Arc<RunPart>,
    worker: SharedWorker,
    group: SharedGroup,
    user: SharedUser,
}

impl Drop for GuestJourney {
    fn drop(&mut self) {
        self.worker.protocols.hand_on();
    }
}

impl Journey for GuestJourney {
    fn iterate(&mut self, start: Start) -> BoxFuture<'_, IterationEnd> {
        Box::pin(self.run(start))
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        self.user.borrow().protocols.leave()
    }
}

impl GuestJourney {
    async fn run(&mut self, start: Start) -> IterationEnd {
        if let Some(end) = self.too_many() {
            return end;
        }
        {
            let mut user = self.user.borrow_mut();
            user.iteration = start.iteration;
            user.due = start.intended;
            user.late = self.worker.clock.now().nanos_since(start.intended);
            user.wall_origin = u64::try_from(start.wall_origin.as_nanos()).unwrap_or(u64::MAX);
            user.computed = 0;
            user.wanted = start.wanted.clone();
            user.spans.begin(start.trace);
            user.protocols.begin_iteration(start.wall_origin);
        }
        let call = Call::new(self.user.clone());
        let cut = CutOff { user: &self.user, worker: &self.worker };
        let waiting = pause(self.group.borrow().in_a_row);
        if !waiting.is_zero() && self.group.borrow().instance.is_none() {
            tokio::time::sleep(waiting).await;
        }
        let began = self.worker.clock.now();
        self.submit(&call);
        let end = call.ended().await;
        std::mem::forget(cut);
        match end {
            CallEnd::Returned(Ok(())) => {
                self.group.borrow_mut().in_a_row = 0;
                IterationEnd::Complete
            }
            CallEnd::Returned(Err(text)) => {
                self.group.borrow_mut().in_a_row = 0;
                let text = shortened(&text).into_owned();
                self.worker.meter.notice(self.worker.scenario, &format!("journey: {text}"), &|| {
                    format!("the journey ended with an error: {text}")
                });
                // Nobody listens, or the like: without a pause a closed load would do nothing else, and count nothing but that.
                if self.worker.clock.now() - began < BREATH {
                    tokio::time::sleep(BREATH).await;
                }
                IterationEnd::Failed
            }
            CallEnd::Ended => self.too_many().unwrap_or(IterationEnd::Failed),
            CallEnd::NoInstance(text) => {
                let path = self.run.plugin.file.path.display();
                IterationEnd::Fatal(format!("{path}: no instance of the plugin can be made: {text}"))
            }
        }
    }

    /// Hands the call to the group's instance, which is made if there is none.
    fn submit(&self, call: &Call) {
        let mut group = self.group.borrow_mut();
        if let Some(instance) = &group.instance
            && !instance.inbox.borrow().is_closed()
        {
            instance.inbox.borrow_mut().push(call.clone());
            return;
        }
        let (run, worker, shared) = (Arc::clone(&self.run), self.worker.clone(), self.group.clone());
        let on_end = Box::new(move |blame: &Blame| {
            run.ended.fetch_add(1, Ordering::Relaxed);
            let mut group = shared.borrow_mut();
            group.in_a_row += 1;
            // Dropping the handle aborts the task that is calling: it is at its end.
            group.instance = None;
            blame.tell(&run.settings.path, &run.told, &worker);
        });
        let instance = Instance::start(
            Arc::clone(&self.run.plugin),
            Arc::clone(&self.run.config),
            self.worker.clone(),
            on_end,
        );
        instance.inbox.borrow_mut().push(call.clone());
        group.instance = Some(instance);
    }

    /// The run is over when the plugin was ended too often.
    fn too_many(&self) -> Option<IterationEnd> {
        let (ended, most) = (self.run.ended.load(Ordering::Relaxed), self.run.settings.limits.traps);
        (ended > most).then(|| {
            let path = self.run.settings.path.display();
            IterationEnd::Fatal(format!(
                "the plugin {path} was ended by force too often: {ended} of {most} allowed (`limits: {{traps: …}}`); see the notices"
            ))
        })
    }
}

/// Dropped when an iteration is cut off: what is in the air is recorded as such.
struct CutOff<'a> {
    user: &'a SharedUser,
    worker: &'a SharedWorker,
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        self.user.borrow_mut().give_up(None, FailureKind::Cut, self.worker);
    }
}
