//! In a component: the interface `mqtt`.

use crate::Failure;
use crate::bindings::scenario::prony::plugin as wit;

pub(crate) use wit::mqtt::{Identity, Incoming, Message, connected, settle};

type Answer = Result<wit::exchange::Reply, Failure>;
type Options = Vec<(String, String)>;

pub(crate) struct Publication(wit::mqtt::Publication);

impl Publication {
    pub(crate) async fn settled(&self) -> Answer {
        self.0.settled().await.map_err(told)
    }
}

pub(crate) async fn connect(identity: Identity) -> Answer {
    wit::mqtt::connect(identity).await.map_err(told)
}

pub(crate) async fn publish(message: Message) -> Answer {
    wit::mqtt::publish(message).await.map_err(told)
}

pub(crate) async fn send(message: Message) -> Result<Publication, Failure> {
    wit::mqtt::send(message).await.map(Publication).map_err(told)
}

pub(crate) async fn subscribe(filters: Vec<String>, options: Options) -> Answer {
    wit::mqtt::subscribe(filters, options).await.map_err(told)
}

pub(crate) async fn unsubscribe(filters: Vec<String>, options: Options) -> Answer {
    wit::mqtt::unsubscribe(filters, options).await.map_err(told)
}

pub(crate) async fn receive(filter: Option<String>, options: Options) -> Answer {
    wit::mqtt::receive(filter, options).await.map_err(told)
}

pub(crate) async fn next(filter: Option<String>) -> Result<Option<Incoming>, Failure> {
    wit::mqtt::next(filter).await.map_err(told)
}

pub(crate) async fn disconnect(options: Options) -> Result<(), Failure> {
    wit::mqtt::disconnect(options).await.map_err(told)
}

fn told(failure: wit::types::Failure) -> Failure {
    Failure::new(failure.kind, failure.message)
}
