//! WebSocket, measured by Prony: `ws::json(&json!({"say": "hello"})).send().await?`.
//!
//! A user has one connection at a time, which stays from iteration to iteration unless the plan says `connections: per_iteration`;
//! headers, cookies, subprotocols, keep-alive, reconnecting, limits and the rest are those of the plan's `ws:`. Whatever needs a
//! connection makes one when there is none, to the path of the plan's target.
//!
//! ```
//! use prony_plugin::prelude::*;
//!
//! async fn journey(user: &User) -> Result {
//!     ws::connect().path(format!("/room/lobby?user={}", user.id())).await?;
//!     let answer = ws::json(&json!({"id": 7, "ask": "time"})).matching("json $.id").name("ask").request().await?;
//!     answer.check("it says the time", answer.text().contains("time"));
//!     while let Some(message) = ws::next().await? {
//!         info!("{}", message.text());
//!     }
//!     ws::close().await?;
//!     Ok(())
//! }
//! # use prony_plugin::testing::Host;
//! # let mut host = Host::new();
//! # host.ws().respond(|_| vec![ws::text(r#"{"id":7,"time":"noon"}"#)]);
//! # host.ws().feed_after(Duration::from_secs(1), ws::text("hello"));
//! # host.run_journey(journey).unwrap();
//! # assert_eq!(host.logs()[0].message, "hello");
//! # assert_eq!(host.check("it says the time").passed, 1);
//! ```
//!
//! **What ends a request.** An answer: the message, whose [`at`](crate::Reply::at) is when it came; the server's CLOSE with its code; a
//! handshake's status, also one that refuses, which counts as a failure. Or a [`Failure`], which has been counted. Its kind is
//!
//! - `closed` or `reset` where the connection ended, `goaway` where the server said so by a CLOSE;
//! - `timeout`, and `protocol` for bytes that are not WebSocket;
//! - `request` where it was not sent, for it makes no sense;
//! - `refused` where too many are under way, or the plan's target is no WebSocket;
//! - one of making a connection: `connect_refused`, `dns`, `tls`, …

mod close;
mod connect;
mod incoming;
mod message;
mod waits;

pub use close::Close;
pub use connect::Connect;
pub use incoming::Incoming;
pub use message::Message;
pub use waits::{Ping, Receive};

use std::fmt::Display;

use serde::Serialize;

use crate::{Failure, host};

/// Connects, once it is awaited. A connection that stands is closed first.
pub fn connect() -> Connect {
    Connect::default()
}

/// Whether there is a connection.
#[must_use]
pub fn connected() -> bool {
    host::ws::connected()
}

/// A text message.
pub fn text(text: impl Into<String>) -> Message {
    Message::new(host::ws::Message::Text(text.into()))
}

/// A binary message.
pub fn binary(bytes: impl Into<Vec<u8>>) -> Message {
    Message::new(host::ws::Message::Binary(bytes.into()))
}

/// A text message of JSON, without needless spaces. What cannot be written as JSON fails when it is sent (`request`).
pub fn json(value: &(impl Serialize + ?Sized)) -> Message {
    Message::json(value)
}

/// This message answers the oldest request under way with this [key](Message::key). True when there was one that was sent before it
/// came.
pub fn answered(key: impl Display, answer: &Incoming) -> bool {
    host::ws::answered(&key.to_string(), answer.nanoseconds())
}

/// Waits for a message that answers no request, once it is awaited, as a plan's `receive`: how long it takes is measured, and that
/// none comes in time is a failure. Messages that came before are taken first, the oldest one first.
pub fn receive() -> Receive {
    Receive::default()
}

/// The next message that answers no request: a stream of them, none of which is a request.
///
/// None when the load wants the user no longer, or there is no connection because the plugin has closed it or not made it. The
/// longest-kept message comes first; the plan's `inbox` says how many are kept.
///
/// # Errors
/// When the connection was lost (`closed`, `goaway`, …) and will not come back by itself; told once.
pub async fn next() -> Result<Option<Incoming>, Failure> {
    Ok(host::ws::next().await?.map(Incoming::new))
}

/// Sends a PING and waits for its PONG, once it is awaited.
pub fn ping() -> Ping {
    Ping::default()
}

/// Closes the connection, once it is awaited: sends CLOSE and waits for the server's.
pub fn close() -> Close {
    Close::new()
}
