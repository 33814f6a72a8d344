//! `http`: a guest's requests, measured like a plan's.

use std::pin::pin;

use prony_core::{Exchange, FailureKind, StepId, Timestamp, Traced};
use prony_http::guest::{GuestRequest, GuestSession};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::http::{self, Failure, Request};
use crate::host::HeldReply;
use crate::host::flight::{Flight, hosted, record, refused};
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
        let sending = pin!(async {
            let begun = accessor.with(|mut access| begin(access.get(), request))?;
            match begun {
                Err(failure) => Ok(Err(failure)),
                Ok(begun) => Ok(Ok(fly(begun, &mut flight).await)),
            }
        });
        match hosted(accessor, sending).await? {
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
    trace: Option<Traced>,
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
    let (due, trace) = (held.due_now(&worker.clock), held.spans.next_request());
    let refused = |text: String| Ok(Err(refused(&worker, step, &name, (due, trace), text)));
    if let Some(text) = held.too_many_under_way(&worker.limits) {
        return refused(text);
    }
    let Some(session) = held.protocols.http.as_mut().map(prony_http::guest::GuestUser::session) else {
        return refused("the plan names no `target`".to_owned());
    };
    drop(held);
    Ok(Ok(Begun { user, worker, session, request, step, name, due, trace }))
}

async fn fly(begun: Begun, slot: &mut Option<Flight>) -> Landed {
    let Begun { user, worker, mut session, request, step, name, due, trace } = begun;
    let flight = slot.insert(Flight::begin(&user, &worker, step, (due, trace)));
    let exchange = session.send(request, due, trace).await;
    if flight.land() {
        record(&worker, step, &name, &exchange);
    }
    Landed { exchange, session: Some((session, user)), step, name }
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
        if let Some(http) = &mut user.borrow_mut().protocols.http {
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
