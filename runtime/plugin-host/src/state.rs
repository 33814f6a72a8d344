//! What a store holds: one instance's view of its worker, its limits, the measuring of its time, and what it said last.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use prony_core::{GuestEnd, GuestEvent};
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{CallHook, ResourceLimiter, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::calls::Call;
use crate::engine::{Kind, TICK};
use crate::host::wasi;
use crate::output::Output;
use crate::settings::Limits;
use crate::user::SharedUser;
use crate::worker::SharedWorker;

/// See the module's head.
pub(crate) struct State {
    pub(crate) worker: SharedWorker,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    /// What it wrote to its standard output and error.
    pub(crate) output: Output,
    /// The calls under way, by the task that serves each.
    pub(crate) calls: HashMap<GuestTaskId, Call>,
    /// Whose code runs, or ran last.
    pub(crate) current: Option<SharedUser>,
    pub(crate) timing: Timing,
    limiter: Limiter,
    /// The first check of a judged answer that did not hold.
    pub(crate) broken_check: Option<String>,
    /// Why the host has ended it, when it has.
    pub(crate) stop: Option<GuestEnd>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// How long the guest has computed since it was given control.
#[derive(Default)]
pub(crate) struct Timing {
    depth: u32,
    /// When it was given control.
    began: u64,
    /// How much of the time since then was spent in the host.
    pub(crate) in_host: u64,
    /// How many ticks have found it computing.
    ticks: u32,
    /// The same for what others did while it was interrupted. Shared with the future that waits meanwhile.
    interrupted: Arc<AtomicU64>,
}

impl Timing {
    /// What the guest has computed of the stretch under way; zero outside of one.
    pub(crate) fn computed(&self, now: u64) -> u64 {
        if self.depth == 0 {
            return 0;
        }
        let elsewhere = self.in_host + self.interrupted.load(Ordering::Relaxed);
        now.saturating_sub(self.began).saturating_sub(elsewhere)
    }

    /// The same as far as it can be held against the guest. On a machine that is short of cores, time passes in which it has none:
    /// it has computed no more than a tick for each that found it at it, and the one under way.
    fn held(&self, now: u64) -> Duration {
        Duration::from_nanos(self.computed(now)).min(TICK * (self.ticks + 1))
    }

    /// Whether the guest has control.
    pub(crate) fn is_running(&self) -> bool {
        self.depth > 0
    }
}

impl State {
    /// A store for one instance.
    pub(crate) fn store(engine: &wasmtime::Engine, kind: Kind, worker: SharedWorker) -> Store<Self> {
        let output = Output::default();
        let limiter = Limiter { limits: worker.limits, memory: 0, linear: 0, table: 0, refused: false };
        let wasi = wasi::context(&worker, &output);
        let mut store = Store::new(
            engine,
            Self {
                table: ResourceTable::new(),
                wasi,
                output,
                calls: HashMap::new(),
                current: None,
                timing: Timing::default(),
                limiter,
                broken_check: None,
                stop: None,
                worker,
            },
        );
        store.limiter(|state| state);
        store.call_hook(move |context, hook| match hook {
            CallHook::CallingWasm => given_control(context, kind),
            CallHook::ReturningFromWasm => gave_back(context),
            CallHook::CallingHost | CallHook::ReturningFromHost => Ok(()),
        });
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |context| tick(context, kind));
        store
    }

    /// Takes of the memory that the instance may have; false when there is not so much left.
    pub(crate) fn take_memory(&mut self, bytes: u64) -> bool {
        let granted = self.limiter.memory + bytes <= self.limiter.limits.memory;
        self.limiter.memory += if granted { bytes } else { 0 };
        self.limiter.refused |= !granted;
        granted
    }

    /// Gives back what was taken.
    pub(crate) fn give_memory(&mut self, bytes: u64) {
        self.limiter.memory = self.limiter.memory.saturating_sub(bytes);
    }

    /// Why it was ended, as far as the host knows.
    pub(crate) fn end(&self) -> Option<GuestEnd> {
        self.stop.or(self.limiter.refused.then_some(GuestEnd::Memory))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let memory = i64::try_from(self.limiter.linear).unwrap_or(i64::MAX);
        self.worker.memory_changed(-memory);
    }
}

fn given_control(mut context: StoreContextMut<'_, State>, kind: Kind) -> wasmtime::Result<()> {
    let depth = context.data().timing.depth;
    context.data_mut().timing.depth = depth + 1;
    if depth > 0 {
        return Ok(());
    }
    // Who is served: the oldest task on the stack is the call that the host made.
    let task = match kind {
        Kind::Scenario => context.async_call_stack()?.last(),
        Kind::Request => None,
    };
    context.set_epoch_deadline(1);
    let state = context.data_mut();
    if kind == Kind::Scenario {
        state.current = task.and_then(|task| state.calls.get(&task)).map(|call| call.user.clone());
    }
    state.timing.began = state.worker.clock.now().as_nanos();
    state.timing.in_host = 0;
    state.timing.ticks = 0;
    state.timing.interrupted.store(0, Ordering::Relaxed);
    Ok(())
}

fn gave_back(mut context: StoreContextMut<'_, State>) -> wasmtime::Result<()> {
    let state = context.data_mut();
    if state.timing.depth > 1 {
        state.timing.depth -= 1;
        return Ok(());
    }
    let computed = state.timing.held(state.worker.clock.now().as_nanos());
    let computed = u64::try_from(computed.as_nanos()).unwrap_or(u64::MAX);
    state.timing.depth = 0;
    state.worker.meter.guest(state.worker.scenario, GuestEvent::Ran(computed));
    let Some(user) = &state.current else { return Ok(()) };
    let mut user = user.borrow_mut();
    user.computed += computed;
    let limit = state.worker.limits.call;
    // What has been ended already is ended for its own reason.
    if state.stop.is_none() && Duration::from_nanos(user.computed) > limit {
        state.stop = Some(GuestEnd::Call);
        wasmtime::bail!("it computed longer in one call than {limit:?} (`limits: {{call: …}}`)");
    }
    Ok(())
}

/// A tick has passed while the guest had control: it goes on when others have had their turn, or not at all.
fn tick(mut context: StoreContextMut<'_, State>, kind: Kind) -> wasmtime::Result<UpdateDeadline> {
    let state = context.data_mut();
    let clock = state.worker.clock;
    state.timing.ticks += 1;
    let computed = state.timing.held(clock.now().as_nanos());
    let Limits { slice, call, .. } = state.worker.limits;
    let before = state.current.as_ref().map_or(0, |user| user.borrow().computed);
    let (end, limit, what) = if computed > slice {
        (GuestEnd::Slice, slice, "computed without giving control back for longer than")
    } else if computed + Duration::from_nanos(before) > call {
        (GuestEnd::Call, call, "computed longer in one call than")
    } else if kind == Kind::Request {
        // Functions never wait, not even for others.
        return Ok(UpdateDeadline::Continue(1));
    } else {
        let interrupted = Arc::clone(&state.timing.interrupted);
        let since = clock.now().as_nanos();
        let mut turn = false;
        let others = std::future::poll_fn(move |context| {
            if turn {
                let lasted = clock.now().as_nanos().saturating_sub(since);
                interrupted.fetch_add(lasted, Ordering::Relaxed);
                return Poll::Ready(());
            }
            turn = true;
            context.waker().wake_by_ref();
            Poll::Pending
        });
        return Ok(UpdateDeadline::YieldCustom(1, Box::pin(others)));
    };
    state.stop = Some(end);
    wasmtime::bail!("it {what} {limit:?} (`limits: {{{}: …}}`)", end.name());
}

/// Holds an instance to its memory.
struct Limiter {
    limits: Limits,
    /// Its own memory, and what the host holds for it.
    memory: u64,
    /// Its own memory alone.
    linear: u64,
    table: u64,
    /// It wanted more than allowed.
    refused: bool,
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired - current) as u64;
        let granted = self.take_memory(more);
        if granted {
            self.limiter.linear += more;
            self.worker.memory_changed(i64::try_from(more).unwrap_or(i64::MAX));
        }
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired - current) as u64;
        if self.limiter.table + more > self.limiter.limits.table {
            self.limiter.refused = true;
            return Ok(false);
        }
        self.limiter.table += more;
        Ok(true)
    }
}
