//! Steps on a stream that stays open: opening it, sending on it, taking what came, its end.

use std::sync::Arc;
use std::time::Duration;

use prony_core::diagnostic::did_you_mean;
use prony_core::shape::quoted_list;
use prony_core::{Diagnostic, Node, ReplyNeeds, StepId, Variables};
use prost_reflect::MessageDescriptor;

use super::compile::{Context, Keep, head, no_method};
use super::{Content, Head, Keys, content};
use crate::schema::{Method, MethodKind};
use crate::stream::Measures;
use crate::wire::Compression;

/// A compiled step on a stream.
#[derive(Debug)]
pub(crate) struct StreamStep {
    /// The number of the stream among its scenario's.
    pub(crate) slot: usize,
    /// The stream's name.
    pub(crate) stream: Box<str>,
    pub(crate) act: Act,
    /// The longest that the step may take.
    pub(crate) timeout: Duration,
    pub(crate) keep: Keep,
    pub(crate) judges_status: bool,
    pub(crate) output: MessageDescriptor,
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) compression: Compression,
}

/// What a step does with its stream.
#[derive(Debug)]
pub(crate) enum Act {
    Open(Box<OpenStep>),
    Send(Content),
    /// Waits for so many messages.
    Receive(u64),
    /// Says that nothing more is sent, and waits for the status.
    Close,
    Cancel,
}

/// A stream's beginning.
#[derive(Debug)]
pub(crate) struct OpenStep {
    pub(crate) head: Head,
    pub(crate) kind: MethodKind,
    /// A message that is sent at once.
    pub(crate) first: Option<Content>,
    /// How long it may last.
    pub(crate) lasts: Option<Duration>,
    /// A step looks at the status that it ends with: then one that is not OK is no failure by itself.
    pub(crate) judged: bool,
    /// What is entered in the catalog.
    pub(crate) id: StepId,
    pub(crate) name: Box<str>,
    pub(crate) measures: Measures,
}

/// The streams of a scenario, in the order in which its steps open them.
#[derive(Default)]
pub(crate) struct Streams(Vec<Known>);

struct Known {
    name: String,
    method: Method,
    keys: Option<Arc<Keys>>,
    judged: bool,
}

/// The words of which one stands in a step on a stream, with what may stand beside it.
const ACTS: [(&str, &[&str]); 5] = [
    ("open", &["as", "data", "raw", "metadata", "timeout", "key"]),
    ("send", &["data", "raw", "timeout"]),
    ("receive", &["count", "timeout"]),
    ("close", &["timeout"]),
    ("cancel", &["timeout"]),
];

/// The most messages that one step waits for: as many are kept.
const MOST_TAKEN: u64 = 1_000;

/// What a step does with a stream, and the word's value; `None` when it is a call.
///
/// # Errors
/// When it does several things, or what it says does not belong together.
pub(crate) fn act(node: &Node) -> Result<Option<(&'static str, &Node)>, Diagnostic> {
    if !node.is_map() || node.get("call").is_some() || node.get("health").is_some() {
        let stray = ["open", "send", "close", "as"];
        return match node.entries().find(|(key, _)| stray.contains(&key.name.as_str())) {
            Some((key, _)) => Err(Diagnostic::at(
                &key.place,
                format!("`{}` in a step that calls", key.name),
                "expected one of `call`, `health`, `open`, `send`, `receive`, `close`, `cancel` in a step",
            )),
            None => Ok(None),
        };
    }
    let mut found = ACTS.iter().filter_map(|(word, fitting)| Some((*word, *fitting, node.get(word)?)));
    let Some((word, fitting, value)) = found.next() else { return Ok(None) };
    for (key, _) in node.entries().filter(|(_, value)| !value.is_null()) {
        let name = key.name.as_str();
        if name != word && !fitting.contains(&name) {
            let expected = format!("what fits there: {}", fitting.join(", "));
            return Err(Diagnostic::at(&key.place, format!("`{name}` beside `{word}`"), expected));
        }
    }
    if value.is_map() {
        return Err(value.unexpected("`call` beside it, or the name of an open stream"));
    }
    Ok(Some((word, value)))
}

impl Streams {
    /// What results call the step when its plan gives it no name.
    pub(crate) fn name(&self, word: &str, value: &Node) -> Result<String, Diagnostic> {
        match word {
            "open" => Ok(value.text()?.trim().trim_start_matches('/').to_owned()),
            _ => match self.find(value) {
                Ok(slot) => Ok(format!("{word} {}", self.0[slot].name)),
                Err(_) => Ok(format!("{word} {}", value.text()?)),
            },
        }
    }

    /// Whether a step looks at the status that the stream of that number ends with.
    pub(crate) fn is_judged(&self, slot: usize) -> bool {
        self.0.get(slot).is_some_and(|known| known.judged)
    }

    /// The number of the stream that `value` means: by its name, or the only one (`true`).
    fn find(&self, value: &Node) -> Result<usize, Diagnostic> {
        let names = || self.0.iter().map(|known| known.name.as_str());
        let all = || quoted_list(&names().collect::<Vec<_>>());
        let none = |found: &str| {
            Diagnostic::at(&value.place, found, "expected a stream that a step before this one opens")
                .help("write a step `grpc: {open: pkg.Service/Method, as: NAME}` before it")
        };
        if self.0.is_empty() {
            return Err(none("no stream is open here"));
        }
        if let Ok(number) = value.integer(0..=u64::MAX) {
            let found = format!("`{number}` in place of a stream");
            return Err(Diagnostic::at(&value.place, found, "expected `true`, or the stream's name")
                .help("how many messages `receive` waits for stands in `count`"));
        }
        match value.boolean() {
            Ok(true) if self.0.len() == 1 => Ok(0),
            Ok(true) => Err(Diagnostic::at(
                &value.place,
                format!("there are {} streams here", self.0.len()),
                format!("expected the name of one of them: {}", all()),
            )),
            Ok(false) => Err(value.unexpected("`true`, or the stream's name")),
            Err(_) => {
                let wanted = value.text()?.trim().trim_start_matches('/');
                self.0.iter().position(|known| known.name == wanted).ok_or_else(|| {
                    let mistake = none(&format!("no stream `{}` is open here", wanted.escape_debug()));
                    match did_you_mean(wanted, names()) {
                        Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                        None => mistake.help(format!("those that are open: {}", all())),
                    }
                })
            }
        }
    }

    /// The number of a stream that a step opens; one of that name that is known is of the same method.
    fn open(&mut self, name: &Node, method: &Method, keys: Option<Arc<Keys>>) -> Result<usize, Diagnostic> {
        let text = name.text()?.trim().trim_start_matches('/').to_owned();
        if text.is_empty() {
            return Err(name.unexpected("a name"));
        }
        let known = self.0.iter().position(|known| known.name == text);
        let Some(slot) = known else {
            self.0.push(Known { name: text, method: method.clone(), keys, judged: false });
            return Ok(self.0.len() - 1);
        };
        if self.0[slot].method.path != method.path {
            let found = format!(
                "a stream `{text}` of `{}`, where there is one of `{}`",
                method.name(),
                self.0[slot].method.name()
            );
            return Err(Diagnostic::at(&name.place, found, "expected another name")
                .help("streams that are open at the same time have names of their own: `as: NAME`"));
        }
        self.0[slot].keys = keys;
        Ok(slot)
    }
}

/// Compiles a step on a stream.
///
/// # Errors
/// When it makes no sense, at its place.
pub(crate) fn compile(
    node: &Node,
    (word, value): (&str, &Node),
    needs: ReplyNeeds,
    variables: &Variables,
    context: &Context<'_>,
    streams: &mut Streams,
) -> Result<StreamStep, Diagnostic> {
    let limit = node.get("timeout").map(Node::duration_above_zero).transpose()?;
    let compression = context.settings.compression;
    let opened = match word {
        "open" => {
            if needs.waits {
                return Err(Diagnostic::at(
                    &value.place,
                    "`open` with something that looks at an answer",
                    "expected `check`, `capture` and `validate` beside `receive` or `close`",
                ));
            }
            let method =
                context.schema.method(value.text()?.trim()).map_err(|told| no_method(value, &told))?;
            let keys = keys(node, &method)?;
            let slot = streams.open(node.get("as").unwrap_or(value), &method, keys)?;
            Some(slot)
        }
        _ => None,
    };
    let slot = opened.map_or_else(|| streams.find(value), Ok)?;
    let known = &mut streams.0[slot];
    known.judged |= needs.judges_status;
    let (keys, method) = (known.keys.clone(), &known.method);
    let messages = || {
        let messages =
            content::compile(node, &method.input, keys.as_deref(), compression, variables, context.folder)?;
        Ok(messages.into_iter().next())
    };
    let says = ["data", "raw"].into_iter().any(|key| node.get(key).is_some());
    let act = match word {
        "open" => {
            let general = context.settings_node.and_then(|settings| settings.get("metadata"));
            let metadata = [general, node.get("metadata")];
            Act::Open(Box::new(OpenStep {
                head: head((&method.path, &value.place), context, compression, metadata, limit, variables)?,
                kind: method.kind,
                first: if says || !method.kind.sends_many() { messages()? } else { None },
                lasts: limit,
                judged: false,
                id: StepId(0),
                name: Box::default(),
                measures: Measures::default(),
            }))
        }
        "send" => {
            if !method.kind.sends_many() {
                let found = format!("`send` on `{}`, which takes one message", method.name());
                return Err(Diagnostic::at(&value.place, found, "its message stands beside `open`"));
            }
            match messages()? {
                Some(message) => Act::Send(message),
                None => return Err(node.unexpected("a message")),
            }
        }
        "receive" => {
            if !method.kind.receives_many() {
                let found = format!("`receive` on `{}`, which answers with one message", method.name());
                return Err(Diagnostic::at(&value.place, found, "`close` waits for it, and looks at it"));
            }
            Act::Receive(node.get("count").map_or(Ok(1), |node| node.integer(1..=MOST_TAKEN))?)
        }
        "close" => Act::Close,
        _ => Act::Cancel,
    };
    let settings = context.settings.timeout;
    Ok(StreamStep {
        slot,
        stream: known.name.as_str().into(),
        // An open stream's own limit is not that of its beginning.
        timeout: if matches!(act, Act::Open(_)) { settings } else { limit.unwrap_or(settings) },
        act,
        keep: Keep { fields: needs.fields, body: needs.body },
        judges_status: needs.judges_status,
        output: method.output.clone(),
        keys,
        compression,
    })
}

fn keys(node: &Node, method: &Method) -> Result<Option<Arc<Keys>>, Diagnostic> {
    let Some(key) = node.get("key") else { return Ok(None) };
    if method.kind != MethodKind::Bidirectional {
        let found = format!("`key` for `{}`, on which messages go one way", method.name());
        return Err(Diagnostic::at(&key.place, found, "a bidirectional stream has it"));
    }
    Ok(Some(Arc::new(Keys::compile(key, &method.input, &method.output)?)))
}
