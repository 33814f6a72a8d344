//! From a step's node to what it does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prony_core::diagnostic::did_you_mean;
use prony_core::{Diagnostic, Node, ReplyNeeds, StepId, Template, Variables};

use super::identity::path;
use super::{ACTIONS, Payload};
use crate::config::Settings;
use crate::pick::Pick;

/// A compiled step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) timeout: Duration,
    /// Something looks at the answer's content.
    pub(crate) keeps_body: bool,
    /// A check looks at the status.
    pub(crate) judges_status: bool,
    /// Its number in the run's catalog.
    pub(crate) id: StepId,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    /// To a path of its own, if it has one.
    Connect(Option<Template>),
    Send(Message),
    /// How many messages.
    Receive(u32),
    Request(Message, Matching),
    Ping,
    Close {
        code: u16,
        reason: Template,
    },
}

/// A message to send.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) payload: Payload,
    pub(crate) is_text: bool,
    pub(crate) fragments: u32,
}

/// How a request knows its answer.
#[derive(Clone, Debug)]
pub(crate) enum Matching {
    /// It is the next message.
    Order,
    /// Both have the same key, in these places.
    Key { sent: Pick, received: Arc<Pick> },
}

impl Matching {
    /// Reads a plan's `match:`.
    ///
    /// # Errors
    /// When it makes no sense.
    pub(crate) fn from_plan(node: &Node) -> Result<Self, Diagnostic> {
        let (sent, received) = match (node.get("sent"), node.get("received")) {
            (Some(sent), Some(received)) => (sent, received),
            _ if node.text()?.trim() == "order" => return Ok(Self::Order),
            _ => (node, node),
        };
        Ok(Self::Key { sent: Pick::from_plan(sent)?, received: Arc::new(Pick::from_plan(received)?) })
    }
}

/// What steps are compiled with.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) variables: &'a Variables,
    pub(crate) folder: &'a Path,
}

/// The actions that can be written as a word and its object.
const SHORT: &str = "`connect`, `connect PATH`, `send TEXT`, `request TEXT`, `receive`, `ping`, `close`, or a map such as \
                     `{send: {json: {hello: 1}}}`";

/// Compiles a step. Its name, when its plan gives none, stands beside it.
///
/// # Errors
/// When it makes no sense.
pub(crate) fn compile(
    node: &Node,
    needs: ReplyNeeds,
    context: &Context<'_>,
) -> Result<(Step, &'static str), Diagnostic> {
    let (name, action) = if node.is_map() { long(node, context)? } else { short(node, context)? };
    let step = Step {
        action,
        timeout: node.get("timeout").map_or(Ok(context.settings.timeout), Node::duration_above_zero)?,
        keeps_body: needs.body,
        judges_status: needs.judges_status,
        id: StepId(0),
    };
    Ok((step, name))
}

fn short(node: &Node, context: &Context<'_>) -> Result<(&'static str, Action), Diagnostic> {
    let text = node.text()?.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let template = || Template::compile(rest, &node.place, context.variables);
    let message = || {
        let payload = match template()? {
            constant if constant.as_constant().is_some() => Payload::Constant(rest.as_bytes().into()),
            template => Payload::Text(template),
        };
        Ok::<_, Diagnostic>(Message { payload, is_text: true, fragments: 1 })
    };
    Ok(match (word, rest) {
        ("connect", "") => ("connect", Action::Connect(None)),
        ("connect", _) => ("connect", Action::Connect(Some(path(rest, &node.place, context.variables)?))),
        ("send", text) if !text.is_empty() => ("send", Action::Send(message()?)),
        ("request", text) if !text.is_empty() => ("request", Action::Request(message()?, Matching::Order)),
        ("receive", "") => ("receive", Action::Receive(1)),
        ("ping", "") => ("ping", Action::Ping),
        ("close", "") => ("close", Action::Close { code: 1000, reason: Template::constant("") }),
        _ => {
            let mistake = node.unexpected(SHORT);
            return Err(match did_you_mean(word, ACTIONS).filter(|meant| *meant != word) {
                Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                None => mistake,
            });
        }
    })
}

fn long(node: &Node, context: &Context<'_>) -> Result<(&'static str, Action), Diagnostic> {
    let mut actions = ACTIONS.iter().filter_map(|action| node.get(action).map(|value| (*action, value)));
    let Some((action, value)) = actions.next() else {
        return Err(Diagnostic::at(
            &node.place,
            "a WebSocket step that does nothing",
            format!("expected {SHORT}"),
        ));
    };
    if let Some((other, second)) = actions.next() {
        let message = format!("`{action}` and `{other}` in one step");
        return Err(Diagnostic::at(&second.place, message, "expected one of them: steps follow each other"));
    }
    let fits = |key: &str| match key {
        "timeout" => action != "send",
        "match" => action == "request",
        "count" => action == "receive",
        _ => key == action,
    };
    if let Some((stray, _)) = node.entries().find(|(key, value)| !value.is_null() && !fits(&key.name)) {
        let message = format!("`{}` beside `{action}`", stray.name);
        return Err(Diagnostic::at(&stray.place, message, "does not belong here").help(
            "`match` goes with `request`, `count` with `receive`, `timeout` with all that wait for the server",
        ));
    }
    let only_true = |value: &Node| match value.boolean()? {
        true => Ok(()),
        false => Err(value.unexpected("`true`")),
    };
    let template = |node: &Node| Template::compile(node.text()?, &node.place, context.variables);
    Ok(match action {
        "connect" => (
            action,
            Action::Connect(match value.boolean() {
                Ok(true) => None,
                Ok(false) => return Err(value.unexpected("`true` or a path")),
                Err(_) => Some(path(value.text()?, &value.place, context.variables)?),
            }),
        ),
        "send" => (action, Action::Send(message(value, context)?)),
        "request" => {
            let matching = node.get("match").map_or(Ok(Matching::Order), Matching::from_plan)?;
            (action, Action::Request(message(value, context)?, matching))
        }
        "receive" => {
            only_true(value)?;
            let count = node.get("count").map_or(Ok(1), |node| node.integer(1..=1_000_000))?;
            (action, Action::Receive(count as u32))
        }
        "ping" => {
            only_true(value)?;
            (action, Action::Ping)
        }
        _ => {
            if !value.is_map() {
                only_true(value)?;
            }
            let code = value.get("code").map_or(Ok(1000), |node| match node.integer(1000..=4999)? {
                code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(code),
                _ => Err(node.unexpected("1000 to 1003, 1007 to 1014, or 3000 to 4999")),
            })?;
            let reason = value.get("reason").map_or_else(|| Ok(Template::constant("")), template)?;
            if let (Some(found), true) =
                (value.get("reason"), reason.as_constant().is_some_and(|text| text.len() > 123))
            {
                return Err(found.unexpected("a reason of at most 123 bytes"));
            }
            ("close", Action::Close { code: code as u16, reason })
        }
    })
}

fn message(value: &Node, context: &Context<'_>) -> Result<Message, Diagnostic> {
    let (payload, by_default) = Payload::compile(value, context.variables, context.folder)?;
    let is_text = match value.get("type").map(Node::text).transpose()? {
        Some(told) => told == "text",
        None => by_default,
    };
    if let Some(found) = value.get("type").filter(|_| is_text && !payload.can_be_text()) {
        return Err(found.unexpected("`binary`, for these bytes are no UTF-8"));
    }
    let fragments = value.get("fragments").map_or(Ok(1), |node| node.integer(1..=10_000))? as u32;
    Ok(Message { payload, is_text, fragments })
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};

    use super::*;

    fn read(text: &str) -> Result<(Step, &'static str), String> {
        let node = document::parse(&Source::new("plan", text)).expect("yaml");
        let settings = Settings::from_plan(None).expect("defaults");
        let variables = Variables::default();
        let context = Context { settings: &settings, variables: &variables, folder: Path::new(".") };
        super::super::shape()
            .check(&node, &Vec::new())
            .and_then(|()| compile(&node, ReplyNeeds::default(), &context))
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn steps_read_as_written() {
        for (text, name) in [
            ("connect", "connect"),
            ("connect /room/7", "connect"),
            ("{connect: /room/7, timeout: 1s}", "connect"),
            ("send hello", "send"),
            ("{send: hello}", "send"),
            ("{send: {hex: 00 ff, fragments: 2}}", "send"),
            ("{send: {base64: AAE=}}", "send"),
            ("{send: {size: 10, type: text}}", "send"),
            ("{receive: true, count: 3, timeout: 1s}", "receive"),
            ("request hello", "request"),
            ("{request: {json: {id: 1}}, match: json $.id}", "request"),
            ("{request: {json: {id: 1}}, match: {sent: json $.id, received: json $.re}}", "request"),
            ("ping", "ping"),
            ("{close: {code: 4000, reason: bye}}", "close"),
        ] {
            assert_eq!(read(text).expect(text).1, name, "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        for (text, part) in [
            ("sent hello", "did you mean `send`"),
            ("send", "`send TEXT`"),
            ("{}", "does nothing"),
            ("{send: a, receive: true}", "steps follow each other"),
            ("{send: {text: a, json: 1}}", "`text` and `json`"),
            ("{send: {body: a}}", "by what it is"),
            ("{send: a, match: order}", "does not belong here"),
            ("{send: {hex: 0}}", "hexadecimal"),
            ("{send: {hex: ff, type: text}}", "no UTF-8"),
            ("{send: {random: 5, type: text}}", "no UTF-8"),
            ("{request: a, match: id}", "json PATH"),
            ("{ping: false}", "`true`"),
            ("{close: {code: 1005}}", "1000 to 1003"),
            ("{receive: true, filter: a}", "write `where`"),
            ("connect wss://other.test/echo", "a scenario may have a `target` of its own"),
            ("{connect: 'WS://other.test/echo'}", "expected a path on the target's server"),
            ("{connect: /echo, headers: {x-a: b}}", "`ws: {headers: …}`"),
            ("{send: '{{nothing}}'}", "nothing"),
        ] {
            let told = read(text).map(|(_, name)| name).expect_err(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }
}
