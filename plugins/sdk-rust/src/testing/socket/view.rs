//! What a test sees of the server, and how it sets it up.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Feed, Gate};
use crate::testing::calls::ws::Message;
use crate::testing::state::State;
use crate::{Failure, Result, json, ws};

/// The WebSocket server of a fake host, by [`Host::ws`](crate::testing::Host::ws).
///
/// It takes every connection and says nothing, unless it is told otherwise. Which message answers a request without a
/// [key](ws::Message::key) it does not look for: it is the first that the test responds with. Nothing comes back by itself.
///
/// ```
/// use prony_plugin::prelude::*;
/// use prony_plugin::testing::Host;
///
/// async fn journey(_user: &User) -> Result {
///     ws::text("hello").send().await?;
///     let answer = ws::text("how are you?").request().await?;
///     answer.check("well", answer.text() == "well");
///     Ok(())
/// }
///
/// let mut host = Host::new();
/// host.ws().respond(|said| if said.text() == "hello" { vec![] } else { vec![ws::text("well")] });
/// host.run_journey(journey).unwrap();
/// assert_eq!(host.ws().said().len(), 2);
/// assert_eq!(host.check("well").passed, 1);
/// ```
pub struct Ws {
    pub(in crate::testing) state: Rc<RefCell<State>>,
}

/// A message that a plugin has sent, by itself or as a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub(in crate::testing) message: Message,
    /// Further wishes, such as `key`.
    pub options: Vec<(String, String)>,
    /// The number of the user that sent it.
    pub user: u32,
    /// When it was sent, since the host was made.
    pub at: Duration,
}

/// A connection that was made, by `ws::connect` or by a request that needed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The path, where the plugin gave one.
    pub path: Option<String>,
    /// Headers in the plugin's order.
    pub headers: Vec<(String, String)>,
    /// Subprotocols in the plugin's order.
    pub protocols: Vec<String>,
    /// Further wishes, such as `name`.
    pub options: Vec<(String, String)>,
    /// The number of the user that connected.
    pub user: u32,
    /// When it was made, since the host was made.
    pub at: Duration,
}

impl Said {
    /// Whether it is a text message; otherwise it is a binary one.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.message, Message::Text(_))
    }

    /// What it carries.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.message.bytes()
    }

    /// What it carries, as text; what is no UTF-8 becomes `�`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// What it carries, as JSON.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::of_message(self.bytes())
    }
}

impl Opened {
    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Ws {
    /// A message comes to the present user, now.
    pub fn feed(&self, message: ws::Message) -> &Self {
        self.feed_after(Duration::ZERO, message)
    }

    /// A message comes to the present user, so much simulated time from now. It comes while a plugin runs.
    ///
    /// # Panics
    /// When it cannot be written as JSON.
    pub fn feed_after(&self, time: Duration, message: ws::Message) -> &Self {
        self.put(time, Feed::Message(ready(message)))
    }

    /// Has the server answer every message of plugins, by any number of messages. The first answers a request that has no key;
    /// all others are for whoever receives them.
    pub fn respond(&self, respond: impl Fn(&Said) -> Vec<ws::Message> + 'static) -> &Self {
        let respond = move |said: &Said| respond(said).into_iter().map(ready).collect();
        self.change(|state| state.server.responders.push(Rc::new(respond)))
    }

    /// Refuses connections by this status of HTTP, such as 401.
    pub fn refuse_connections(&self, status: u16) -> &Self {
        self.change(|state| state.server.gate = Some(Gate::Status(status)))
    }

    /// Lets connections fail with this kind: `connect_refused`, `timeout`, …
    pub fn fail_connections(&self, kind: &str, message: &str) -> &Self {
        self.change(|state| state.server.gate = Some(Gate::Failure(Failure::new(kind, message))))
    }

    /// Takes connections again.
    pub fn accept_connections(&self) -> &Self {
        self.change(|state| state.server.gate = None)
    }

    /// How long the server takes for an answer; no time by default. One beyond a request's `timeout` fails it.
    pub fn takes(&self, time: Duration) -> &Self {
        self.change(|state| state.server.takes = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The server closes the present user's connection, so much simulated time from now.
    pub fn close_after(&self, time: Duration, code: u16, reason: &str) -> &Self {
        let story = format!("the server closed the connection with code {code} (`{reason}`)");
        self.put(time, Feed::End(Failure::new("goaway", story)))
    }

    /// The present user's connection is lost, so much simulated time from now.
    pub fn cut_after(&self, time: Duration) -> &Self {
        self.put(time, Feed::End(Failure::new("closed", "the connection was lost")))
    }

    /// What plugins have sent, in its order.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.state.borrow().server.said.clone()
    }

    /// The connections that were made, in their order.
    #[must_use]
    pub fn connections(&self) -> Vec<Opened> {
        self.state.borrow().server.connections.clone()
    }

    /// Whether the present user has a connection.
    #[must_use]
    pub fn connected(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let user = state.user;
        state.server.socket(user).is_up()
    }

    fn put(&self, time: Duration, feed: Feed) -> &Self {
        self.change(|state| {
            let at = state.now.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            let (user, now) = (state.user, state.now);
            state.server.put(feed, user, at);
            state.server.take_feeds(now);
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> &Self {
        change(&mut self.state.borrow_mut());
        self
    }
}

/// What a test gives.
#[expect(clippy::panic, reason = "a test is told so")]
fn ready(message: ws::Message) -> Message {
    message.ready().map_or_else(|failure| panic!("{failure}"), |(message, _)| message)
}
