//! What a call's messages are: encoded once, or made from templates each time.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prony_core::{Diagnostic, Node, Variables};
use prost_reflect::MessageDescriptor;

use super::CONTENTS;
use crate::message::{Key, KeyPath, MessageTemplate};
use crate::wire::{Compression, frame};

/// One message to send.
#[derive(Debug)]
pub(crate) enum Content {
    /// Always the same: its frame, and the key in it.
    Constant(Bytes, Option<OwnedKey>),
    Template(Box<MessageTemplate>),
}

/// A key that outlives its message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OwnedKey {
    Number(i128),
    Bytes(Box<[u8]>),
}

impl From<Key<'_>> for OwnedKey {
    fn from(key: Key<'_>) -> Self {
        match key {
            Key::Number(number) => Self::Number(number),
            Key::Bytes(bytes) => Self::Bytes(bytes.into()),
        }
    }
}

/// The fields by which an answer finds its request.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) request: KeyPath,
    pub(crate) answer: KeyPath,
}

impl Keys {
    pub(super) fn compile(
        node: &Node,
        input: &MessageDescriptor,
        output: &MessageDescriptor,
    ) -> Result<Self, Diagnostic> {
        let path = |node: &Node, descriptor: &MessageDescriptor| -> Result<KeyPath, Diagnostic> {
            KeyPath::compile(node.text()?, descriptor)
                .map_err(|told| Diagnostic::at(&node.place, told, "expected the path of a field"))
        };
        let (request, answer) = match (node.get("request"), node.get("answer")) {
            (Some(request), Some(answer)) => (request, answer),
            _ => (node, node),
        };
        Ok(Self { request: path(request, input)?, answer: path(answer, output)? })
    }

    /// The key of a message that is sent.
    pub(crate) fn of_request(&self, message: &[u8]) -> Option<OwnedKey> {
        self.request.read(message).map(OwnedKey::from)
    }

    /// The key of a message that came.
    pub(crate) fn of_answer(&self, message: &[u8]) -> Option<OwnedKey> {
        self.answer.read(message).map(OwnedKey::from)
    }
}

/// The messages among a step's keys; one that is empty when there is none.
pub(super) fn compile(
    node: &Node,
    input: &MessageDescriptor,
    keys: Option<&Keys>,
    compression: Compression,
    variables: &Variables,
    folder: &Path,
) -> Result<Vec<Content>, Diagnostic> {
    let constant = |message: &[u8]| -> Content {
        let key = keys.and_then(|keys| keys.of_request(message));
        Content::Constant(framed(message, compression), key)
    };
    let one = |node: &Node| -> Result<Content, Diagnostic> {
        let template = MessageTemplate::compile(node, input, variables)?;
        Ok(match template.as_constant() {
            Some(message) => constant(message),
            None => Content::Template(Box::new(template)),
        })
    };
    let mut given = CONTENTS.iter().filter_map(|key| node.get(key).map(|value| (*key, value)));
    let Some((key, value)) = given.next() else { return Ok(vec![constant(&[])]) };
    if let Some((other, second)) = given.next() {
        let message = format!("`{key}` and `{other}` in one step");
        return Err(Diagnostic::at(&second.place, message, "expected one of them"));
    }
    match key {
        "data" => Ok(vec![one(value)?]),
        "messages" if value.items().is_empty() => Err(value.unexpected("a list with at least one message")),
        "messages" => value.items().iter().map(one).collect(),
        _ => Ok(vec![constant(&raw(value, folder)?)]),
    }
}

/// A message in its frame.
pub(crate) fn framed(message: &[u8], compression: Compression) -> Bytes {
    let mut out = Vec::with_capacity(frame::HEAD + message.len());
    // Copying into memory cannot fail.
    let _ = frame::put::<std::convert::Infallible>(&mut out, compression, |out| {
        out.extend_from_slice(message);
        Ok(())
    });
    out.into()
}

fn raw(node: &Node, folder: &Path) -> Result<Vec<u8>, Diagnostic> {
    let given: Vec<_> = node.entries().filter(|(_, value)| !value.is_null()).collect();
    let [(key, value)] = given.as_slice() else {
        return Err(Diagnostic::at(
            &node.place,
            format!("`raw` with {} sources", given.len()),
            "expected one of `file`, `base64` and `hex`",
        ));
    };
    let text = value.text()?;
    match key.name.as_str() {
        "file" => {
            let path = folder.join(text);
            std::fs::read(&path).map_err(|error| {
                let found = format!("message file {}: {error}", path.display());
                Diagnostic::at(&value.place, found, "expected a readable file")
                    .help("relative paths start from the plan's folder")
            })
        }
        "base64" => {
            let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
            STANDARD.decode(compact).map_err(|error| value.unexpected("base64").help(error.to_string()))
        }
        _ => {
            let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let pairs = digits.chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                if pair.starts_with('+') { None } else { u8::from_str_radix(pair, 16).ok() }
            });
            pairs.collect::<Option<Vec<u8>>>().ok_or_else(|| value.unexpected("pairs of hexadecimal digits"))
        }
    }
}
