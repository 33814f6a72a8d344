//! What a generator puts into a step's request.

use serde::Serialize;

use crate::Result;

/// What to put into a step's request: a body in place of the step's own, and named parts.
///
/// ```
/// # use prony_plugin::prelude::*;
/// # fn main() -> Result {
/// let message = Message::json(&json!({"item": 7}))?.header("x-trace", "abc").query("dry_run", "true");
/// assert_eq!(message.bytes(), Some(&br#"{"item":7}"#[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Message {
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) fields: Vec<(String, String, String)>,
}

impl Message {
    /// A message that leaves the step's body as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// A body of bytes.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), fields: Vec::new() }
    }

    /// A body of JSON without needless spaces, and the header `content-type: application/json`.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        match serde_json::to_vec(value) {
            Ok(body) => Ok(Self::body(body).header("content-type", "application/json")),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a header.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.field("header", name, value)
    }

    /// Adds a parameter to the query.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.field("query", name, value)
    }

    /// Stands in place of the step's path and query.
    pub fn path(self, path: impl Into<String>) -> Self {
        self.field("path", "", path)
    }

    /// Any named part. A kind that the step's protocol does not have fails the request.
    pub fn field(
        mut self,
        kind: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.fields.push((kind.into(), name.into(), value.into()));
        self
    }

    /// The body, if it replaces the step's.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The first value of a named part.
    #[must_use]
    pub fn value(&self, kind: &str, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.0 == kind && field.1 == name);
        found.map(|field| field.2.as_str())
    }
}
