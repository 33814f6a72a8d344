//! MQTT 3.1.1 and 5, measured by Prony: `mqtt::message("site/1/t", "21.5").qos(1).publish().await?`.
//!
//! A user is one device. It has one connection at a time, which stays from iteration to iteration unless the plan says
//! `connections: per_iteration`; version, keep-alive, reconnecting, certificates and the rest are those of the plan's `mqtt:`.
//! Whatever needs a connection makes one when there is none. All that is sent is measured, and what comes is held against
//! what was sent, as for a plan's steps.
//!
//! ```
//! use prony_plugin::prelude::*;
//!
//! async fn journey(user: &User) -> Result {
//!     let status = format!("meters/{}/status", user.id());
//!     let offline = mqtt::message(&status, "offline").qos(1).retain();
//!     mqtt::connect().client_id(format!("meter-{}", user.id())).will(offline).await?;
//!     mqtt::message(&status, "online").qos(1).retain().name("birth").publish().await?;
//!     mqtt::subscribe(format!("meters/{}/set", user.id())).qos(1).await?;
//!     while let Some(message) = mqtt::next().await? {
//!         info!("{} on {}", message.text(), message.topic());
//!     }
//!     mqtt::disconnect().await?;
//!     Ok(())
//! }
//! # use prony_plugin::testing::Host;
//! # let mut host = Host::new();
//! # host.mqtt().feed(mqtt::message("meters/0/set", "22").retain());
//! # host.run_journey(journey).unwrap();
//! # assert_eq!(host.logs()[0].message, "22 on meters/0/set");
//! # assert_eq!(host.mqtt().published().len(), 1);
//! ```
//!
//! **What ends a request.** An answer, whose [`status`](crate::Reply::status) is the broker's reason code, below 128; 0 where
//! there is none to be had. Or a [`Failure`], which has been counted. Its kind is
//!
//! - `status` where the broker refuses: by a reason code of 128 and more, or by any but 0 for a connection of 3.1.1;
//! - `closed` or `reset` where the connection ended, `goaway` where the broker said so by a DISCONNECT;
//! - `timeout`, and `protocol` for bytes that are not MQTT;
//! - `request` where it was not sent: it makes no sense, or the broker does not take the like;
//! - `refused` where too many are under way, or the plan's target is no broker;
//! - one of making a connection: `connect_refused`, `dns`, `tls`, …

mod connect;
mod disconnect;
mod filters;
mod incoming;
mod message;
mod publication;
mod receive;
mod subscribe;

pub use connect::Connect;
pub use disconnect::Disconnect;
pub use filters::Filters;
pub use incoming::Incoming;
pub use message::{Message, Stamp};
pub use publication::Publication;
pub use receive::Receive;
pub use subscribe::{Retained, Subscribe, Unsubscribe};

use serde::Serialize;

use crate::{Failure, host};

/// Connects, once it is awaited. A connection that stands is ended first, by a DISCONNECT.
pub fn connect() -> Connect {
    Connect::new()
}

/// Whether there is a connection.
#[must_use]
pub fn connected() -> bool {
    host::mqtt::connected()
}

/// A message, to publish or to be a will. The payload is a text or bytes.
pub fn message(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Message {
    Message::new(topic.into(), payload.into())
}

/// A message with a payload of JSON, without needless spaces. What cannot be written as JSON fails when it is sent
/// (`request`).
pub fn json(topic: impl Into<String>, value: &(impl Serialize + ?Sized)) -> Message {
    Message::json(topic.into(), value)
}

/// Subscribes to a topic filter or a list of them, once it is awaited.
#[expect(clippy::needless_pass_by_value, reason = "lists of filters read better without `&`")]
pub fn subscribe(filters: impl Filters) -> Subscribe {
    Subscribe::new(filters.list())
}

/// Ends subscriptions, once it is awaited.
#[expect(clippy::needless_pass_by_value, reason = "lists of filters read better without `&`")]
pub fn unsubscribe(filters: impl Filters) -> Unsubscribe {
    Unsubscribe::new(filters.list())
}

/// Waits for a message on any topic, once it is awaited, as a plan's `receive`: how long it takes is measured, and that none
/// comes in time is a failure. Messages that came before are taken first, the oldest one first.
pub fn receive() -> Receive {
    Receive::new(None)
}

/// Waits for a message on a topic that the filter matches. See [`receive`].
pub fn receive_on(filter: impl Into<String>) -> Receive {
    Receive::new(Some(filter.into()))
}

/// The next message on any topic: a stream of them, none of which is a request.
///
/// None when the load wants the user no longer, or there is no connection because the plugin has ended it or not made it.
/// The longest-kept message comes first; the 1,000 latest are kept.
///
/// # Errors
/// When the connection was lost (`closed`, `reset`, …) and will not come back by itself; told once. A filter that is none is
/// of the kind `request`.
pub async fn next() -> Result<Option<Incoming>, Failure> {
    Ok(host::mqtt::next(None).await?.map(Incoming::new))
}

/// The next message on a topic that the filter matches; others are kept. See [`next`].
///
/// # Errors
/// As of [`next`].
pub async fn next_on(filter: impl Into<String>) -> Result<Option<Incoming>, Failure> {
    Ok(host::mqtt::next(Some(filter.into())).await?.map(Incoming::new))
}

/// Ends the connection, once it is awaited: what is under way is waited for, then comes DISCONNECT, and no will.
pub fn disconnect() -> Disconnect {
    Disconnect::new("clean")
}

/// Cuts the connection, once it is awaited: a TCP reset, after which the broker publishes the will. Messages under way fail
/// (`closed`).
pub fn abort() -> Disconnect {
    Disconnect::new("abort")
}
