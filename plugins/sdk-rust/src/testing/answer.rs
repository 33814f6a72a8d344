//! What the fake host answers to a request.

use std::time::Duration;

use serde::Serialize;

use crate::Failure;

/// An answer to a request, or the failure of it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(super) result: Result<Content, Failure>,
    pub(super) time: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String, String)>,
    pub(super) body: Vec<u8>,
}

impl Content {
    /// An answer that is a reason code of MQTT.
    pub(super) fn reason(reason: u8) -> Self {
        Self { status: reason.into(), fields: Vec::new(), body: Vec::new() }
    }
}

impl Answer {
    /// An answer of this status without a body.
    pub fn status(status: u16) -> Self {
        let content = Content { status, fields: Vec::new(), body: Vec::new() };
        Self { result: Ok(content), time: Duration::ZERO }
    }

    /// Status 200 and a body of JSON. A value that cannot be written as JSON fails the request.
    pub fn json(value: impl Serialize) -> Self {
        match serde_json::to_vec(&value) {
            Ok(body) => Self::status(200).header("content-type", "application/json").body(body),
            Err(error) => Self::failure("unanswered", format!("the test's answer is no JSON: {error}")),
        }
    }

    /// Status 200 and a body of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// gRPC's OK and a message of JSON. One of bytes is `Answer::status(0).body(bytes)`, another status `Answer::status(5)`.
    pub fn grpc(message: impl Serialize) -> Self {
        match serde_json::to_vec(&message) {
            Ok(body) => Self::status(0).body(body),
            Err(error) => Self::failure("unanswered", format!("the test's answer is no JSON: {error}")),
        }
    }

    /// No answer: a failure of this kind (`timeout`, `connect_refused`, …).
    pub fn failure(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { result: Err(Failure::new(kind, message)), time: Duration::ZERO }
    }

    /// The same with another status.
    pub fn with_status(self, status: u16) -> Self {
        self.change(|content| content.status = status)
    }

    /// The same with this body.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.change(|content| content.body = body.into())
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        self.field("header", &name.to_ascii_lowercase(), value)
    }

    /// Adds a cookie that the answer sets.
    pub fn cookie(self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.header("set-cookie", format!("{name}={value}")).field("cookie", name, value)
    }

    /// Adds a named part of any kind, such as a trailer.
    pub fn field(self, kind: &str, name: &str, value: impl Into<String>) -> Self {
        self.change(|content| content.fields.push((kind.to_owned(), name.to_owned(), value.into())))
    }

    /// The time the answer takes; none by default. One beyond the request's `timeout` fails it.
    pub fn after(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Content)) -> Self {
        if let Ok(content) = &mut self.result {
            change(content);
        }
        self
    }
}
