//! A small WebSocket server in memory, in simulated time.

mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::task::Waker;

pub use view::{Opened, Said, Ws};

use super::calls::ws::{Incoming, Message};
use crate::Failure;

type Respond = Rc<dyn Fn(&Said) -> Vec<Message>>;

#[derive(Default)]
pub(super) struct Server {
    sockets: BTreeMap<u32, Socket>,
    /// What comes to a user, by its moment; the second number tells apart those of one moment.
    feeds: BTreeMap<(u64, u64), (u32, Feed)>,
    feeds_made: u64,
    pub(super) said: Vec<Said>,
    pub(super) connections: Vec<Opened>,
    pub(super) responders: Vec<Respond>,
    /// What comes of connecting.
    pub(super) gate: Option<Gate>,
    /// Nanoseconds until the server answers.
    pub(super) takes: u64,
}

/// What the server has against a connection.
#[derive(Clone)]
pub(super) enum Gate {
    /// It answers so.
    Status(u16),
    /// There is no answer.
    Failure(Failure),
}

impl Gate {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Failure(failure) => failure.clone(),
            Self::Status(status) => {
                let kind = if *status < 500 { "status_4xx" } else { "status_5xx" };
                Failure::new(kind, format!("the server refuses the handshake, status {status}"))
            }
        }
    }
}

enum Feed {
    Message(Message),
    /// The connection ends so.
    End(Failure),
}

/// One user's connection.
#[derive(Default)]
pub(super) struct Socket {
    pub(super) link: Link,
    pub(super) kept: VecDeque<Incoming>,
    /// Requests whose answers the plugin knows, by key: number and when it was sent.
    asks: HashMap<String, VecDeque<(u64, u64)>>,
    asks_made: u64,
    /// When the answers came.
    pub(super) answered: HashMap<u64, u64>,
    pub(super) waiting: Vec<Waker>,
}

/// How it stands with a connection.
#[derive(Clone, Default)]
pub(super) enum Link {
    /// There was none, or it was refused.
    #[default]
    None,
    /// It stands.
    Up,
    /// The plugin has closed it.
    Left,
    /// It was lost, and nobody has been told yet.
    Lost(Failure),
}

impl Server {
    pub(super) fn socket(&mut self, user: u32) -> &mut Socket {
        self.sockets.entry(user).or_default()
    }

    /// Has a message come to a user at a moment.
    pub(super) fn feed(&mut self, message: Message, user: u32, at: u64) {
        self.put(Feed::Message(message), user, at);
    }

    fn put(&mut self, feed: Feed, user: u32, at: u64) {
        self.feeds_made += 1;
        self.feeds.insert((at, self.feeds_made), (user, feed));
    }

    /// The moment of the next that comes.
    pub(super) fn next_feed(&self) -> Option<u64> {
        self.feeds.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes what comes whose moment has come. What comes before there is a connection waits for it.
    pub(super) fn take_feeds(&mut self, now: u64) {
        while self.next_feed().is_some_and(|at| at <= now)
            && let Some(((at, _), (user, feed))) = self.feeds.pop_first()
        {
            let socket = self.socket(user);
            match feed {
                Feed::Message(message) => socket.kept.push_back(Incoming { message, at }),
                Feed::End(failure) if socket.is_up() => socket.end(Link::Lost(failure)),
                Feed::End(_) => {}
            }
            socket.wake();
        }
    }
}

impl Socket {
    pub(super) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up)
    }

    /// A request is sent. Its number.
    pub(super) fn ask(&mut self, key: &str, now: u64) -> u64 {
        self.asks_made += 1;
        self.asks.entry(key.to_owned()).or_default().push_back((self.asks_made, now));
        self.asks_made
    }

    pub(super) fn answer(&mut self, key: &str, at: u64) -> bool {
        let line = self.asks.get_mut(key);
        let Some((number, _)) = line.and_then(|line| line.pop_front_if(|(_, sent)| *sent <= at)) else {
            return false;
        };
        self.answered.insert(number, at);
        self.wake();
        true
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&mut self, number: u64) {
        self.asks.values_mut().for_each(|line| line.retain(|(known, _)| *known != number));
    }

    /// The connection is over.
    pub(super) fn end(&mut self, link: Link) {
        if self.is_up() && matches!(link, Link::Left | Link::None) {
            self.kept.clear();
        }
        self.link = link;
        self.asks.clear();
        self.wake();
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}
