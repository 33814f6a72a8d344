//! MQTT, as the fake host's broker answers it.

mod arrival;
mod publish;
mod subscribe;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use publish::{Publication, publish, send};
pub(crate) use subscribe::{subscribe, unsubscribe};

use self::arrival::{Arrival, Came};
use super::called::{Answer, Called, Options, option};
use super::current;
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::broker::{Connection, Link, Verdict, Will, mistake};
use crate::testing::executor::Wait;
use crate::testing::state::State;

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) options: Options,
}

#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retained: bool,
    pub(crate) repeated: bool,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) number: u64,
    pub(crate) at: u64,
}

pub(crate) struct Identity {
    pub(crate) client_id: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) will: Option<Message>,
    pub(crate) options: Options,
}

pub(crate) fn connected() -> bool {
    let state = current();
    let mut state = state.borrow_mut();
    let user = state.user;
    state.broker.device(user).link == Link::Up
}

pub(crate) async fn connect(identity: Identity) -> Answer {
    let state = current();
    let called = Called::new(&state, "CONNECT", String::new(), None, &identity.options);
    let verdict = begin_connection(&mut state.borrow_mut(), identity);
    called.end(verdict, Content::reason(0)).await
}

/// Makes a connection where there is none, as the plan says.
async fn connection(state: &Rc<RefCell<State>>, user: u32) -> Result<(), Failure> {
    if state.borrow_mut().broker.device(user).link == Link::Up {
        return Ok(());
    }
    let identity =
        Identity { client_id: None, username: None, password: None, will: None, options: Vec::new() };
    let verdict = begin_connection(&mut state.borrow_mut(), identity);
    let takes = state.borrow().broker.takes;
    Wait::new(state, takes).await;
    verdict.map_or(Ok(()), |verdict| Err(verdict.failure()))
}

/// Ends a connection that stands, and makes a new one unless the test is against it.
fn begin_connection(state: &mut State, identity: Identity) -> Option<Verdict> {
    let (user, at) = (state.user, Duration::from_nanos(state.now));
    let verdict = state.broker.gate.clone();
    let refused = verdict.is_some();
    let device = state.broker.device(user);
    if device.link == Link::Up {
        device.end(Link::None, false);
    }
    if refused {
        device.link = Link::None;
        return verdict;
    }
    let Identity { client_id, username, password, will, options } = identity;
    device.link = Link::Up;
    device.by_hand = option(&options, "settle") == Some("manual");
    device.will.clone_from(&will);
    let will = will.map(|will| Will {
        topic: will.topic,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
    });
    let made = Connection { client_id, username, password, will, options, user, at };
    state.broker.connections.push(made);
    None
}

pub(crate) async fn receive(filter: Option<String>, options: Options) -> Answer {
    let state = current();
    let place = filter.clone().unwrap_or_else(|| "#".to_owned());
    let called = Called::new(&state, "RECEIVE", place, None, &options);
    if let Some(mistake) = wrong_filter(filter.as_slice()) {
        return called.fails(mistake);
    }
    if let Err(failure) = connection(&state, called.user).await {
        return called.fails(failure);
    }
    let limit = called.limit();
    let until = called.began.saturating_add(limit);
    match Arrival::new(&state, called.user, filter, until).await {
        Came::Message(message) => {
            let mut content = Content::reason(0);
            content.fields.push(("topic".to_owned(), String::new(), message.topic));
            let property = |(name, value): (String, String)| ("property".to_owned(), name, value);
            content.fields.extend(message.properties.into_iter().map(property));
            content.body = message.payload;
            Ok(called.answered_at(content, message.at))
        }
        Came::Nothing => {
            let told = format!("no message within {:?}", Duration::from_nanos(limit));
            called.fails(Failure::new("timeout", told))
        }
        Came::End(_) => called.fails(closed()),
    }
}

pub(crate) async fn next(filter: Option<String>) -> Result<Option<Incoming>, Failure> {
    let state = current();
    let user = state.borrow().user;
    if let Some(mistake) = wrong_filter(filter.as_slice()) {
        return Err(mistake);
    }
    let until = state.borrow().wanted_until();
    match Arrival::new(&state, user, filter, until).await {
        Came::Message(message) => Ok(Some(message)),
        Came::Nothing | Came::End(Link::None | Link::Left) => Ok(None),
        // It is told once.
        Came::End(_) => {
            state.borrow_mut().broker.device(user).link = Link::None;
            Err(closed())
        }
    }
}

pub(crate) fn settle(number: u64) {
    let state = current();
    let mut state = state.borrow_mut();
    let user = state.user;
    state.broker.device(user).unsettled.retain(|(unsettled, _)| *unsettled != number);
}

pub(crate) async fn disconnect(options: Options) -> Result<(), Failure> {
    let state = current();
    let called = Called::new(&state, "DISCONNECT", String::new(), None, &options);
    let mut fields = state.borrow_mut();
    let (user, now) = (fields.user, fields.now);
    let aborted = option(&options, "how") == Some("abort");
    let device = fields.broker.device(user);
    if device.link == Link::Up
        && let Some(will) = device.end(Link::Left, aborted)
    {
        fields.broker.bury(will, user, now);
        fields.broker.take_feeds(now);
    }
    drop(fields);
    called.answered(Content::reason(0));
    Ok(())
}

fn wrong_filter(filters: &[String]) -> Option<Failure> {
    filters.iter().find_map(|filter| mistake(filter)).map(|told| Failure::new("request", told))
}

fn closed() -> Failure {
    Failure::new("closed", "the connection was lost")
}
