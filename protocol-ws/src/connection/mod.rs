//! A user's connection, made for tens of thousands of them on a thread: an idle one holds no buffers and no timer.
//!
//! Its bytes are moved by a task of its own ([`pump`]), so that it answers its server while its user does something else. Both
//! share the connection; neither holds it over an `await`.

mod arrive;
mod comeback;
mod depart;
mod inbox;
mod open;
mod pump;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use prony_core::template::MissingValue;
use prony_core::{ConnectionEvent, FailureKind, Outcome, Timestamp};
use prony_transport::Stream;
use send_wrapper::SendWrapper;

pub(crate) use arrive::Asked;
pub(crate) use inbox::Inbox;
pub(crate) use open::open;

use crate::driver::{SharedPart, WorkerPart};
use crate::feed::Feed;
use crate::metrics::count;
use crate::reply::Arrived;
use crate::step::Rendered;
use crate::wire::Assembly;

/// A connection as its user and its tasks share it.
pub(crate) type SharedConnection = SendWrapper<Rc<RefCell<Connection>>>;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none, and none is wanted.
    Idle,
    Up,
    /// It was lost, and tries to come back by itself.
    Away,
}

/// Why there is no answer, or no connection.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: FailureKind,
    /// HTTP's status of a refusal, or the code of a CLOSE.
    pub(crate) status: Option<u16>,
    pub(crate) story: Box<str>,
}

impl Trouble {
    pub(crate) fn new(kind: FailureKind, story: impl Into<Box<str>>) -> Self {
        Self { kind, status: None, story: story.into() }
    }
}

impl From<MissingValue> for Trouble {
    fn from(_: MissingValue) -> Self {
        let text = "a variable has no value yet: nothing was captured into it before this step";
        Self::new(FailureKind::Request, text)
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The server, or the network.
    Theirs,
    /// This side, because of what came.
    Protocol,
    /// This side, for good.
    Left,
}

/// A PING of the user's and its PONG.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ping {
    /// How many were sent: its payload.
    pub(crate) number: u64,
    pub(crate) answered: Option<Timestamp>,
}

/// A CLOSE that came.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: Box<str>,
    pub(crate) at: Timestamp,
}

/// See the module's head.
pub(crate) struct Connection {
    part: Rc<WorkerPart>,
    /// The user's number in its scenario.
    user: u32,
    state: State,
    stream: Option<Stream>,
    /// Counts connections, so that what belongs to an earlier one is known by it.
    epoch: u32,
    counted: Option<Counted>,
    /// The beginning of a frame whose end has not come yet.
    rest: Vec<u8>,
    assembly: Assembly,
    /// A slow reader reads no more until this has passed.
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    out: Vec<u8>,
    /// How much of `out` is written, and how much was ever put there and written on this connection.
    out_done: usize,
    queued: u64,
    written: u64,
    pump: Option<Waker>,
    /// Who waits for a change: its user, or what its user does side by side.
    waiting: Vec<Waker>,
    /// Its user, who does nothing and wants to hear of its end alone: messages wake nobody for that.
    staying: Option<Waker>,
    pub(crate) inbox: Inbox,
    /// Messages are kept for its user, though no step of a plan receives them.
    pub(crate) keeps: bool,
    /// What the answer to a request looks like, and it.
    asked: Option<Box<Asked>>,
    answer: Option<Box<Arrived>>,
    /// Answers that nobody waits for any more.
    given_up: Vec<Asked>,
    pub(crate) ping: Ping,
    closing: bool,
    closed: Option<Box<Closed>>,
    /// The connection's opening, until its first message has come.
    opening: Option<Box<Outcome>>,
    feed: Option<Box<Feed>>,
    /// When something came last, and when a PING was sent because nothing did.
    heard: Timestamp,
    probed: Option<Timestamp>,
    planned: Cell<u64>,
    rendered: Option<Box<Rendered>>,
    /// Why the connection was lost, until somebody has been told.
    trouble: Option<Box<Trouble>>,
}

impl Connection {
    pub(crate) fn new(part: &SharedPart, user: u32) -> SharedConnection {
        SendWrapper::new(Rc::new(RefCell::new(Self {
            part: Rc::clone(part),
            user,
            state: State::Idle,
            stream: None,
            epoch: 0,
            counted: None,
            rest: Vec::new(),
            assembly: Assembly::default(),
            pause: None,
            out: Vec::new(),
            out_done: 0,
            queued: 0,
            written: 0,
            pump: None,
            waiting: Vec::new(),
            staying: None,
            inbox: Inbox::default(),
            keeps: part.compiled.keeps_messages,
            asked: None,
            answer: None,
            given_up: Vec::new(),
            ping: Ping::default(),
            closing: false,
            closed: None,
            opening: None,
            feed: None,
            heard: Timestamp::default(),
            probed: None,
            planned: Cell::new(0),
            rendered: None,
            trouble: None,
        })))
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Why the last connection was lost, once.
    pub(crate) fn take_trouble(&mut self) -> Option<Trouble> {
        self.trouble.take().map(|trouble| *trouble)
    }

    /// Why the connection was lost, once it is and does not come back by itself.
    pub(crate) fn poll_lost(&mut self, context: &Context<'_>) -> Poll<Trouble> {
        if self.state == State::Idle
            && let Some(trouble) = self.take_trouble()
        {
            return Poll::Ready(trouble);
        }
        self.staying = Some(context.waker().clone());
        Poll::Pending
    }

    /// The CLOSE that came, once.
    pub(crate) fn take_closed(&mut self) -> Option<Closed> {
        self.closed.take().map(|closed| *closed)
    }

    /// Has somebody woken when something changes.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    pub(crate) fn tell(&mut self) {
        // Nobody who is idle holds memory for it.
        std::mem::take(&mut self.waiting).into_iter().for_each(Waker::wake);
    }

    /// There is no connection, and `rendered` says which one is wanted: it is tried again as a lost one would be.
    pub(crate) fn try_again(this: &Rc<RefCell<Self>>, rendered: Box<Rendered>) {
        let mut connection = this.borrow_mut();
        let connection = &mut *connection;
        if connection.state == State::Idle && connection.part.compiled.settings.reconnect.is_some() {
            connection.epoch += 1;
            connection.rendered = Some(rendered);
            comeback::begin(this, connection);
        }
    }

    /// The connection is gone, whoever wanted it.
    pub(crate) fn lost(this: &Rc<RefCell<Self>>, trouble: Trouble, how: Loss) {
        let mut connection = this.borrow_mut();
        let connection = &mut *connection;
        let part = Rc::clone(&connection.part);
        let was_up = connection.state == State::Up;
        connection.epoch += 1;
        connection.state = State::Idle;
        let says_goodbye = connection.closing || how == Loss::Protocol;
        let out = std::mem::take(&mut connection.out).split_off(connection.out_done);
        // For its user it is closed, however long the server takes to end TCP.
        connection.counted = None;
        if let Some(stream) = connection.stream.take()
            && says_goodbye
        {
            tokio::spawn(depart::linger(stream, out));
        }
        (connection.out_done, connection.queued, connection.written) = (0, 0, 0);
        connection.rest = Vec::new();
        connection.assembly = Assembly::default();
        connection.pause = None;
        connection.asked = None;
        connection.given_up = Vec::new();
        connection.opening = None;
        connection.probed = None;
        if let Some(pump) = connection.pump.take() {
            pump.wake();
        }
        if let Some(feed) = connection.feed.take() {
            count(&part.tallies.lost, feed.lost());
        }
        if how == Loss::Left {
            // Who has left asks for no more of it.
            connection.trouble = None;
            connection.inbox = Inbox::default();
        } else if was_up {
            part.count_loss(&trouble);
            connection.trouble = Some(Box::new(trouble));
            if part.compiled.settings.reconnect.is_some() {
                comeback::begin(this, connection);
            }
        }
        connection.staying.take().into_iter().for_each(Waker::wake);
        connection.tell();
    }
}

impl Connection {
    /// Its user is gone: nothing is said any more, for there may be no time left to say it.
    pub(crate) fn cut(this: &Rc<RefCell<Self>>) {
        this.borrow_mut().closing = false;
        if this.borrow().state != State::Idle {
            Self::lost(this, Trouble::new(FailureKind::Cut, "the run ended"), Loss::Left);
        }
    }
}

/// Counts a connection from its begin to its end, and as a WebSocket once its handshake is done.
pub(crate) struct Counted {
    part: SendWrapper<Rc<WorkerPart>>,
    is_websocket: bool,
}

impl Counted {
    fn new(part: &SharedPart) -> Self {
        part.meter.connection(part.scenario, ConnectionEvent::Opened);
        Self { part: part.clone(), is_websocket: false }
    }

    fn is_websocket(&mut self) {
        self.is_websocket = true;
        self.part.are_open(self.part.tallies.open.get() + 1);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.part.meter.connection(self.part.scenario, ConnectionEvent::Closed);
        if self.is_websocket {
            self.part.are_open(self.part.tallies.open.get() - 1);
        }
    }
}
