//! The words of WebSocket in a plan: the `ws:` settings, and the protocol itself.

use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, DriverBuilder, Node, Protocol, Shape};
use prony_transport::Reconnect;

use crate::driver::Builder;
use crate::feed::FeedSettings;
use crate::step;

/// WebSocket over TCP and TLS (RFC 6455).
#[derive(Debug)]
pub struct Ws;

/// The protocol's name.
pub const NAME: &str = "ws";

/// WebSocket, for the list of protocols.
pub static WS: Ws = Ws;

impl Protocol for Ws {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step_shape(&self) -> Shape {
        step::shape()
    }

    fn settings_shape(&self) -> Shape {
        shape()
    }

    fn reply_fields(&self) -> &'static [&'static str] {
        &["header", "message", "close"]
    }

    fn message_fields(&self) -> &'static [&'static str] {
        &["header"]
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        Ok(Box::new(Builder::new(wiring)?))
    }
}

/// How long a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// As long as the user and both sides like.
    Own,
    /// For an iteration.
    PerIteration,
}

/// PINGs on connections that nothing comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeepAlive {
    /// The longest silence before one.
    pub(crate) every: Duration,
    /// How long anything at all may take to come after it.
    pub(crate) timeout: Duration,
}

/// How many messages wait to be received at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The checked `ws:` settings, but for what is said in the handshake.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) timeout: Duration,
    pub(crate) redirects: u32,
    /// The longest message that is taken, in bytes.
    pub(crate) max_message: usize,
    pub(crate) inbox: Room,
    /// The pause after each message that is read: a slow reader.
    pub(crate) pace: Option<Duration>,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) reconnect: Option<Reconnect>,
    pub(crate) feed: Option<FeedSettings>,
}

/// How lost connections come back, unless the plan says more.
const RECONNECT: Reconnect =
    Reconnect { after: Duration::from_secs(1), up_to: Duration::from_secs(30), jitter: 0.5 };

fn shape() -> Shape {
    let keep_alive =
        Shape::map().required("every", Shape::duration(), "The longest silence before a PING is sent.").key(
            "timeout",
            Shape::duration(),
            "How long anything may take to come after it before the connection counts as lost. Default 20s.",
        );
    let inbox = Shape::map().key("messages", Shape::integer(1, 1_000_000), "How many. Default 1000.").key(
        "bytes",
        Shape::size(),
        "How many bytes of them. Default 1mb.",
    );
    step::identity_keys(Shape::map())
        .key("connections", Shape::one_of(&["own", "per_iteration"]), "How long a connection is kept: as long as the user likes (own, default), or for an iteration.")
        .key("timeout", Shape::duration(), "The longest a step may take, and a connection to be made. Default 30s.")
        .key("redirects", Shape::integer(0, 20), "How many redirects of the handshake to follow; none leads from wss to ws. Default 0.")
        .key("max_message", Shape::size(), "The longest message that is taken; a longer one ends the connection. Default 1mb.")
        .key("inbox", inbox, "What is kept of messages that nobody has received yet; beyond it the oldest are dropped and counted.")
        .key("pace", Shape::duration(), "A slow reader: the pause after each message before more is read. The server is held back by TCP. Default none.")
        .key("keep_alive", keep_alive, "PINGs on silent connections. Default none.")
        .key("reconnect", RECONNECT.shape(), "How lost connections come back. Default: not at all; true is all defaults.")
        .key("feed", FeedSettings::shape(), "Times and audits what the server pushes: all messages that answer no request.")
        .elsewhere(&["protocols", "protocol"], "write `subprotocols`, a name or a list of names")
        .elsewhere(&["auth"], "write `basic: {user: …, password: …}` or `bearer: TOKEN`")
        .elsewhere(&["compression"], "messages go and come uncompressed: permessage-deflate is not offered")
        .elsewhere(&["read"], "for a slow reader write `pace: 100ms`")
}

impl Settings {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let size = |node: Option<&Node>, default: u64, most: u64, expected: &str| match node {
            None => Ok(default as usize),
            Some(node) => match node.size()? {
                size if (1..=most).contains(&size) => Ok(size as usize),
                _ => Err(node.unexpected(expected)),
            },
        };
        let inbox = get("inbox");
        let of_inbox = |key: &str| inbox.and_then(|inbox| inbox.get(key));
        let keep_alive = |node: &Node| {
            let get = |key: &str, default: u64| {
                node.get(key).map_or(Ok(Duration::from_secs(default)), Node::duration_above_zero)
            };
            Ok::<_, Diagnostic>(KeepAlive { every: get("every", 60)?, timeout: get("timeout", 20)? })
        };
        Ok(Self {
            policy: match get("connections").map(Node::text).transpose()? {
                Some("per_iteration") => Policy::PerIteration,
                _ => Policy::Own,
            },
            timeout: get("timeout").map_or(Ok(Duration::from_secs(30)), Node::duration_above_zero)?,
            redirects: get("redirects").map_or(Ok(0), |node| node.integer(0..=20))? as u32,
            max_message: size(get("max_message"), 1 << 20, 1 << 30, "a size from 1 byte to 1gib")?,
            inbox: Room {
                messages: of_inbox("messages").map_or(Ok(1_000), |node| node.integer(1..=1_000_000))?
                    as usize,
                bytes: size(of_inbox("bytes"), 1 << 20, 1 << 40, "a size from 1 byte on")?,
            },
            pace: get("pace").map(Node::duration_above_zero).transpose()?,
            keep_alive: get("keep_alive").map(keep_alive).transpose()?,
            reconnect: get("reconnect").map(|node| RECONNECT.read(node)).transpose()?.flatten(),
            feed: get("feed").map(FeedSettings::from_plan).transpose()?.flatten(),
        })
    }
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};

    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let node = document::parse(&Source::new("plan", text)).expect("yaml");
        shape()
            .check(&node, &Vec::new())
            .and_then(|()| Settings::from_plan(Some(&node)))
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn settings_read_as_written() {
        let settings = read(
            "{connections: per_iteration, max_message: 1kib, inbox: {messages: 5}, pace: 100ms,
              keep_alive: {every: 5s}, reconnect: true, redirects: 3}",
        )
        .expect("reads");
        assert_eq!((settings.policy, settings.max_message), (Policy::PerIteration, 1024));
        assert_eq!(settings.inbox, Room { messages: 5, bytes: 1 << 20 });
        assert_eq!(settings.keep_alive.expect("given").timeout, Duration::from_secs(20));
        assert_eq!(settings.reconnect, Some(RECONNECT));
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        for (text, part) in [
            ("{protocols: [a]}", "write `subprotocols`"),
            ("{auth: x}", "write `basic"),
            ("{read: {every: 1s}}", "`pace: 100ms`"),
            ("{compression: deflate}", "not offered"),
            ("{max_message: 0}", "from 1 byte"),
            ("{keep_alive: {timeout: 1s}}", "`every`"),
            ("{feed: {time: body}}", "json PATH"),
        ] {
            let told = read(text).expect_err(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }
}
