//! A call, before it has a message.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use super::{Codes, Stream};
use crate::{Failure, Reply, host};

/// A call, made by [`grpc::call`](super::call).
#[must_use = "a call is made once it has a message, or is opened"]
#[derive(Clone, Debug)]
pub struct Call {
    inner: host::grpc::Call,
}

/// A call with its one message. `.await` makes it and waits for the answer.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let call = grpc::call("shop.v1.Cart/Get").name("cart").expect("OK, NOT_FOUND");
///     // Field 1, a text: what prost's `encode_to_vec` makes.
///     let reply = call.bytes([10, 1, b'7']).await?;
///     reply.check("it is empty or not there", reply.body().is_empty());
///     Ok(())
/// }
/// # use prony_plugin::testing::{Answer, Host};
/// # let mut host = Host::new();
/// # host.on("GRPC", "shop.v1.Cart/Get", Answer::status(5));
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.requests()[0].name, "cart");
/// # assert!(host.failed_requests().is_empty());
/// ```
#[must_use = "a call is made when it is awaited"]
#[derive(Clone, Debug)]
pub struct Unary {
    call: Call,
    message: Message,
}

/// What is sent.
#[derive(Clone, Debug)]
enum Message {
    Bytes(Vec<u8>),
    Json(String),
    /// It cannot be written.
    Wrong(String),
}

impl Call {
    pub(super) fn new(method: String) -> Self {
        Self { inner: host::grpc::Call { method, metadata: Vec::new(), options: Vec::new() } }
    }

    /// Adds metadata; it wins over the plan's. Bytes go under a name that ends in `-bin`, in base64.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.inner.metadata.push((name.into(), value.to_string()));
        self
    }

    /// Adds `authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl Display) -> Self {
        self.metadata("authorization", format_args!("Bearer {token}"))
    }

    /// What results call it; otherwise the method.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest it may take, in place of the plan's; at least 1 µs. The server is told.
    pub fn timeout(self, time: Duration) -> Self {
        let microseconds = time.as_micros().max(1);
        self.option("timeout", format_args!("{microseconds}us"))
    }

    /// The status codes that are no failure, in place of OK: `5`, `"NOT_FOUND"`, `[0, 5]`.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts read better without `&`")]
    pub fn expect(self, codes: impl Codes) -> Self {
        self.option("expect", codes.words())
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.inner.options.push((name.into(), value.to_string()));
        self
    }

    /// A unary call with a message in bytes. The answer's body is a message in bytes.
    pub fn bytes(self, message: impl Into<Vec<u8>>) -> Unary {
        Unary { call: self, message: Message::Bytes(message.into()) }
    }

    /// A unary call with a message in proto3 JSON. So is the answer's body: [`Reply::json`] reads it.
    pub fn json(self, message: &(impl Serialize + ?Sized)) -> Unary {
        let message = match serde_json::to_string(message) {
            Ok(text) => Message::Json(text),
            Err(error) => Message::Wrong(unwritable(&error)),
        };
        Unary { call: self, message }
    }

    /// Begins a call of any kind, also one that streams neither way: then it is sent one message, and finished.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub async fn open(self) -> Result<Stream, Failure> {
        host::grpc::open(self.inner).await.map(Stream::new)
    }
}

impl Unary {
    /// Makes the call and waits for the answer, as `.await` does: for the lists that [`join_all`](crate::join_all) takes.
    ///
    /// # Errors
    /// When there is no answer. A message that cannot be written as JSON is of the kind `request`, and is not sent.
    pub async fn send(self) -> Result<Reply, Failure> {
        match self.message {
            Message::Bytes(bytes) => host::grpc::unary(self.call.inner, bytes).await.map(Reply::new),
            Message::Json(text) => host::grpc::unary_json(self.call.inner, text).await.map(Reply::new),
            Message::Wrong(problem) => Err(Failure::new("request", problem)),
        }
    }
}

impl IntoFuture for Unary {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

pub(super) fn unwritable(error: &serde_json::Error) -> String {
    format!("the message cannot be written as JSON: {error}")
}
