//! Rooms, where each gets what one sends, and topics, whose messages a bridge brings from elsewhere.
//!
//! Whoever reads too slowly is put out, and told so: nothing is dropped without a word.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use prony_transport::target::clock;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Messages that wait for one member to read.
const LANE: usize = 1_024;

/// All rooms, and all topics that somebody listens for.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: Mutex<HashMap<String, Room>>,
    topics: Mutex<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    exact: HashMap<String, Room>,
    /// Filters with wildcards, each held against every topic.
    wild: HashMap<String, Room>,
}

#[derive(Debug, Default)]
struct Room {
    members: Vec<Member>,
    next: u64,
}

#[derive(Debug)]
struct Member {
    id: u64,
    user: String,
    wants: Wants,
    lane: Sender<Message>,
}

/// What a member gets beside messages, or instead of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Messages.
    Messages,
    /// Messages, and who comes and goes.
    Presence,
    /// Of what a bridge brings, topic and payload as JSON.
    Envelope,
    /// Of what a bridge brings, the payload alone.
    Payload,
}

/// A place in a room, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) lane: Receiver<Message>,
    id: u64,
    name: String,
}

impl Rooms {
    /// A place in the room `name`.
    pub(super) fn join(&self, name: &str, user: &str, wants: Wants) -> Place {
        let mut rooms = lock(&self.rooms);
        let room = rooms.entry(name.to_owned()).or_default();
        let place = room.join(name, user, wants);
        room.tell("join", user);
        place
    }

    pub(super) fn leave(&self, place: &Place) {
        let mut rooms = lock(&self.rooms);
        if let Entry::Occupied(mut room) = rooms.entry(place.name.clone()) {
            if let Some(user) = room.get_mut().leave(place.id) {
                room.get_mut().tell("leave", &user);
            }
            if room.get().members.is_empty() {
                room.remove();
            }
        }
    }

    /// Gives a message to all in the room.
    pub(super) fn say(&self, place: &Place, message: &Message) {
        if let Some(room) = lock(&self.rooms).get_mut(&place.name) {
            room.give(|_| Some(message.clone()));
        }
    }

    /// A place where what comes for `filter` is heard, which may have MQTT's wildcards.
    pub(super) fn listen(&self, filter: &str, user: &str, wants: Wants) -> Place {
        let mut topics = lock(&self.topics);
        topics.of(filter).entry(filter.to_owned()).or_default().join(filter, user, wants)
    }

    pub(super) fn stop_listening(&self, place: &Place) {
        let mut topics = lock(&self.topics);
        if let Entry::Occupied(mut room) = topics.of(&place.name).entry(place.name.clone()) {
            room.get_mut().leave(place.id);
            if room.get().members.is_empty() {
                room.remove();
            }
        }
    }

    /// Brings a message to all who listen for its topic. Returns to how many.
    pub(super) fn bring(&self, topic: &str, payload: &Bytes) -> usize {
        let mut topics = lock(&self.topics);
        let topics = &mut *topics;
        let wild = topics.wild.iter_mut().filter(|(filter, _)| fits(filter, topic)).map(|(_, room)| room);
        let mut listeners = topics.exact.get_mut(topic).into_iter().chain(wild).peekable();
        if listeners.peek().is_none() {
            return 0;
        }
        let envelope = Message::text(envelope(topic, payload).to_string());
        let payload = match Utf8Bytes::try_from(payload.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(payload.clone()),
        };
        let give = |room: &mut Room| {
            room.give(|wants| Some(if wants == Wants::Payload { payload.clone() } else { envelope.clone() }))
        };
        listeners.map(give).sum()
    }
}

impl Topics {
    fn of(&mut self, filter: &str) -> &mut HashMap<String, Room> {
        if filter.contains(['+', '#']) { &mut self.wild } else { &mut self.exact }
    }
}

impl Room {
    fn join(&mut self, name: &str, user: &str, wants: Wants) -> Place {
        let (lane, receiver) = channel(LANE);
        let id = self.next;
        self.next += 1;
        self.members.push(Member { id, user: user.to_owned(), wants, lane });
        Place { lane: receiver, id, name: name.to_owned() }
    }

    /// Whose place it was, if they still had it.
    fn leave(&mut self, id: u64) -> Option<String> {
        let at = self.members.iter().position(|member| member.id == id)?;
        Some(self.members.swap_remove(at).user)
    }

    fn tell(&mut self, what: &str, user: &str) {
        let told = json!({ "type": what, "user": user, "members": self.members.len() });
        let told = Message::text(told.to_string());
        self.give(|wants| (wants == Wants::Presence).then(|| told.clone()));
    }

    /// Gives to each what is made for it; those whose lane is full lose their place. Returns how many got it.
    fn give(&mut self, message: impl Fn(Wants) -> Option<Message>) -> usize {
        let mut given = 0;
        self.members.retain(|member| match message(member.wants) {
            None => true,
            Some(message) => {
                let took = member.lane.try_send(message).is_ok();
                given += usize::from(took);
                took
            }
        });
        given
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Topic and payload: as JSON where it is JSON, as text where it is text.
fn envelope(topic: &str, payload: &Bytes) -> Value {
    let at = micros();
    if let Ok(value) = serde_json::from_slice::<Value>(payload) {
        return json!({ "topic": topic, "at": at, "payload": value });
    }
    match std::str::from_utf8(payload) {
        Ok(text) => json!({ "topic": topic, "at": at, "payload": text }),
        Err(_) => json!({ "topic": topic, "at": at, "base64": BASE64_STANDARD.encode(payload) }),
    }
}

/// Microseconds since 1970.
pub(super) fn micros() -> u64 {
    let since = clock::time_of_day().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Whether a filter of MQTT is for this topic (MQTT 5, section 4.7).
fn fits(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_mqtts() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+/c", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/a", false),
        ] {
            assert_eq!(fits(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn all_in_a_room_get_what_one_says_and_who_asks_hears_of_comings_and_goings() {
        let rooms = Rooms::default();
        let mut ada = rooms.join("hall", "ada", Wants::Presence);
        let mut bob = rooms.join("hall", "bob", Wants::Messages);
        rooms.say(&bob, &Message::text("hi"));
        rooms.leave(&bob);
        let heard: Vec<String> =
            std::iter::from_fn(|| ada.lane.try_recv().ok()).map(|message| message.to_string()).collect();
        assert_eq!(
            heard,
            [
                r#"{"type":"join","user":"ada","members":1}"#,
                r#"{"type":"join","user":"bob","members":2}"#,
                "hi",
                r#"{"type":"leave","user":"bob","members":1}"#,
            ]
        );
        assert_eq!(bob.lane.try_recv().ok(), Some(Message::text("hi")));
        rooms.leave(&ada);
        assert!(lock(&rooms.rooms).is_empty());
    }

    #[test]
    fn who_reads_too_slowly_is_put_out() {
        let rooms = Rooms::default();
        let mut slow = rooms.join("hall", "slow", Wants::Messages);
        for number in 0..=LANE {
            rooms.say(&slow, &Message::text(number.to_string()));
        }
        let got = std::iter::from_fn(|| slow.lane.try_recv().ok()).count();
        assert_eq!(got, LANE);
        assert!(slow.lane.is_closed());
    }

    #[test]
    fn a_bridge_reaches_those_who_listen_and_nobody_else() {
        let rooms = Rooms::default();
        let mut exact = rooms.listen("site/1/t", "ada", Wants::Envelope);
        let mut wild = rooms.listen("site/+/t", "bob", Wants::Payload);
        assert_eq!(rooms.bring("site/1/t", &Bytes::from_static(b"{\"v\":1}")), 2);
        assert_eq!(rooms.bring("site/2/u", &Bytes::from_static(b"x")), 0);
        let envelope: Value =
            serde_json::from_str(&exact.lane.try_recv().expect("it came").to_string()).expect("JSON");
        assert_eq!((&envelope["topic"], &envelope["payload"]["v"]), (&json!("site/1/t"), &json!(1)));
        assert_eq!(wild.lane.try_recv().ok(), Some(Message::text("{\"v\":1}")));
        rooms.stop_listening(&exact);
        rooms.stop_listening(&wild);
        assert_eq!(rooms.bring("site/1/t", &Bytes::new()), 0);
    }
}
