//! `mqtt`: a guest's messages and connections, measured like a plan's.

use std::pin::pin;

use prony_core::StepId;
use prony_mqtt::guest::{
    GuestDevice, GuestIdentity, GuestMessage, GuestRequest, Performed, Publication, Trouble,
};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::mqtt::{self, Failure, Identity, Incoming, Message};
use crate::host::HeldReply;
use crate::host::flight::{Caller, Flight, failure, hosted, record};
use crate::protocols::WorkerProtocols;
use crate::state::State;
use crate::user::SharedUser;

/// A message that was handed over, as long as the guest may ask about it.
#[expect(unreachable_pub, reason = "the bindings name it, and theirs are public")]
pub struct HeldPublication {
    publication: Publication,
    step: StepId,
    name: Box<str>,
}

impl HeldPublication {
    /// What it takes of the host's memory, roughly: it is counted as the guest's.
    const BYTES: u64 = 400;
}

/// What a guest asks for, and wishes by name.
type Options = Vec<(String, String)>;
type Answer<T> = Result<std::result::Result<T, Failure>>;

/// The calling user, and its device, for something that results know as `name`.
fn caller(state: &mut State, name: &str) -> Answer<Caller<GuestDevice>> {
    let nobody = "the plan's `target` is no broker: `target: mqtt://host:1883`";
    Caller::find(state, name, prony_mqtt::NAME, nobody, WorkerProtocols::device)
}

/// A message being handed over.
struct Publishing(SharedUser);

impl Publishing {
    fn begin(user: &SharedUser) -> Self {
        user.borrow_mut().publishing += 1;
        Self(user.clone())
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.borrow_mut().publishing -= 1;
    }
}

type Host = Accessor<State, HasSelf<State>>;

/// Performs a request and records it.
async fn perform(accessor: &Host, request: GuestRequest) -> Answer<Resource<HeldReply>> {
    let mut slot = None;
    let performing = pin!(async {
        let found = accessor.with(|mut access| caller(access.get(), request.name()))?;
        let caller = match found {
            Ok(caller) => caller,
            Err(failure) => return Ok(Err(failure)),
        };
        let (due, trace) = (caller.due, caller.trace);
        let flight = Flight::begin(&caller.user, &caller.worker, Some(caller.step), (due, trace));
        let flight = slot.insert(flight);
        let performed = caller.way.perform(request, caller.step, due, trace).await;
        if flight.land() {
            record(&caller.worker, Some(caller.step), &caller.name, &performed.exchange);
        }
        Ok(Ok((performed, caller.step, caller.name)))
    });
    match hosted(accessor, performing).await? {
        Err(failure) => Ok(Err(failure)),
        Ok((performed, step, name)) => {
            accessor.with(|mut access| answer(access.get(), performed, step, name))
        }
    }
}

/// The answer for the guest to hold, or why there is none.
fn answer(
    state: &mut State,
    performed: Performed,
    step: StepId,
    name: Box<str>,
) -> Answer<Resource<HeldReply>> {
    let Performed { exchange, reply } = performed;
    if exchange.outcome.failure.is_some() {
        return Ok(Err(failure(&exchange)));
    }
    let outcome = exchange.outcome;
    let held = HeldReply { reply, outcome, step: Some(step), name, failed: false, judged: false };
    Ok(Ok(state.hold(held)?))
}

/// Hands a message over. The device records how it ends.
async fn hand_over(accessor: &Host, message: Message) -> Answer<HeldPublication> {
    let message = to_message(message);
    let handing = pin!(async {
        let found = accessor.with(|mut access| caller(access.get(), message.name()))?;
        let caller = match found {
            Ok(caller) => caller,
            Err(failure) => return Ok(Err(failure)),
        };
        let _publishing = Publishing::begin(&caller.user);
        match caller.way.publish(&message, caller.step, caller.due, caller.trace).await {
            Ok(publication) => Ok(Ok(HeldPublication { publication, step: caller.step, name: caller.name })),
            Err(exchange) => {
                record(&caller.worker, Some(caller.step), &caller.name, &exchange);
                Ok(Err(failure(&exchange)))
            }
        }
    });
    hosted(accessor, handing).await
}

impl mqtt::Host for State {
    fn connected(&mut self) -> Result<bool> {
        let user = self.user()?;
        let user = user.borrow();
        Ok(user.protocols.mqtt.as_ref().is_some_and(GuestDevice::is_connected))
    }

    fn settle(&mut self, number: u64) -> Result<()> {
        let user = self.user()?;
        if let Some(device) = &user.borrow().protocols.mqtt {
            device.settle(number);
        }
        Ok(())
    }
}

impl mqtt::HostPublication for State {
    fn drop(&mut self, publication: Resource<HeldPublication>) -> Result<()> {
        self.table.delete(publication)?;
        self.give_memory(HeldPublication::BYTES);
        Ok(())
    }
}

impl mqtt::HostPublicationWithStore<State> for HasSelf<State> {
    async fn settled(
        accessor: &Accessor<State, Self>,
        publication: Resource<HeldPublication>,
    ) -> Answer<Resource<HeldReply>> {
        let (publication, step, name) = accessor.with(|mut access| -> Result<_> {
            let held = access.get().table.get(&publication)?;
            Ok((held.publication.clone(), held.step, held.name.clone()))
        })?;
        let performed = publication.settled().await;
        accessor.with(|mut access| answer(access.get(), performed, step, name))
    }
}

impl mqtt::HostWithStore<State> for HasSelf<State> {
    async fn connect(accessor: &Accessor<State, Self>, identity: Identity) -> Answer<Resource<HeldReply>> {
        let Identity { client_id, username, password, will, options } = identity;
        let will = will.map(to_message);
        perform(
            accessor,
            GuestRequest::Connect(GuestIdentity { client_id, username, password, will, options }),
        )
        .await
    }

    async fn publish(accessor: &Accessor<State, Self>, message: Message) -> Answer<Resource<HeldReply>> {
        match hand_over(accessor, message).await? {
            Err(failure) => Ok(Err(failure)),
            Ok(HeldPublication { publication, step, name }) => {
                let performed = publication.settled().await;
                accessor.with(|mut access| answer(access.get(), performed, step, name))
            }
        }
    }

    async fn send(accessor: &Accessor<State, Self>, message: Message) -> Answer<Resource<HeldPublication>> {
        match hand_over(accessor, message).await? {
            Err(failure) => Ok(Err(failure)),
            Ok(held) => accessor.with(|mut access| {
                let state = access.get();
                if !state.take_memory(HeldPublication::BYTES) {
                    wasmtime::bail!("it holds more publications than its memory allows");
                }
                Ok(Ok(state.table.push(held)?))
            }),
        }
    }

    async fn subscribe(
        accessor: &Accessor<State, Self>,
        filters: Vec<String>,
        options: Options,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Subscribe(filters, options)).await
    }

    async fn unsubscribe(
        accessor: &Accessor<State, Self>,
        filters: Vec<String>,
        options: Options,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Unsubscribe(filters, options)).await
    }

    async fn receive(
        accessor: &Accessor<State, Self>,
        filter: Option<String>,
        options: Options,
    ) -> Answer<Resource<HeldReply>> {
        perform(accessor, GuestRequest::Receive(filter, options)).await
    }

    async fn next(accessor: &Accessor<State, Self>, filter: Option<String>) -> Answer<Option<Incoming>> {
        let (device, wanted) = accessor.with(|mut access| -> Result<_> {
            let user = access.get().user()?;
            let user = user.borrow();
            Ok((user.protocols.mqtt.clone(), user.wanted.clone()))
        })?;
        // Who has never asked for anything has no connection either.
        let Some(device) = device else { return Ok(Ok(None)) };
        let waiting = pin!(async { Ok(device.next(filter.as_deref(), &wanted).await) });
        Ok(match hosted(accessor, waiting).await? {
            Ok(arrived) => Ok(arrived.map(|one| Incoming {
                topic: one.topic,
                payload: one.payload,
                qos: one.qos,
                retained: one.retained,
                repeated: one.repeated,
                properties: one.properties,
                number: one.number,
                at: one.at.as_nanos(),
            })),
            Err(Trouble { kind, story }) => {
                Err(Failure { kind: kind.name().to_owned(), message: story.into() })
            }
        })
    }

    async fn disconnect(accessor: &Accessor<State, Self>, options: Options) -> Answer<()> {
        let answer = perform(accessor, GuestRequest::Disconnect(options)).await?;
        match answer {
            Err(failure) => Ok(Err(failure)),
            Ok(held) => accessor.with(|mut access| {
                use crate::bindings::wit::exchange::HostReply;
                HostReply::drop(access.get(), held).map(Ok)
            }),
        }
    }
}

fn to_message(message: Message) -> GuestMessage {
    let Message { topic, payload, qos, retain, properties, options } = message;
    GuestMessage { topic, payload, qos, retain, properties, options }
}
