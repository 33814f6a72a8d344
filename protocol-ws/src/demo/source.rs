//! What a connection's messages come from beside the client: a room, a topic, a feed, or nothing.

use std::sync::Arc;

use prony_core::Timestamp;
use prony_transport::target::token;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::Shared;
use super::feed::{Feed, Next};
use super::head::Head;
use super::reply::Reply;
use super::rooms::{Place, Wants};
use super::worker::Worker;

/// What a path is.
pub(super) enum Source {
    /// What the client sends comes back.
    Echo,
    /// Nothing comes back.
    Sink,
    /// What one sends, all get.
    Room(Seat),
    /// What a bridge brings.
    Topic(Seat),
    Feed(Box<Feed>),
}

/// A place in a room, or by a topic, that is given up at the end.
pub(super) struct Seat {
    shared: Arc<Shared>,
    place: Place,
    bridged: bool,
    taken: Option<Next>,
}

/// A source, and what the client is told first.
pub(super) type Opened = (Source, Option<Message>);

impl Source {
    /// What `head`'s path is.
    ///
    /// # Errors
    /// The answer that refuses the upgrade.
    pub(super) fn open(head: &Head, worker: &Worker) -> Result<Opened, Reply> {
        let whose = bearer(head);
        let trimmed = head.path().trim_start_matches('/');
        let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        if whose.is_none() && (first == "bridge" || head.word("login").is_some()) {
            return Err(Reply::wrong(
                401,
                "expected the bearer token or the `session` cookie that the HTTP target's POST /login gives, or it as `token`",
            )
            .with("www-authenticate", "Bearer"));
        }
        let rest = percent_encoding::percent_decode_str(rest).decode_utf8_lossy();
        let seat = |place, bridged| Seat { shared: Arc::clone(&worker.shared), place, bridged, taken: None };
        let user = || {
            let named = head.word("user").map(std::borrow::Cow::into_owned);
            named.or(whose.clone()).unwrap_or_else(|| "somebody".to_owned())
        };
        let source = match (first, &*rest) {
            ("" | "echo", _) => Self::Echo,
            ("headers", _) => return Ok((Self::Echo, Some(shown(head)))),
            ("sink", _) => Self::Sink,
            ("room", name) if !name.is_empty() => {
                let wants = if head.word("presence").is_some() { Wants::Presence } else { Wants::Messages };
                Self::Room(seat(worker.shared.rooms.join(name, &user(), wants), false))
            }
            ("feed", name) => {
                let name = json!(name).to_string();
                let feed = Feed::of(head, &name, &worker.alarm).map_err(|error| Reply::wrong(400, error))?;
                Self::Feed(Box::new(feed))
            }
            ("bridge", "") => {
                let filter = head.word("topic").filter(|filter| !filter.is_empty());
                let filter = filter.ok_or_else(|| {
                    Reply::wrong(
                        400,
                        "expected `topic`, such as `/bridge?topic=site/1/t` or `?topic=site/%2B/t`",
                    )
                })?;
                let wants = if head.word("payload").is_some() { Wants::Payload } else { Wants::Envelope };
                Self::Topic(seat(worker.shared.rooms.listen(&filter, &user(), wants), true))
            }
            ("redirect", hops) => match hops.parse::<u64>() {
                Ok(0) => Self::Echo,
                Ok(hops) => return Err(Reply::redirect(&format!("/redirect/{}", hops - 1))),
                Err(_) => {
                    return Err(Reply::wrong(400, format!("expected a number of redirects, found `{hops}`")));
                }
            },
            _ => return Err(Reply::unknown(head.path())),
        };
        Ok((source, None))
    }

    /// Waits until there is something to take.
    pub(super) async fn ready(&mut self) {
        match self {
            Self::Echo | Self::Sink => std::future::pending().await,
            Self::Room(seat) | Self::Topic(seat) => seat.ready().await,
            Self::Feed(feed) => feed.ready().await,
        }
    }

    /// What there is at `now`.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Next> {
        match self {
            Self::Echo | Self::Sink => None,
            Self::Room(seat) | Self::Topic(seat) => seat.take(),
            Self::Feed(feed) => feed.take(now),
        }
    }

    /// What a client's message does: returned is its answer.
    pub(super) fn said(&self, message: Message) -> Option<Message> {
        match self {
            Self::Echo => Some(message),
            Self::Room(seat) => {
                seat.shared.rooms.say(&seat.place, &message);
                None
            }
            Self::Sink | Self::Topic(_) | Self::Feed(_) => None,
        }
    }
}

impl Seat {
    async fn ready(&mut self) {
        if self.taken.is_none() {
            let next = self.place.lane.recv().await;
            self.taken = Some(next.map_or(Next::Over(1013, "this client reads too slowly"), Next::Message));
        }
    }

    fn take(&mut self) -> Option<Next> {
        self.taken.take().or_else(|| self.place.lane.try_recv().ok().map(Next::Message))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let rooms = &self.shared.rooms;
        if self.bridged { rooms.stop_listening(&self.place) } else { rooms.leave(&self.place) }
    }
}

/// Whose token came with the handshake.
fn bearer(head: &Head) -> Option<String> {
    let authorization = head.header("authorization").and_then(|value| value.split_once(' '));
    if let Some((scheme, word)) = authorization
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return token::user(word.trim());
    }
    if let Some(word) = head.word("token") {
        return token::user(&word);
    }
    let cookies = head.headers.iter().filter(|(name, _)| name == "cookie");
    let mut pairs =
        cookies.flat_map(|(_, value)| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "session").and_then(|(_, word)| token::user(word))
}

/// What came with the handshake, as JSON.
fn shown(head: &Head) -> Message {
    let mut headers = serde_json::Map::new();
    for (name, value) in &head.headers {
        match headers.get_mut(name) {
            Some(serde_json::Value::String(known)) => {
                known.push_str(", ");
                known.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), value.as_str().into());
            }
        }
    }
    Message::text(json!({ "path": head.path(), "query": head.query(), "headers": headers }).to_string())
}
