//! `grpc`: a guest's calls and streams, measured like a plan's.

use std::pin::pin;

use prony_core::{Exchange, FailureKind, StepId, Timestamp};
use prony_grpc::guest::{GuestCall, GuestMessage, GuestStream, GuestUser, Performed, Trouble};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::grpc::{self, Call, Failure};
use crate::host::HeldReply;
use crate::host::flight::{Caller, Flight, failure, hosted, record};
use crate::protocols::WorkerProtocols;
use crate::state::State;

/// A stream, as long as the guest holds it.
#[expect(unreachable_pub, reason = "the bindings name it, and theirs are public")]
pub struct HeldStream {
    stream: GuestStream,
    step: StepId,
    name: Box<str>,
}

impl HeldStream {
    /// What it takes of the host's memory, roughly: it is counted as the guest's. Messages that wait for the guest are in it.
    const BYTES: u64 = 24_000;
}

type Answer<T> = Result<std::result::Result<T, Failure>>;
type Host = Accessor<State, HasSelf<State>>;

/// The calling user, and its way to the servers, for something that results know as `name`.
fn caller(state: &mut State, name: &str) -> Answer<Caller<GuestUser>> {
    let nobody = "the plan's `target` is no gRPC server: `target: grpc://host:port`";
    Caller::find(state, name, prony_grpc::NAME, nobody, WorkerProtocols::grpc)
}

/// Makes a unary call and records it.
async fn perform(accessor: &Host, call: Call, message: GuestMessage) -> Answer<Resource<HeldReply>> {
    let call = to_call(call);
    let mut slot = None;
    let performing = pin!(async {
        let found = accessor.with(|mut access| caller(access.get(), call.name()))?;
        let Caller { user, worker, way: grpc, step, name, due, trace } = match found {
            Ok(caller) => caller,
            Err(failure) => return Ok(Err(failure)),
        };
        let flight = slot.insert(Flight::begin(&user, &worker, Some(step), (due, trace)));
        let performed = grpc.call(call, message, due, trace).await;
        if flight.land() {
            record(&worker, Some(step), &name, &performed.exchange);
        }
        Ok(Ok((performed, step, name)))
    });
    match hosted(accessor, performing).await? {
        Err(failure) => Ok(Err(failure)),
        Ok((performed, step, name)) => {
            accessor.with(|mut access| answer(access.get(), performed, step, name))
        }
    }
}

/// The answer for the guest to hold, or why there is none. A status that was not expected is an answer all the same.
fn answer(
    state: &mut State,
    performed: Performed,
    step: StepId,
    name: Box<str>,
) -> Answer<Resource<HeldReply>> {
    let Performed { exchange, reply } = performed;
    if !matches!(exchange.outcome.failure, None | Some(FailureKind::Status)) {
        return Ok(Err(failure(&exchange)));
    }
    let outcome = exchange.outcome;
    let failed = outcome.failure.is_some();
    let held = HeldReply { reply, outcome, step: Some(step), name, failed, judged: false };
    Ok(Ok(state.hold(held)?))
}

/// A stream that the guest holds.
fn held(accessor: &Host, stream: &Resource<HeldStream>) -> Result<GuestStream> {
    accessor.with(|mut access| Ok(access.get().table.get(stream)?.stream.clone()))
}

async fn send(accessor: &Host, stream: Resource<HeldStream>, message: GuestMessage) -> Answer<()> {
    let stream = held(accessor, &stream)?;
    let sending = pin!(async { Ok(stream.send(message).await.map_err(told)) });
    hosted(accessor, sending).await
}

async fn ask(
    accessor: &Host,
    stream: Resource<HeldStream>,
    key: String,
    message: GuestMessage,
) -> Answer<()> {
    let stream = held(accessor, &stream)?;
    let asking = pin!(async { Ok(stream.ask(&key, message).await.map_err(told)) });
    hosted(accessor, asking).await
}

impl grpc::Host for State {}

impl grpc::HostStream for State {
    fn answered(&mut self, stream: Resource<HeldStream>, key: String, at: u64) -> Result<bool> {
        Ok(self.table.get(&stream)?.stream.answered(&key, Timestamp::from_nanos(at)))
    }

    fn arrived(&mut self, stream: Resource<HeldStream>) -> Result<u64> {
        Ok(self.table.get(&stream)?.stream.arrived().as_nanos())
    }

    fn cancel(&mut self, stream: Resource<HeldStream>) -> Result<()> {
        self.table.get(&stream)?.stream.cancel();
        Ok(())
    }

    fn drop(&mut self, stream: Resource<HeldStream>) -> Result<()> {
        self.table.delete(stream)?;
        self.give_memory(HeldStream::BYTES);
        Ok(())
    }
}

impl grpc::HostStreamWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
        message: Vec<u8>,
    ) -> Answer<()> {
        send(accessor, stream, GuestMessage::Bytes(message)).await
    }

    async fn send_json(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
        message: String,
    ) -> Answer<()> {
        send(accessor, stream, GuestMessage::Json(message)).await
    }

    async fn ask(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
        key: String,
        message: Vec<u8>,
    ) -> Answer<()> {
        ask(accessor, stream, key, GuestMessage::Bytes(message)).await
    }

    async fn ask_json(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
        key: String,
        message: String,
    ) -> Answer<()> {
        ask(accessor, stream, key, GuestMessage::Json(message)).await
    }

    async fn finish(accessor: &Accessor<State, Self>, stream: Resource<HeldStream>) -> Result<()> {
        held(accessor, &stream)?.finish().await;
        Ok(())
    }

    async fn next(accessor: &Accessor<State, Self>, stream: Resource<HeldStream>) -> Answer<Option<Vec<u8>>> {
        let stream = held(accessor, &stream)?;
        let waiting = pin!(async { Ok(stream.next().await.map_err(told)) });
        Ok(hosted(accessor, waiting).await?.map(|message| message.map(Vec::from)))
    }

    async fn next_json(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
    ) -> Answer<Option<String>> {
        let stream = held(accessor, &stream)?;
        let waiting = pin!(async { Ok(stream.next_json().await.map_err(told)) });
        hosted(accessor, waiting).await
    }

    async fn end(
        accessor: &Accessor<State, Self>,
        stream: Resource<HeldStream>,
    ) -> Answer<Resource<HeldReply>> {
        let (stream, step, name) = accessor.with(|mut access| -> Result<_> {
            let held = access.get().table.get(&stream)?;
            Ok((held.stream.clone(), held.step, held.name.clone()))
        })?;
        let performed = stream.end().await;
        accessor.with(|mut access| answer(access.get(), performed, step, name))
    }
}

impl grpc::HostWithStore<State> for HasSelf<State> {
    async fn unary(
        accessor: &Accessor<State, Self>,
        call: Call,
        message: Vec<u8>,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, call, GuestMessage::Bytes(message)).await
    }

    async fn unary_json(
        accessor: &Accessor<State, Self>,
        call: Call,
        message: String,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, call, GuestMessage::Json(message)).await
    }

    async fn open(accessor: &Accessor<State, Self>, call: Call) -> Answer<Resource<HeldStream>> {
        let call = to_call(call);
        let opening = pin!(async {
            let found = accessor.with(|mut access| caller(access.get(), call.name()))?;
            let Caller { user, worker, way: grpc, step, name, due, trace } = match found {
                Ok(caller) => caller,
                Err(failure) => return Ok(Err(failure)),
            };
            // The stream's end is recorded when it is there, whatever the guest does meanwhile.
            let mut flight = Flight::begin(&user, &worker, Some(step), (due, trace));
            let known = name.clone();
            let on_end = Box::new(move |exchange: &Exchange| {
                if flight.land() {
                    record(&worker, Some(step), &known, exchange);
                }
            });
            Ok(match grpc.open(call, due, trace, on_end).await {
                Ok(stream) => Ok(HeldStream { stream, step, name }),
                Err(trouble) => Err(told(trouble)),
            })
        });
        match hosted(accessor, opening).await? {
            Err(failure) => Ok(Err(failure)),
            Ok(held) => accessor.with(|mut access| {
                let state = access.get();
                if !state.take_memory(HeldStream::BYTES) {
                    wasmtime::bail!("it holds more streams than its memory allows");
                }
                Ok(Ok(state.table.push(held)?))
            }),
        }
    }
}

fn to_call(call: Call) -> GuestCall {
    let Call { method, metadata, options } = call;
    GuestCall { method, metadata, options }
}

fn told(trouble: Trouble) -> Failure {
    Failure { kind: trouble.kind.name().to_owned(), message: trouble.story.into() }
}
