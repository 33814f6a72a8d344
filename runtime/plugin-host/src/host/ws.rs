//! `ws`: a guest's connection and messages, measured like a plan's.

use std::pin::pin;

use prony_core::{FailureKind, StepId, Timestamp};
use prony_ws::guest::{GuestMessage, GuestOpening, GuestRequest, GuestUser, Performed, Trouble};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::ws::{self, Failure, Incoming, Message, Opening};
use crate::host::HeldReply;
use crate::host::flight::{Caller, Flight, failure, hosted, record};
use crate::protocols::WorkerProtocols;
use crate::state::State;

/// What a guest asks for, and wishes by name.
type Options = Vec<(String, String)>;
type Answer<T> = Result<std::result::Result<T, Failure>>;
type Host = Accessor<State, HasSelf<State>>;

/// The calling user, and its way to the server, for something that results know as `name`.
fn caller(state: &mut State, name: &str) -> Answer<Caller<GuestUser>> {
    let nobody = "the plan's `target` is no WebSocket: `target: ws://host:port/path`";
    Caller::find(state, name, prony_ws::NAME, nobody, WorkerProtocols::ws)
}

/// Performs a request and records it.
async fn perform(accessor: &Host, request: GuestRequest) -> Answer<Resource<HeldReply>> {
    let mut slot = None;
    // A handshake that was refused by a status is an answer all the same, to who asked for it.
    let may_be_refused = matches!(request, GuestRequest::Open(_));
    let performing = pin!(async {
        let found = accessor.with(|mut access| caller(access.get(), request.name()))?;
        let Caller { user, worker, way: ws, step, name, due, trace } = match found {
            Ok(caller) => caller,
            Err(failure) => return Ok(Err(failure)),
        };
        let flight = slot.insert(Flight::begin(&user, &worker, Some(step), (due, trace)));
        let performed = ws.perform(request, due, trace).await;
        if flight.land() {
            record(&worker, Some(step), &name, &performed.exchange);
        }
        Ok(Ok((performed, step, name)))
    });
    match hosted(accessor, performing).await? {
        Err(failure) => Ok(Err(failure)),
        Ok((performed, step, name)) => {
            accessor.with(|mut access| answer(access.get(), performed, may_be_refused, step, name))
        }
    }
}

/// The same for what has no answer to look at.
async fn perform_plain(accessor: &Host, request: GuestRequest) -> Answer<()> {
    let held = match perform(accessor, request).await? {
        Err(failure) => return Ok(Err(failure)),
        Ok(held) => held,
    };
    accessor.with(|mut access| {
        use crate::bindings::wit::exchange::HostReply;
        HostReply::drop(access.get(), held).map(Ok)
    })
}

/// The answer for the guest to hold, or why there is none.
fn answer(
    state: &mut State,
    performed: Performed,
    may_be_refused: bool,
    step: StepId,
    name: Box<str>,
) -> Answer<Resource<HeldReply>> {
    let Performed { exchange, reply } = performed;
    let by_status = matches!(
        exchange.outcome.failure,
        Some(FailureKind::StatusClient | FailureKind::StatusServer | FailureKind::Status)
    );
    if exchange.outcome.failure.is_some() && !(by_status && may_be_refused) {
        return Ok(Err(failure(&exchange)));
    }
    let outcome = exchange.outcome;
    let failed = outcome.failure.is_some();
    let held = HeldReply { reply, outcome, step: Some(step), name, failed, judged: false };
    Ok(Ok(state.hold(held)?))
}

impl ws::Host for State {
    fn connected(&mut self) -> Result<bool> {
        let user = self.user()?;
        let user = user.borrow();
        Ok(user.protocols.ws.as_ref().is_some_and(GuestUser::is_connected))
    }

    fn answered(&mut self, key: String, at: u64) -> Result<bool> {
        let user = self.user()?;
        let user = user.borrow();
        let at = Timestamp::from_nanos(at);
        Ok(user.protocols.ws.as_ref().is_some_and(|ws| ws.answered(&key, at)))
    }
}

impl ws::HostWithStore<State> for HasSelf<State> {
    async fn connect(accessor: &Accessor<State, Self>, opening: Opening) -> Answer<Resource<HeldReply>> {
        let Opening { path, headers, protocols, options } = opening;
        perform(accessor, GuestRequest::Open(GuestOpening { path, headers, protocols, options })).await
    }

    async fn send(accessor: &Accessor<State, Self>, message: Message, options: Options) -> Answer<()> {
        perform_plain(accessor, GuestRequest::Send(to_message(message), options)).await
    }

    async fn request(
        accessor: &Accessor<State, Self>,
        message: Message,
        options: Options,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Request(to_message(message), options)).await
    }

    async fn receive(accessor: &Accessor<State, Self>, options: Options) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Receive(options)).await
    }

    async fn next(accessor: &Accessor<State, Self>) -> Answer<Option<Incoming>> {
        let (ws, wanted) = accessor.with(|mut access| -> Result<_> {
            let user = access.get().user()?;
            let user = user.borrow();
            Ok((user.protocols.ws.clone(), user.wanted.clone()))
        })?;
        // Who has never asked for anything has no connection either.
        let Some(ws) = ws else { return Ok(Ok(None)) };
        let waiting = pin!(async { Ok(ws.next(&wanted).await) });
        Ok(match hosted(accessor, waiting).await? {
            Ok(arrived) => Ok(arrived.map(|one| Incoming {
                message: match one.message {
                    GuestMessage::Text(text) => Message::Text(text),
                    GuestMessage::Binary(bytes) => Message::Binary(bytes),
                },
                at: one.at.as_nanos(),
            })),
            Err(Trouble { kind, story, .. }) => {
                Err(Failure { kind: kind.name().to_owned(), message: story.into() })
            }
        })
    }

    async fn ping(accessor: &Accessor<State, Self>, options: Options) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Ping(options)).await
    }

    async fn close(
        accessor: &Accessor<State, Self>,
        code: u16,
        reason: String,
        options: Options,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Close(code, reason, options)).await
    }
}

fn to_message(message: Message) -> GuestMessage {
    match message {
        Message::Text(text) => GuestMessage::Text(text),
        Message::Binary(bytes) => GuestMessage::Binary(bytes),
    }
}
