//! Connecting, and what a device says of itself.

use std::fmt::Display;
use std::pin::Pin;

use super::Message;
use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Connects, once it is awaited. What is not said here is as the plan's `mqtt:` says.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(user: &User) -> Result {
///     let gone = mqtt::message(format!("devices/{}/gone", user.id()), "").qos(1);
///     mqtt::connect()
///         .client_id(format!("device-{}", user.id()))
///         .username("fleet")
///         .password("s3cret")
///         .will(gone)
///         .await?;
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.run_journey(journey).unwrap();
/// # let connection = host.mqtt().connections().remove(0);
/// # assert_eq!(connection.client_id.as_deref(), Some("device-0"));
/// # assert_eq!(connection.will.unwrap().topic, "devices/0/gone");
/// ```
#[must_use = "a connection is made when it is awaited"]
#[derive(Debug)]
pub struct Connect {
    client_id: Option<String>,
    username: Option<String>,
    password: Option<Vec<u8>>,
    will: Option<Message>,
    wishes: Wishes,
}

impl Connect {
    pub(super) fn new() -> Self {
        Self { client_id: None, username: None, password: None, will: None, wishes: Wishes::default() }
    }

    /// Its client identifier. Two connections of one identifier end each other.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Its user name.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Its password: a text or bytes. With MQTT 3.1.1 it needs a user name.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// What the broker publishes when the connection is lost, or [aborted](super::abort).
    pub fn will(mut self, will: Message) -> Self {
        self.will = Some(will);
        self
    }

    /// Has what comes acknowledged by [`Incoming::settle`](super::Incoming::settle), and not at once.
    pub fn settle_by_hand(self) -> Self {
        self.option("settle", "manual")
    }

    /// What results call it; otherwise `connect`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    async fn go(self) -> Result<Reply, Failure> {
        let Self { client_id, username, password, will, wishes } = self;
        let will = will.map(Message::ready).transpose()?;
        let identity = host::mqtt::Identity { client_id, username, password, will, options: wishes.0 };
        host::mqtt::connect(identity).await.map(Reply::new)
    }
}

impl IntoFuture for Connect {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.go())
    }
}
