//! Streams.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::unwritable;
use crate::{Failure, Reply, Result, host, json};

/// A stream, from [`Call::open`](super::Call::open). The whole of it is one request, which ends with its status. One that is dropped
/// before its end is cancelled.
///
/// Sending and reading go on side by side: [`join`](crate::join) does both at a time.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let stream = grpc::call("chat.v1.Room/Talk").open().await?;
///     for text in ["hello", "bye"] {
///         stream.send_json(&json!({"text": text})).await?;
///         let echo: Option<serde_json::Value> = stream.next_json().await?;
///         check("an echo", echo.is_some_and(|echo| echo["text"] == text));
///     }
///     let end = stream.end().await?;
///     end.check("it ended well", end.status() == 0);
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.on_stream("chat.v1.Room/Talk", |heard: &[u8]| vec![heard.to_vec()]);
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.check("an echo").passed, 2);
/// # assert_eq!(host.check("it ended well").passed, 1);
/// ```
pub struct Stream(host::grpc::Stream);

impl Stream {
    pub(super) fn new(inner: host::grpc::Stream) -> Self {
        Self(inner)
    }

    /// Sends a message in bytes; waits while the server's flow control says so.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn send(&self, message: impl Into<Vec<u8>>) -> Result<(), Failure> {
        self.0.send(message.into()).await
    }

    /// Sends a message in proto3 JSON. One that does not fit ends the stream (`request`).
    ///
    /// # Errors
    /// When it does not fit, or the stream has ended.
    pub async fn send_json(&self, message: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        match serde_json::to_string(message) {
            Ok(text) => self.0.send_json(text).await,
            Err(error) => Err(Failure::new("request", unwritable(&error))),
        }
    }

    /// Sends a message in bytes that asks for an answer. The plugin knows the answer when it comes, and says so by
    /// [`answered`](Self::answered); results have the times in between as `message` and the stream's name. A key is any text: what
    /// request and answer have in common.
    ///
    /// ```
    /// use prony_plugin::prelude::*;
    ///
    /// async fn journey(_user: &User) -> Result {
    ///     let stream = grpc::call("quotes.v1.Desk/Trade").name("trade").open().await?;
    ///     stream.ask("order 7", b"7 please".as_slice()).await?;
    ///     while let Some(heard) = stream.next().await? {
    ///         if heard.starts_with(b"7 ") {
    ///             stream.answered("order 7");
    ///             break;
    ///         }
    ///     }
    ///     stream.end().await?;
    ///     Ok(())
    /// }
    /// # use prony_plugin::testing::Host;
    /// # let mut host = Host::new();
    /// # host.on_stream("quotes.v1.Desk/Trade", |_: &[u8]| vec!["6 sold", "7 sold"]);
    /// # host.run_journey(journey).unwrap();
    /// # assert_eq!(host.requests()[1].name, "message trade");
    /// ```
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn ask(&self, key: impl Display, message: impl Into<Vec<u8>>) -> Result<(), Failure> {
        self.0.ask(key.to_string(), message.into()).await
    }

    /// The same in proto3 JSON.
    ///
    /// # Errors
    /// As of [`send_json`](Self::send_json).
    pub async fn ask_json(
        &self,
        key: impl Display,
        message: &(impl Serialize + ?Sized),
    ) -> Result<(), Failure> {
        match serde_json::to_string(message) {
            Ok(text) => self.0.ask_json(key.to_string(), text).await,
            Err(error) => Err(Failure::new("request", unwritable(&error))),
        }
    }

    /// The message that was read last answers the oldest that was [asked](Self::ask) under this key. True when there was one.
    pub fn answered(&self, key: impl Display) -> bool {
        self.0.answered(&key.to_string(), self.0.arrived())
    }

    /// When the message came that was read last, since the run's beginning, as [`clock::now`](crate::clock::now) counts: whatever the
    /// plugin was at.
    #[must_use]
    pub fn arrived(&self) -> Duration {
        Duration::from_nanos(self.0.arrived())
    }

    /// Tells the server that no more messages come. What goes wrong with the stream is told by [`next`](Self::next) and
    /// [`end`](Self::end).
    pub async fn finish(&self) {
        self.0.finish().await;
    }

    /// The next message in bytes; none when the stream has ended as expected, or was cancelled.
    ///
    /// # Errors
    /// When it has ended otherwise: by another status (`status`), or without one.
    pub async fn next(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.next().await
    }

    /// The next message, in proto3 JSON.
    pub(crate) async fn next_text(&self) -> Result<Option<String>, Failure> {
        self.0.next_json().await
    }

    /// The next message as JSON: a type of the plugin's own, or `serde_json::Value`.
    ///
    /// # Errors
    /// As of [`next`](Self::next), and when the message is not of that type; the text says where.
    pub async fn next_json<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(text) = self.next_text().await? else { return Ok(None) };
        json::of_message(text.as_bytes()).map(Some)
    }

    /// Wants no more of it: it is reset, and counts as no failure.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Waits for the stream's end: sends no more, and lets go of messages that still come. The reply has the status, metadata and
    /// trailers, and no body.
    ///
    /// # Errors
    /// When it ends without a status.
    pub async fn end(&self) -> Result<Reply, Failure> {
        self.0.end().await.map(Reply::new)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a stream of gRPC")
    }
}
