//! `http`: a guest's requests, measured like a plan's.

use std::pin::pin;

use prony_core::{Exchange, FailureKind, Marks, Outcome, Settled, StepId, Timestamp};
use prony_http::guest::{GuestRequest, GuestSession};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::http::{self, Failure, Request};
use crate::host::HeldReply;
use crate::state::State;
use crate::user::SharedUser;
use crate::worker::SharedWorker;

impl http::Host for State {}

impl http::HostWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: Request,
    ) -> Result<Result<Resource<HeldReply>, Failure>> {
        let mut flight = None;
        let mut sending = pin!(async {
            let begun = accessor.with(|mut access| begin(access.get(), request))?;
            match begun {
                Err(failure) => Ok(Err(failure)),
                Ok(begun) => Ok(Ok(fly(begun, &mut flight).await)),
            }
        });
        // The first poll happens while the guest has control: what it takes is the host's time.
        let mut first = true;
        let landed: Result<Result<Landed, Failure>> = std::future::poll_fn(|context| {
            if !std::mem::take(&mut first) {
                return sending.as_mut().poll(context);
            }
            let clock = accessor.with(|mut access| access.get().worker.clock);
            let began = clock.now();
            let polled = sending.as_mut().poll(context);
            let spent = clock.now().nanos_since(began);
            accessor.with(|mut access| {
                let timing = &mut access.get().timing;
                timing.in_host += if timing.is_running() { spent } else { 0 };
            });
            polled
        })
        .await;
        match landed? {
            Err(failure) => Ok(Err(failure)),
            Ok(Landed { exchange, session, step, name }) => {
                accessor.with(|mut access| finish(access.get(), exchange, session, step, name))
            }
        }
    }
}

/// A request that may take off.
struct Begun {
    user: SharedUser,
    worker: SharedWorker,
    session: GuestSession,
    request: GuestRequest,
    step: Option<StepId>,
    name: Box<str>,
    due: Timestamp,
}

/// A request that has its end.
struct Landed {
    exchange: Exchange,
    session: Option<(GuestSession, SharedUser)>,
    step: Option<StepId>,
    name: Box<str>,
}

fn begin(state: &mut State, request: Request) -> Result<Result<Begun, Failure>> {
    let user = state.user()?;
    let worker = state.worker.clone();
    let Request { method, url, headers, body, name, options } = request;
    let request = GuestRequest { method, url, headers, body, options };
    let name: Box<str> =
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| request.default_name()).into();
    let step = worker.step(&name, prony_http::NAME);
    let mut held = user.borrow_mut();
    let due =
        Timestamp::from_nanos(worker.clock.now().as_nanos().saturating_sub(std::mem::take(&mut held.late)));
    let refused = |text: String| {
        let outcome = Outcome {
            finished: worker.clock.now(),
            failure: Some(FailureKind::Refused),
            ..Outcome::due(due)
        };
        let exchange = Exchange { outcome, detail: Some(text.clone().into()), settled: Settled::Now };
        record(&worker, step, &name, &exchange);
        Ok(Err(Failure { kind: FailureKind::Refused.name().to_owned(), message: text }))
    };
    let most = worker.limits.requests;
    if held.under_way() >= most as usize {
        return refused(format!(
            "the user has {most} requests under way, and no more are allowed (`limits: {{requests: …}}`)"
        ));
    }
    let Some(session) = held.http.as_mut().map(prony_http::guest::GuestUser::session) else {
        return refused("the plan names no `target`".to_owned());
    };
    drop(held);
    Ok(Ok(Begun { user, worker, session, request, step, name, due }))
}

/// A request in the air. When it is dropped there, it is recorded as cut off, unless it has been given up already.
struct Flight {
    user: SharedUser,
    worker: SharedWorker,
    number: Option<u32>,
}

impl Flight {
    /// False when it has been given up.
    fn land(&mut self) -> bool {
        self.number.take().is_some_and(|number| self.user.borrow_mut().land(number))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.user.borrow_mut().give_up(Some(number), FailureKind::Cut, &self.worker);
        }
    }
}

async fn fly(begun: Begun, slot: &mut Option<Flight>) -> Landed {
    let Begun { user, worker, mut session, request, step, name, due } = begun;
    let flight = slot.insert(Flight { user: user.clone(), worker: worker.clone(), number: None });
    if let Some(step) = step {
        flight.number = Some(user.borrow_mut().take_off(step, due));
    }
    let exchange = session.send(request, due).await;
    if step.is_none() || flight.land() {
        record(&worker, step, &name, &exchange);
    }
    Landed { exchange, session: Some((session, user)), step, name }
}

fn record(worker: &SharedWorker, step: Option<StepId>, name: &str, exchange: &Exchange) {
    if let Some(step) = step {
        worker.meter.request(step, &exchange.outcome, Marks::default());
        worker.tell(step, name, exchange);
    }
}

fn finish(
    state: &mut State,
    exchange: Exchange,
    session: Option<(GuestSession, SharedUser)>,
    step: Option<StepId>,
    name: Box<str>,
) -> Result<Result<Resource<HeldReply>, Failure>> {
    let Exchange { outcome, detail, .. } = exchange;
    let reply = session.map(|(mut session, user)| {
        let reply = session.take_reply();
        if let Some(http) = &mut user.borrow_mut().http {
            http.put_back(session);
        }
        reply
    });
    // A status that was not expected is an answer all the same.
    let by_status = matches!(
        outcome.failure,
        Some(FailureKind::StatusClient | FailureKind::StatusServer | FailureKind::Status)
    );
    match (reply, outcome.failure) {
        (Some(reply), failure) if failure.is_none() || by_status => {
            let held = HeldReply { reply, outcome, step, name, failed: failure.is_some(), judged: false };
            Ok(Ok(state.hold(held)?))
        }
        (_, failure) => {
            let kind = failure.map_or("io", FailureKind::name).to_owned();
            let message = detail.map_or_else(|| "there is no answer".to_owned(), String::from);
            Ok(Err(Failure { kind, message }))
        }
    }
}
