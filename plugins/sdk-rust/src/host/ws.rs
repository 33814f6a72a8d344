//! In a component: the interface `ws`.

use crate::Failure;
use crate::bindings::scenario::prony::plugin as wit;

pub(crate) use wit::ws::{Incoming, Message, Opening, answered, connected};

type Answer = Result<wit::exchange::Reply, Failure>;
type Options = Vec<(String, String)>;

pub(crate) async fn connect(opening: Opening) -> Answer {
    wit::ws::connect(opening).await.map_err(told)
}

pub(crate) async fn send(message: Message, options: Options) -> Result<(), Failure> {
    wit::ws::send(message, options).await.map_err(told)
}

pub(crate) async fn request(message: Message, options: Options) -> Answer {
    wit::ws::request(message, options).await.map_err(told)
}

pub(crate) async fn receive(options: Options) -> Answer {
    wit::ws::receive(options).await.map_err(told)
}

pub(crate) async fn next() -> Result<Option<Incoming>, Failure> {
    wit::ws::next().await.map_err(told)
}

pub(crate) async fn ping(options: Options) -> Answer {
    wit::ws::ping(options).await.map_err(told)
}

pub(crate) async fn close(code: u16, reason: String, options: Options) -> Answer {
    wit::ws::close(code, reason, options).await.map_err(told)
}

fn told(failure: wit::types::Failure) -> Failure {
    Failure::new(failure.kind, failure.message)
}
