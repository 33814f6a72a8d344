//! Ending a connection.

use std::fmt::Display;
use std::pin::Pin;

use crate::wishes::Wishes;
use crate::{Failure, host};

/// Ends the connection, once it is awaited: by [`mqtt::disconnect`](super::disconnect) or [`mqtt::abort`](super::abort). Where
/// there is none, nothing is ended. What [`next`](super::next) waits for ends with it.
#[must_use = "a connection is ended when it is awaited"]
#[derive(Debug)]
pub struct Disconnect(Wishes);

impl Disconnect {
    pub(super) fn new(how: &str) -> Self {
        let mut wishes = Wishes::default();
        wishes.add("how", how);
        Self(wishes)
    }

    /// What results call it; otherwise `disconnect`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.add(name, value);
        self
    }
}

impl IntoFuture for Disconnect {
    type Output = Result<(), Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(host::mqtt::disconnect(self.0.0))
    }
}
