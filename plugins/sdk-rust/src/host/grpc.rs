//! In a component: the interface `grpc`.

use crate::Failure;
use crate::bindings::scenario::prony::plugin as wit;

pub(crate) use wit::grpc::Call;

type Answer = Result<wit::exchange::Reply, Failure>;

pub(crate) struct Stream(wit::grpc::Stream);

impl Stream {
    pub(crate) async fn send(&self, message: Vec<u8>) -> Result<(), Failure> {
        self.0.send(message).await.map_err(told)
    }

    pub(crate) async fn send_json(&self, message: String) -> Result<(), Failure> {
        self.0.send_json(message).await.map_err(told)
    }

    pub(crate) async fn ask(&self, key: String, message: Vec<u8>) -> Result<(), Failure> {
        self.0.ask(key, message).await.map_err(told)
    }

    pub(crate) async fn ask_json(&self, key: String, message: String) -> Result<(), Failure> {
        self.0.ask_json(key, message).await.map_err(told)
    }

    pub(crate) fn answered(&self, key: &str, at: u64) -> bool {
        self.0.answered(key, at)
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.0.arrived()
    }

    pub(crate) async fn finish(&self) {
        self.0.finish().await;
    }

    pub(crate) async fn next(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.next().await.map_err(told)
    }

    pub(crate) async fn next_json(&self) -> Result<Option<String>, Failure> {
        self.0.next_json().await.map_err(told)
    }

    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }

    pub(crate) async fn end(&self) -> Answer {
        self.0.end().await.map_err(told)
    }
}

pub(crate) async fn unary(call: Call, message: Vec<u8>) -> Answer {
    wit::grpc::unary(call, message).await.map_err(told)
}

pub(crate) async fn unary_json(call: Call, message: String) -> Answer {
    wit::grpc::unary_json(call, message).await.map_err(told)
}

pub(crate) async fn open(call: Call) -> Result<Stream, Failure> {
    wit::grpc::open(call).await.map(Stream).map_err(told)
}

fn told(failure: wit::types::Failure) -> Failure {
    Failure::new(failure.kind, failure.message)
}
