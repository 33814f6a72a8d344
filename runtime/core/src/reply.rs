//! The answer to a request, as checks and captures ask it, whatever the protocol.

use std::borrow::Cow;

/// What a session still holds of its last answer. Status, times and sizes stand in the outcome.
pub trait Reply {
    /// The first value of a named part: `field("header", "content-type")`, `field("cookie", "id")`. The kinds are the
    /// protocol's own, listed by [`crate::Protocol::reply_fields`].
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>>;

    /// The decoded body, as much of it as was kept. Empty when the step's needs did not ask for it.
    fn body(&self) -> &[u8];
}
