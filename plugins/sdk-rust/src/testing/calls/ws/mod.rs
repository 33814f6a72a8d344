//! WebSocket, as the fake host's server answers it.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::called::{Answer, Called, Options, option};
use super::current;
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::executor::Wait;
use crate::testing::socket::{Gate, Link, Opened, Said, Socket};
use crate::testing::state::State;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) message: Message,
    pub(crate) at: u64,
}

#[derive(Default)]
pub(crate) struct Opening {
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) protocols: Vec<String>,
    pub(crate) options: Options,
}

impl Message {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// It as an answer.
    fn content(self) -> Content {
        let word = if matches!(self, Self::Text(_)) { "text" } else { "binary" };
        let mut content = Content::reason(0);
        content.fields.push(("message".to_owned(), "type".to_owned(), word.to_owned()));
        content.body = match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        };
        content
    }
}

fn called(state: &Rc<RefCell<State>>, what: &str, body: Option<Vec<u8>>, options: &Options) -> Called {
    Called::named(state, "WS", what.to_owned(), what, body, options)
}

pub(crate) fn connected() -> bool {
    let state = current();
    let mut state = state.borrow_mut();
    let user = state.user;
    state.server.socket(user).is_up()
}

pub(crate) async fn connect(opening: Opening) -> Answer {
    let state = current();
    let called = called(&state, "connect", None, &opening.options);
    let gate = begin_connection(&mut state.borrow_mut(), opening);
    pass(&state, &called).await?;
    match gate {
        None => Ok(called.answered(Content { status: 101, ..Content::reason(0) })),
        Some(Gate::Failure(failure)) => called.fails(failure),
        // A status is an answer all the same.
        Some(Gate::Status(status)) => {
            let reply = called.answered(Content { status, ..Content::reason(0) });
            called.spoiled(if status < 500 { "status_4xx" } else { "status_5xx" });
            Ok(reply)
        }
    }
}

/// Ends a connection that stands, and makes a new one unless the test is against it.
fn begin_connection(state: &mut State, opening: Opening) -> Option<Gate> {
    let (user, at) = (state.user, Duration::from_nanos(state.now));
    let gate = state.server.gate.clone();
    let socket = state.server.socket(user);
    socket.end(Link::None);
    if gate.is_none() {
        socket.link = Link::Up;
        let Opening { path, headers, protocols, options } = opening;
        state.server.connections.push(Opened { path, headers, protocols, options, user, at });
    }
    gate
}

/// Makes a connection where there is none, as the plan says.
async fn stand(state: &Rc<RefCell<State>>, called: &Called) -> Result<(), Failure> {
    if state.borrow_mut().server.socket(called.user).is_up() {
        return Ok(());
    }
    let gate = begin_connection(&mut state.borrow_mut(), Opening::default());
    pass(state, called).await?;
    match gate {
        None => Ok(()),
        Some(gate) => called.fails(gate.failure()),
    }
}

/// Lets the time pass that the server takes.
async fn pass(state: &Rc<RefCell<State>>, called: &Called) -> Result<(), Failure> {
    let takes = state.borrow().server.takes;
    Wait::new(state, takes.min(called.limit())).await;
    if takes > called.limit() { called.late() } else { Ok(()) }
}

/// Writes a message down. Gives what the server says to it.
fn say(state: &Rc<RefCell<State>>, user: u32, message: Message, options: &Options) -> Vec<Message> {
    let mut fields = state.borrow_mut();
    let at = Duration::from_nanos(fields.now);
    let said = Said { message, options: options.clone(), user, at };
    fields.server.said.push(said.clone());
    let responders = fields.server.responders.clone();
    // A test's closure may look at the host, too.
    drop(fields);
    responders.iter().flat_map(|respond| respond(&said)).collect()
}

/// Has messages come when the server has had its time.
fn feed(state: &Rc<RefCell<State>>, user: u32, messages: impl IntoIterator<Item = Message>) {
    let mut state = state.borrow_mut();
    let at = state.now.saturating_add(state.server.takes);
    let now = state.now;
    messages.into_iter().for_each(|message| state.server.feed(message, user, at));
    state.server.take_feeds(now);
}

pub(crate) async fn send(message: Message, options: Options) -> Result<(), Failure> {
    let state = current();
    let called = called(&state, "send", Some(message.bytes().to_vec()), &options);
    stand(&state, &called).await?;
    let answers = say(&state, called.user, message, &options);
    feed(&state, called.user, answers);
    called.answered(Content::reason(0));
    Ok(())
}

pub(crate) async fn request(message: Message, options: Options) -> Answer {
    let state = current();
    let called = called(&state, "request", Some(message.bytes().to_vec()), &options);
    stand(&state, &called).await?;
    let until = called.began.saturating_add(called.limit());
    let Some(key) = option(&options, "key") else {
        let mut answers = say(&state, called.user, message, &options).into_iter();
        let answer = answers.next();
        feed(&state, called.user, answers);
        return match answer {
            Some(answer) => {
                pass(&state, &called).await?;
                Ok(called.answered(answer.content()))
            }
            None => {
                let nothing = until_found(&state, called.user, until, |_| None::<()>).await;
                called.fails(nothing.err().unwrap_or_else(closed))
            }
        };
    };
    let number = {
        let mut fields = state.borrow_mut();
        let now = fields.now;
        fields.server.socket(called.user).ask(key, now)
    };
    let answers = say(&state, called.user, message, &options);
    feed(&state, called.user, answers);
    match until_found(&state, called.user, until, |socket| socket.answered.remove(&number)).await {
        Ok(at) => Ok(called.answered_at(Content::reason(0), at)),
        Err(failure) => {
            state.borrow_mut().server.socket(called.user).forget(number);
            called.fails(failure)
        }
    }
}

pub(crate) fn answered(key: &str, at: u64) -> bool {
    let state = current();
    let mut state = state.borrow_mut();
    let user = state.user;
    state.server.socket(user).answer(key, at)
}

pub(crate) async fn receive(options: Options) -> Answer {
    let state = current();
    let called = called(&state, "receive", None, &options);
    stand(&state, &called).await?;
    let until = called.began.saturating_add(called.limit());
    match until_found(&state, called.user, until, |socket| socket.kept.pop_front()).await {
        Ok(Incoming { message, at }) => Ok(called.answered_at(message.content(), at)),
        Err(failure) => called.fails(failure),
    }
}

pub(crate) async fn next() -> Result<Option<Incoming>, Failure> {
    let state = current();
    let (user, until) = {
        let state = state.borrow();
        (state.user, state.wanted_until())
    };
    let found = until_found(&state, user, until, |socket| socket.kept.pop_front()).await;
    match found {
        Ok(message) => Ok(Some(message)),
        Err(failure) if failure.kind() == "timeout" => Ok(None),
        Err(_) => {
            let mut state = state.borrow_mut();
            let socket = state.server.socket(user);
            match std::mem::take(&mut socket.link) {
                // It is told once.
                Link::Lost(failure) => Err(failure),
                other => {
                    socket.link = other;
                    Ok(None)
                }
            }
        }
    }
}

pub(crate) async fn ping(options: Options) -> Answer {
    let state = current();
    let called = called(&state, "ping", None, &options);
    stand(&state, &called).await?;
    pass(&state, &called).await?;
    Ok(called.answered(Content::reason(0)))
}

pub(crate) async fn close(code: u16, reason: String, options: Options) -> Answer {
    let state = current();
    let called = called(&state, "close", None, &options);
    stand(&state, &called).await?;
    pass(&state, &called).await?;
    state.borrow_mut().server.socket(called.user).end(Link::Left);
    let mut content = Content { status: code, ..Content::reason(0) };
    content.fields.push(("close".to_owned(), "code".to_owned(), code.to_string()));
    content.fields.push(("close".to_owned(), "reason".to_owned(), reason));
    Ok(called.answered(content))
}

/// Waits until a user's socket has something, or a moment; what became of it instead is told.
async fn until_found<T>(
    state: &Rc<RefCell<State>>,
    user: u32,
    until: u64,
    mut look: impl FnMut(&mut Socket) -> Option<T>,
) -> Result<T, Failure> {
    let began = state.borrow().now;
    let come = pin!(std::future::poll_fn(|context| {
        let mut fields = state.borrow_mut();
        let now = fields.now;
        fields.server.take_feeds(now);
        let socket = fields.server.socket(user);
        if let Some(found) = look(socket) {
            return Poll::Ready(Ok(found));
        }
        match &socket.link {
            Link::Up => {
                socket.waiting.push(context.waker().clone());
                Poll::Pending
            }
            Link::Lost(failure) => Poll::Ready(Err(failure.clone())),
            Link::None | Link::Left => Poll::Ready(Err(closed())),
        }
    }));
    let over = pin!(Wait::new(state, until.saturating_sub(began)));
    match select(come, over).await {
        Either::Left((found, _)) => found,
        Either::Right(_) => {
            let time = Duration::from_nanos(until.saturating_sub(began));
            Err(Failure::new("timeout", format!("nothing came within {time:?}")))
        }
    }
}

fn closed() -> Failure {
    Failure::new("closed", "there is no connection any more")
}
