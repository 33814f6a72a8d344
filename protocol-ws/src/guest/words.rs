//! What guests say: messages, openings, requests, and wishes by name.

use std::time::Duration;

use prony_core::{StepId, Template, Timestamp, units};

use crate::config::Settings;
use crate::pick::Pick;
use crate::reply::Arrived;
use crate::step::{Action, Matching, Message, Payload, Rendered, Step};

/// Wishes by name, as a guest gives them.
type Options = Vec<(String, String)>;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestMessage {
    /// A text message.
    Text(String),
    /// A binary one.
    Binary(Vec<u8>),
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestArrived {
    /// What it carries.
    pub message: GuestMessage,
    /// When its last byte was read.
    pub at: Timestamp,
}

impl From<Arrived> for GuestArrived {
    fn from(arrived: Arrived) -> Self {
        let at = arrived.at;
        let payload = arrived.payload.into_vec();
        if !arrived.is_text {
            return Self { message: GuestMessage::Binary(payload), at };
        }
        // It was found to be UTF-8 when it came.
        let text = String::from_utf8(payload);
        let message = text.map_or_else(|wrong| GuestMessage::Binary(wrong.into_bytes()), GuestMessage::Text);
        Self { message, at }
    }
}

/// What is said in a handshake beside what the plan says.
#[derive(Clone, Debug, Default)]
pub struct GuestOpening {
    /// The path with its query, in place of the plan's.
    pub path: Option<String>,
    /// Headers; they win over the plan's.
    pub headers: Vec<(String, String)>,
    /// Subprotocols, in place of the plan's.
    pub protocols: Vec<String>,
    /// `name`, `timeout`.
    pub options: Options,
}

/// What a guest asks for and waits for the end of.
#[derive(Clone, Debug)]
pub enum GuestRequest {
    /// A connection. One that stands is closed first.
    Open(GuestOpening),
    /// A message, until its bytes are handed to the system: `name`, `fragments`.
    Send(GuestMessage, Options),
    /// A message and its answer: `name`, `timeout`, `match` (as in a plan), `match_sent` and `match_received`; or `key`, for an answer
    /// that the guest knows.
    Request(GuestMessage, Options),
    /// A message that answers no request: `name`, `timeout`.
    Receive(Options),
    /// A PING and its PONG: `name`, `timeout`.
    Ping(Options),
    /// The end of the connection, with a code and a reason: `name`, `timeout`.
    Close(u16, String, Options),
}

impl GuestRequest {
    /// What results call it.
    #[must_use]
    pub fn name(&self) -> &str {
        let (options, default) = match self {
            Self::Open(opening) => (&opening.options, "connect"),
            Self::Send(_, options) => (options, "send"),
            Self::Request(_, options) => (options, "request"),
            Self::Receive(options) => (options, "receive"),
            Self::Ping(options) => (options, "ping"),
            Self::Close(_, _, options) => (options, "close"),
        };
        find(options, "name").filter(|name| !name.is_empty()).unwrap_or(default)
    }
}

/// A request that can be taken as a step.
pub(super) struct Asked {
    pub(super) step: Step,
    /// Of an opening.
    pub(super) opening: Option<GuestOpening>,
    /// Of a request: by what the guest knows its answer.
    pub(super) key: Option<String>,
}

/// Reads what a guest asks for. Errors are sentences.
pub(super) fn read(request: GuestRequest, settings: &Settings) -> Result<Asked, String> {
    let (mut opening, mut key) = (None, None);
    let (action, options, known): (_, _, &[&str]) = match request {
        GuestRequest::Open(told) => {
            let options = told.options.clone();
            opening = Some(told);
            (Action::Connect(None), options, &["timeout"])
        }
        GuestRequest::Send(message, options) => {
            let fragments = fragments(&options)?;
            (Action::Send(sending(message, fragments)), options, &["fragments"])
        }
        GuestRequest::Request(message, options) => {
            let action = Action::Request(sending(message, fragments(&options)?), matching(&options)?);
            key = find(&options, "key").map(str::to_owned);
            if key.is_some() && options.iter().any(|(name, _)| name.starts_with("match")) {
                return Err("an answer is known by `key`, or by `match`; give one of them".to_owned());
            }
            (action, options, &["timeout", "fragments", "match", "match_sent", "match_received", "key"])
        }
        GuestRequest::Receive(options) => (Action::Receive(1), options, &["timeout"]),
        GuestRequest::Ping(options) => (Action::Ping, options, &["timeout"]),
        GuestRequest::Close(code, reason, options) => {
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(format!(
                    "the close code {code} may not be sent; expected 1000 to 1003, 1007 to 1014, or 3000 to 4999"
                ));
            }
            (Action::Close { code, reason: Template::constant(reason) }, options, &["timeout"])
        }
    };
    if let Some((name, _)) =
        options.iter().find(|(name, _)| name != "name" && !known.contains(&name.as_str()))
    {
        let known = known.join(", ");
        return Err(format!("the request has an option `{}`; there are name, {known}", name.escape_debug()));
    }
    let timeout = match find(&options, "timeout") {
        None => settings.timeout,
        Some(text) => timeout(text)?,
    };
    let step = Step { action, timeout, keeps_body: true, judges_status: false, id: StepId(0) };
    Ok(Asked { step, opening, key })
}

impl GuestOpening {
    /// Lays it over what the plan says.
    pub(crate) fn put_on(&self, rendered: &mut Rendered) {
        if let Some(path) = &self.path {
            rendered.path = Some(if path.starts_with('/') { path.clone() } else { format!("/{path}") });
        }
        for (name, value) in &self.headers {
            rendered.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            rendered.headers.push((name.clone(), value.clone()));
        }
        if !self.protocols.is_empty() {
            rendered.protocols.clone_from(&self.protocols);
        }
    }
}

fn find<'a>(options: &'a Options, wanted: &str) -> Option<&'a str> {
    options.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

fn wrong(name: &str, value: &str, expected: &str) -> String {
    format!("the option `{name}` is `{}`; expected {expected}", value.escape_debug())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = units::parse_duration(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| wrong("timeout", text, "a duration such as `2s`"))
}

fn fragments(options: &Options) -> Result<u32, String> {
    let Some(text) = find(options, "fragments") else { return Ok(1) };
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| wrong("fragments", text, "a whole number from 1 to 10000"))
}

fn sending(message: GuestMessage, fragments: u32) -> Message {
    let (payload, is_text) = match message {
        GuestMessage::Text(text) => (text.into_bytes(), true),
        GuestMessage::Binary(bytes) => (bytes, false),
    };
    Message { payload: Payload::Constant(payload.into()), is_text, fragments }
}

fn matching(options: &Options) -> Result<Matching, String> {
    let pick = |name: &str| match find(options, name) {
        None => Ok(None),
        Some(text) => Pick::parse(text)
            .map(Some)
            .map_err(|_| wrong(name, text, "`order`, `json PATH` or `regex /…(…)/`")),
    };
    if find(options, "match").is_some_and(|text| text.trim() == "order") {
        return Ok(Matching::Order);
    }
    let both = pick("match")?;
    let sent = pick("match_sent")?.or_else(|| both.clone());
    let received = pick("match_received")?.or(both);
    match (sent, received) {
        (None, None) => Ok(Matching::Order),
        (Some(sent), Some(received)) => Ok(Matching::Key { sent, received: received.into() }),
        _ => {
            Err("one of `match_sent` and `match_received` alone says nothing; give both, or `match`"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(options: &[(&str, &str)]) -> Options {
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn wishes_are_read_or_told() {
        let settings = Settings::from_plan(None).expect("defaults");
        let text = || GuestMessage::Text("{}".to_owned());
        let request =
            |wishes: &[(&str, &str)]| read(GuestRequest::Request(text(), options(wishes)), &settings);
        let step = request(&[("timeout", "2s"), ("match", "json $.id")]).expect("a request").step;
        assert_eq!(step.timeout, Duration::from_secs(2));
        assert!(matches!(step.action, Action::Request(_, Matching::Key { .. })));
        assert!(request(&[("match_sent", "json $.id"), ("match_received", "json $.re")]).is_ok());
        assert_eq!(request(&[("key", "7")]).expect("a request").key.as_deref(), Some("7"));
        for (wishes, told) in [
            (&[("timeout", "soon")][..], "a duration such as"),
            (&[("match", "id")], "json PATH"),
            (&[("match_sent", "json $.id")], "give both"),
            (&[("key", "7"), ("match", "order")], "give one of them"),
            (&[("fragments", "0")], "from 1"),
            (&[("colour", "red")], "there are name, timeout, fragments, match"),
        ] {
            let found = request(wishes).map(|_| ()).expect_err(told);
            assert!(found.contains(told), "{found}");
        }
        let told = read(GuestRequest::Close(1005, String::new(), Vec::new()), &settings);
        assert!(told.map(|_| ()).expect_err("no code").contains("1005"));
    }
}
