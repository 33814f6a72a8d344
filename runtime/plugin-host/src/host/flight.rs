//! What requests of every protocol have in common: host's time, flights, records.

use std::pin::Pin;

use prony_core::{Exchange, FailureKind, Marks, Outcome, Settled, StepId, Timestamp, Traced};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::wit::types::Failure;
use crate::protocols::{UserProtocols, WorkerProtocols};
use crate::state::State;
use crate::user::SharedUser;
use crate::worker::SharedWorker;

/// `work` on behalf of a guest. Its first poll happens while the guest has control: what it takes is the host's time.
pub(super) async fn hosted<T>(
    accessor: &Accessor<State, HasSelf<State>>,
    mut work: Pin<&mut impl Future<Output = wasmtime::Result<T>>>,
) -> wasmtime::Result<T> {
    let mut first = true;
    std::future::poll_fn(move |context| {
        if !std::mem::take(&mut first) {
            return work.as_mut().poll(context);
        }
        let clock = accessor.with(|mut access| access.get().worker.clock);
        let began = clock.now();
        let polled = work.as_mut().poll(context);
        let spent = clock.now().nanos_since(began);
        accessor.with(|mut access| {
            let timing = &mut access.get().timing;
            timing.in_host += if timing.is_running() { spent } else { 0 };
        });
        polled
    })
    .await
}

/// The calling user, and its way to those whom it speaks to.
pub(super) struct Caller<T> {
    pub(super) user: SharedUser,
    pub(super) worker: SharedWorker,
    pub(super) way: T,
    pub(super) step: StepId,
    pub(super) name: Box<str>,
    pub(super) due: Timestamp,
    pub(super) trace: Option<Traced>,
}

impl<T> Caller<T> {
    /// Who calls, for something that results know as `name`. `nobody` is what the guest is told when the plan names nobody to
    /// speak to.
    pub(super) fn find(
        state: &mut State,
        name: &str,
        protocol: &'static str,
        nobody: &str,
        way: impl FnOnce(&WorkerProtocols, u32, &mut UserProtocols) -> Option<T>,
    ) -> wasmtime::Result<Result<Self, Failure>> {
        let user = state.user()?;
        let worker = state.worker.clone();
        let step = worker.step(name, protocol);
        let mut held = user.borrow_mut();
        let (due, trace) = (held.due_now(&worker.clock), held.spans.next_request());
        let refused = |text: String| Ok(Err(refused(&worker, step, name, (due, trace), text)));
        if let Some(text) = held.too_many_under_way(&worker.limits) {
            return refused(text);
        }
        let number = held.number;
        let Some(way) = way(&worker.protocols, number, &mut held.protocols) else {
            return refused(nobody.to_owned());
        };
        let Some(step) = step else {
            return refused("there is no room for its name in results (`limits: {names: …}`)".to_owned());
        };
        drop(held);
        Ok(Ok(Self { user, worker, way, step, name: name.into(), due, trace }))
    }
}

/// A request in the air. When it is dropped there, it is recorded as cut off, unless it has been given up already.
pub(super) struct Flight {
    user: SharedUser,
    worker: SharedWorker,
    /// `None` has no name in results, and is not recorded.
    number: Option<u32>,
    named: bool,
}

impl Flight {
    pub(super) fn begin(
        user: &SharedUser,
        worker: &SharedWorker,
        step: Option<StepId>,
        (due, trace): (Timestamp, Option<Traced>),
    ) -> Self {
        let number = step.map(|step| user.borrow_mut().take_off(step, due, trace));
        Self { user: user.clone(), worker: worker.clone(), number, named: step.is_some() }
    }

    /// False when it has been given up, and is recorded already.
    pub(super) fn land(&mut self) -> bool {
        match self.number.take() {
            Some(number) => self.user.borrow_mut().land(number),
            None => !self.named,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.user.borrow_mut().give_up(Some(number), FailureKind::Cut, &self.worker);
        }
    }
}

/// Records a request's end.
pub(super) fn record(worker: &SharedWorker, step: Option<StepId>, name: &str, exchange: &Exchange) {
    if let Some(step) = step {
        worker.meter.request(step, &exchange.outcome, Marks::default());
        worker.tell(step, name, exchange);
    }
}

/// Records a request that is not made, and gives what the guest is told.
pub(super) fn refused(
    worker: &SharedWorker,
    step: Option<StepId>,
    name: &str,
    (due, trace): (Timestamp, Option<Traced>),
    text: String,
) -> Failure {
    let due = Outcome::due(due).traced(trace);
    let outcome = Outcome { finished: worker.clock.now(), failure: Some(FailureKind::Refused), ..due };
    let exchange = Exchange { outcome, detail: Some(text.clone().into()), settled: Settled::Now };
    record(worker, step, name, &exchange);
    Failure { kind: FailureKind::Refused.name().to_owned(), message: text }
}

/// What a guest is told of a request that failed.
pub(super) fn failure(exchange: &Exchange) -> Failure {
    let kind = exchange.outcome.failure.map_or("io", FailureKind::name).to_owned();
    let message = exchange.detail.as_deref().unwrap_or("there is no answer").to_owned();
    Failure { kind, message }
}
