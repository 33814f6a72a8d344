//! What a template is made of, and how it becomes bytes.

use prony_core::Scope;
use prony_core::Template;
use prony_core::template::{Escape, JsonTemplate};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::RenderError;
use super::scalar::Scalar;

/// The longest value that a message repeats, in characters.
const LONGEST_SHOWN: usize = 60;

/// A part of a message.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// As they are.
    Bytes(Vec<u8>),
    /// One scalar whose value is not known yet.
    Hole(Box<Hole>),
    /// A message, a map's entry or a packed list with holes in it: its length comes first.
    Delimited { key: Vec<u8>, inside: Box<[Piece]> },
    /// A message that is JSON itself.
    Json(Box<Json>),
}

/// A scalar to be filled in.
#[derive(Clone, Debug)]
pub(super) struct Hole {
    /// The field's key on the wire; empty in packed lists.
    pub(super) key: Vec<u8>,
    pub(super) scalar: Scalar,
    pub(super) template: Template,
    pub(super) zero: Zero,
    /// The field, for messages.
    pub(super) what: String,
}

/// Whether the default value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// It is.
    Written,
    /// It is the same as nothing, so nothing is written, as all encoders do.
    LeftOut,
}

/// A message's JSON with holes.
#[derive(Clone)]
pub(super) struct Json {
    pub(super) template: JsonTemplate,
    pub(super) descriptor: MessageDescriptor,
    pub(super) what: String,
}

impl std::fmt::Debug for Json {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Json of {} ({:?})", self.descriptor.full_name(), self.template)
    }
}

/// Pieces in a row. Constants that meet grow together.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    pub(super) fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Bytes(bytes) => self.push_bytes(&bytes),
            other => self.0.push(other),
        }
    }

    pub(super) fn append(&mut self, others: Self) {
        others.0.into_iter().for_each(|piece| self.push(piece));
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Piece::Bytes(bytes.to_vec())),
        }
    }

    /// Adds `inside` behind its key and length.
    pub(super) fn push_delimited(&mut self, number: u32, inside: Self) {
        let key = key(number, WireType::LengthDelimited);
        match inside.into_constant() {
            Ok(constant) => {
                self.push_bytes(&key);
                let mut length = Vec::new();
                encode_varint(constant.len() as u64, &mut length);
                self.push_bytes(&length);
                self.push_bytes(&constant);
            }
            Err(inside) => self.0.push(Piece::Delimited { key, inside: inside.into_inner() }),
        }
    }

    /// Adds `inside` between the two marks of a group.
    pub(super) fn push_group(&mut self, number: u32, inside: Self) {
        self.push_bytes(&key(number, WireType::StartGroup));
        self.append(inside);
        self.push_bytes(&key(number, WireType::EndGroup));
    }

    /// The bytes, when there are no holes.
    pub(super) fn into_constant(mut self) -> Result<Vec<u8>, Self> {
        match self.0.as_mut_slice() {
            [] => Ok(Vec::new()),
            [Piece::Bytes(bytes)] => Ok(std::mem::take(bytes)),
            _ => Err(self),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_inner(self) -> Box<[Piece]> {
        self.0.into()
    }
}

/// A field's key on the wire.
pub(super) fn key(number: u32, wire_type: WireType) -> Vec<u8> {
    let mut key = Vec::with_capacity(2);
    encode_key(number, wire_type, &mut key);
    key
}

/// Renders onto the end of `out`; `text` is a buffer for values.
pub(super) fn render(
    pieces: &[Piece],
    scope: &mut Scope<'_>,
    text: &mut String,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::Hole(hole) => {
                text.clear();
                hole.template.render(scope, Escape::None, text)?;
                hole.scalar
                    .write(text, &hole.key, hole.zero, out)
                    .map_err(|_| wrong(&hole.what, text, &hole.scalar.expected()))?;
            }
            Piece::Delimited { key, inside } => {
                out.extend_from_slice(key);
                let start = out.len();
                out.push(0);
                render(inside, scope, text, out)?;
                write_length(start, out);
            }
            Piece::Json(json) => {
                text.clear();
                json.template.render(scope, text)?;
                let message = read_json(text, &json.descriptor)
                    .map_err(|error| wrong(&json.what, text, &format!("its JSON: {error}")))?;
                out.extend_from_slice(&message.encode_to_vec());
            }
        }
    }
    Ok(())
}

/// Puts the length of all after `start` in the one byte that was left for it; what is longer than that moves.
fn write_length(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start - 1;
    if let (true, Ok(short), Some(place)) = (length < 0x80, u8::try_from(length), out.get_mut(start)) {
        *place = short;
        return;
    }
    let mut bytes = [0; 10];
    let mut free = bytes.as_mut_slice();
    encode_varint(length as u64, &mut free);
    let used = 10 - free.len();
    out.splice(start..=start, bytes[..used].iter().copied());
}

/// Reads a message from JSON, all of the text.
pub(super) fn read_json(
    text: &str,
    descriptor: &MessageDescriptor,
) -> Result<DynamicMessage, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor.clone(), &mut reader)?;
    reader.end()?;
    Ok(message)
}

fn wrong(what: &str, found: &str, expected: &str) -> RenderError {
    let shown: String = found.chars().take(LONGEST_SHOWN).collect();
    let more = if shown.len() < found.len() { "…" } else { "" };
    RenderError::Wrong(format!("{what}: found `{shown}{more}`, expected {expected}"))
}
