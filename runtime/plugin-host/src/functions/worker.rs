//! Calling functions: a worker's instances, and what becomes of a call.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use prony_core::{GuestEvent, Message, Outcome, Random, Reply, StepId, Timestamp};
use wasmtime::Store;

use crate::bindings::request::Request;
use crate::blame::Blame;
use crate::engine::Kind;
use crate::functions::{Group, Shared, UseId, configure, instantiate};
use crate::host::HeldReply;
use crate::state::State;
use crate::trial::Refusal;
use crate::user::{SharedUser, VarNames, Vars};
use crate::worker::{SharedWorker, shortened};

/// A worker's instances.
pub struct FunctionsWorker {
    pub(super) shared: Arc<Shared>,
    pub(super) guests: Vec<RefCell<Guest>>,
}

/// A plugin on a worker.
pub(super) struct Guest {
    pub(super) worker: SharedWorker,
    /// Whoever it is called for: lent to it for a call.
    pub(super) user: SharedUser,
    pub(super) living: Option<Living>,
}

pub(super) struct Living {
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
                    "the plugin {path} was ended by force too often: {ended} of {most} allowed (`limits: {{traps: …}}`); see the notices"
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
