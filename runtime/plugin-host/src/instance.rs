//! An instance that serves journeys: a task of its worker that takes calls, lets the guest run them side by side, and replaces
//! nothing. When it is ended, everybody in it is told.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prony_core::{FailureKind, GuestEnd, GuestEvent};
use send_wrapper::SendWrapper;
use wasmtime::Store;
use wasmtime::component::{Accessor, GuestTaskId};

use crate::bindings::scenario::{Scenario, ScenarioPre};
use crate::blame::Blame;
use crate::calls::{Call, CallEnd, Inbox, SharedInbox};
use crate::engine::Kind;
use crate::plugin::{Plugin, World};
use crate::state::State;
use crate::trial::Refusal;
use crate::worker::SharedWorker;

/// A living instance, as those see it who call it. It ends with this.
pub(crate) struct Instance {
    pub(crate) inbox: SharedInbox,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is told of an instance's end.
pub(crate) type OnEnd = Box<dyn FnOnce(&Blame) + Send>;

impl Instance {
    /// Starts one on this worker. Calls may be handed over at once. `on_end` hears of its end, if it does not end with the run.
    pub(crate) fn start(plugin: Arc<Plugin>, config: Arc<str>, worker: SharedWorker, on_end: OnEnd) -> Self {
        let inbox: SharedInbox = SendWrapper::new(Rc::new(RefCell::new(Inbox::default())));
        let life = live(plugin, config, worker, inbox.clone(), on_end);
        // Everything a worker's users do through this guest is one task: it must not be held to one task's share.
        let task = tokio::spawn(tokio::task::unconstrained(life));
        Self { inbox, task }
    }
}

async fn live(
    plugin: Arc<Plugin>,
    config: Arc<str>,
    worker: SharedWorker,
    inbox: SharedInbox,
    on_end: OnEnd,
) {
    let mut store = State::store(&plugin.engine, Kind::Scenario, worker.clone());
    let scenario = match configured(&plugin, &mut store, &config).await {
        Ok(scenario) => scenario,
        Err(refusal) => {
            let text = refusal.sentence();
            drop(store);
            inbox.borrow_mut().close(&CallEnd::NoInstance(text));
            return;
        }
    };
    worker.meter.guest(worker.scenario, GuestEvent::Made);
    let served = store.run_concurrent(async |accessor| serve(accessor, &scenario, &inbox).await).await;
    let error = match served {
        Ok(Ok(never)) => match never {},
        Ok(Err(error)) | Err(error) => error,
    };
    let blame = Blame::new(&error, &store);
    bury(store, &inbox, &worker, blame.end);
    on_end(&blame);
}

/// Makes an instance and configures it.
pub(crate) async fn configured(
    plugin: &Plugin,
    store: &mut Store<State>,
    config: &str,
) -> Result<Scenario, Refusal> {
    let World::Scenario(linked) = &plugin.world else {
        let (end, text) = (GuestEnd::Misuse, "it is of the world request".to_owned());
        return Err(Refusal::Ended(Blame { end, text }));
    };
    match tokio::time::timeout(PATIENCE, make(linked, store, config)).await {
        Ok(Ok((scenario, Ok(())))) => Ok(scenario),
        Ok(Ok((_, Err(problem)))) => Err(Refusal::Config(problem)),
        Ok(Err(error)) => Err(Refusal::Ended(Blame::new(&error, store))),
        Err(_) => Err(Refusal::waited()),
    }
}

/// How long a plugin may wait while it is configured. It has nothing to wait for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

async fn make(
    linked: &ScenarioPre<State>,
    store: &mut Store<State>,
    config: &str,
) -> wasmtime::Result<(Scenario, Result<(), crate::bindings::wit::types::Problem>)> {
    let scenario = linked.instantiate_async(&mut *store).await?;
    let answer = scenario.prony_plugin_journey().call_configure(&mut *store, config).await?;
    Ok((scenario, answer))
}

/// Nothing is left to serve for: it ends with the run, or by force.
enum Never {}

type Running<'a> =
    Pin<Box<dyn Future<Output = (GuestTaskId, wasmtime::Result<Result<(), String>>)> + Send + 'a>>;

/// Takes calls and tells their ends, until the guest is ended.
async fn serve(
    accessor: &Accessor<State>,
    scenario: &Scenario,
    inbox: &SharedInbox,
) -> wasmtime::Result<Never> {
    let iterate = scenario.prony_plugin_journey().func_iterate();
    let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
    loop {
        enum Happened {
            Called(Call),
            Ended(GuestTaskId, wasmtime::Result<Result<(), String>>),
        }
        let happened = std::future::poll_fn(|context| {
            if let Poll::Ready(Some((task, result))) = running.poll_next_unpin(context) {
                return Poll::Ready(Happened::Ended(task, result));
            }
            inbox.borrow_mut().poll_next(context).map(Happened::Called)
        })
        .await;
        match happened {
            Happened::Called(call) => {
                let pending = accessor.with(|mut access| -> wasmtime::Result<_> {
                    let pending = iterate.start_call_concurrent(&mut access, ())?;
                    access.get().calls.insert(pending.task(), call);
                    Ok(pending)
                })?;
                let task = pending.task();
                running.push(Box::pin(async move {
                    let result = iterate.finish_call_concurrent(accessor, pending).await;
                    (task, result.map(|(result,)| result))
                }));
            }
            Happened::Ended(task, result) => {
                let result = result?;
                accessor.with(|mut access| {
                    let state = access.get();
                    if let Some(call) = state.calls.remove(&task) {
                        call.end(CallEnd::Returned(result));
                    }
                    if !state.output.is_empty() {
                        let lines = state.output.take_lines();
                        lines.lines().for_each(|line| state.worker.log(crate::log::Level::Info, line));
                    }
                });
            }
        }
    }
}

/// Tells everybody in an instance of its end: the culprit, and those who are lost with it.
fn bury(mut store: Store<State>, inbox: &SharedInbox, worker: &SharedWorker, end: GuestEnd) {
    let state = store.data_mut();
    let calls: Vec<Call> = state.calls.drain().map(|(_, call)| call).collect();
    let culprit = state.current.take();
    let is_culprit = |call: &Call| culprit.as_ref().is_some_and(|user| Rc::ptr_eq(user, &call.user));
    let bystanders = calls.iter().filter(|call| !is_culprit(call)).count() as u32;
    for call in &calls {
        call.user.borrow_mut().give_up(None, FailureKind::Guest, worker);
    }
    // What is in the air goes down with the store, and finds itself given up already.
    drop(store);
    calls.iter().for_each(|call| call.end(CallEnd::Ended));
    let waiting = inbox.borrow_mut().close(&CallEnd::Ended);
    worker.meter.guest(worker.scenario, GuestEvent::Ended(end));
    worker.step_back();
    worker.meter.guest(worker.scenario, GuestEvent::Lost(bystanders + waiting));
}
