//! The answer to a request, as checks, captures and guests ask it, whatever the protocol.

use std::borrow::Cow;

use crate::time::Timestamp;

/// What a session still holds of its last answer. Status, times and sizes stand in the outcome.
pub trait Reply: Send {
    /// The first value of a named part: `field("header", "content-type")`, `field("cookie", "id")`. The kinds are the
    /// protocol's own, listed by [`crate::Protocol::reply_fields`].
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>>;

    /// All named parts of a kind, in the order they came, names in lower case.
    fn fields(&self, kind: &str) -> Vec<(String, String)>;

    /// The decoded body, as much of it as was kept. Empty when the step's needs did not ask for it.
    fn body(&self) -> &[u8];

    /// When it came, where it is a message that may have come before anybody asked for it.
    fn arrived(&self) -> Option<Timestamp> {
        None
    }
}

/// Which messages a step takes that waits for one. Those that it does not take are left for other steps.
pub trait Filter: std::fmt::Debug + Send + Sync {
    /// Whether this is one.
    fn takes(&self, message: &dyn Reply) -> bool;
}

/// What a plugin has made for a request, to be laid over what its step says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The body, in place of the step's own. `None` leaves that as it is.
    pub body: Option<Vec<u8>>,
    /// Named parts: kind, name, value. The kinds are the protocol's own, listed by [`crate::Protocol::message_fields`].
    pub fields: Vec<(String, String, String)>,
}
