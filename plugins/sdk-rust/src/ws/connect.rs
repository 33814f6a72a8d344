//! Connecting.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Connects, once it is awaited. What is not said here is as the plan's target and its `ws:` say.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let hello = ws::connect().path("/room/7").bearer("s3cret").protocol("chat.v1").await?;
///     hello.check("let in", hello.status() == 101);
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.run_journey(journey).unwrap();
/// # let connection = host.ws().connections().remove(0);
/// # assert_eq!(connection.path.as_deref(), Some("/room/7"));
/// # assert_eq!(connection.header("Authorization"), Some("Bearer s3cret"));
/// ```
#[must_use = "a connection is made when it is awaited"]
#[derive(Debug, Default)]
pub struct Connect {
    path: Option<String>,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
    wishes: Wishes,
}

impl Connect {
    /// The path with its query, in place of the target's.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds a header; it wins over the plan's.
    pub fn header(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Adds `authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl Display) -> Self {
        self.header("authorization", format_args!("Bearer {token}"))
    }

    /// Adds a subprotocol. The server's choice is the reply's header `sec-websocket-protocol`.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocols.push(protocol.into());
        self
    }

    /// What results call it; otherwise `connect`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest that it may take, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }
}

impl IntoFuture for Connect {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { path, headers, protocols, wishes } = self;
        let opening = host::ws::Opening { path, headers, protocols, options: wishes.0 };
        Box::pin(async move { host::ws::connect(opening).await.map(Reply::new) })
    }
}
