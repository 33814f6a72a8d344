//! One field read out of a message's bytes without decoding the rest: the key by which a stream's answers find their
//! requests.

use prony_core::diagnostic::did_you_mean;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::WellKnown;

/// Where a key stands in messages of one type.
#[derive(Clone, Debug)]
pub struct KeyPath {
    /// The numbers of the messages on the way.
    way: Box<[u32]>,
    number: u32,
    form: Form,
    /// Whether a message without the field has the key zero, or an empty one.
    implicit: bool,
}

/// A key. Numbers of all widths are alike, so a request's `int32` fits an answer's `uint64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    /// A whole number, a truth value, or the number of an enum's value.
    Number(i128),
    /// A text or bytes.
    Bytes(&'a [u8]),
}

/// How the field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Bool,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bytes,
}

impl Form {
    const fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Int32 | Kind::Enum(_) => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Bool => Self::Bool,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::String | Kind::Bytes => Self::Bytes,
            Kind::Float | Kind::Double | Kind::Message(_) => return None,
        })
    }

    const fn wire_type(self) -> WireType {
        match self {
            Self::Fixed32 | Self::Sfixed32 => WireType::ThirtyTwoBit,
            Self::Fixed64 | Self::Sfixed64 => WireType::SixtyFourBit,
            Self::Bytes => WireType::LengthDelimited,
            _ => WireType::Varint,
        }
    }

    /// What is read when nothing is written.
    const fn zero(self) -> Key<'static> {
        match self {
            Self::Bytes => Key::Bytes(b""),
            _ => Key::Number(0),
        }
    }

    fn read<'a>(self, bytes: &mut &'a [u8]) -> Option<Key<'a>> {
        let number = match self {
            Self::Bytes => return Some(Key::Bytes(delimited(bytes)?)),
            Self::Fixed32 => u32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?).into(),
            Self::Sfixed32 => i32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?).into(),
            Self::Fixed64 => u64::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?).into(),
            Self::Sfixed64 => i64::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?).into(),
            _ => {
                let raw = decode_varint(bytes).ok()?;
                match self {
                    Self::Int32 => i128::from(raw as i32),
                    Self::Int64 => i128::from(raw as i64),
                    Self::Uint32 => i128::from(raw as u32),
                    Self::Sint32 => i128::from((raw as u32 >> 1) as i32 ^ -((raw & 1) as i32)),
                    Self::Sint64 => i128::from((raw >> 1) as i64 ^ -((raw & 1) as i64)),
                    Self::Bool => i128::from(raw != 0),
                    _ => i128::from(raw),
                }
            }
        };
        Some(Key::Number(number))
    }
}

impl KeyPath {
    /// Compiles `order.id`: names of fields, in their original or their JSON spelling, the last one a scalar. A wrapper
    /// type at the end is read through.
    ///
    /// # Errors
    /// When there is no such field, or it is no key.
    pub fn compile(path: &str, descriptor: &MessageDescriptor) -> Result<Self, String> {
        let mut way = Vec::new();
        let mut message = descriptor.clone();
        let mut names = path.split('.').map(str::trim).peekable();
        while let Some(name) = names.next() {
            let field = find(&message, name)?;
            let told = || format!("`{name}` of {}", message.full_name());
            if field.is_list() || field.is_map() {
                return Err(format!(
                    "{} is a {}: expected a single value",
                    told(),
                    if field.is_map() { "map" } else { "list" }
                ));
            }
            if let Kind::Message(inner) = field.kind() {
                if field.is_group() {
                    return Err(format!("{} is a group: expected a message or a scalar", told()));
                }
                way.push(field.number());
                if names.peek().is_some() {
                    message = inner;
                    continue;
                }
                return match (WellKnown::of(&inner), inner.get_field(1)) {
                    (Some(WellKnown::Wrapper), Some(value)) => {
                        Self::ending(way, &value).ok_or_else(|| no_key(&told(), &value))
                    }
                    _ => Err(format!(
                        "{} is a message ({}): expected a field of it, such as `{path}.id`",
                        told(),
                        inner.full_name()
                    )),
                };
            }
            if let Some(next) = names.peek() {
                return Err(format!("{} is a scalar: it has no field `{next}`", told()));
            }
            return Self::ending(way, &field).ok_or_else(|| no_key(&told(), &field));
        }
        Err(format!("found no field in `{path}`: expected names with dots between them"))
    }

    fn ending(way: Vec<u32>, field: &FieldDescriptor) -> Option<Self> {
        Some(Self {
            way: way.into(),
            number: field.number(),
            form: Form::of(&field.kind())?,
            implicit: !field.supports_presence(),
        })
    }

    /// The key in a message's bytes. A field that does not know absence is zero or empty where it is not written, if
    /// the messages around it are there. `None` when there is no key, or the bytes are no message.
    #[must_use]
    pub fn read<'a>(&self, bytes: &'a [u8]) -> Option<Key<'a>> {
        self.within(&self.way, bytes).ok()?
    }

    /// Of what is written twice the last one counts, and a message written twice is both together, as protobuf says.
    fn within<'a>(&self, way: &[u32], mut bytes: &'a [u8]) -> Result<Option<Key<'a>>, NoMessage> {
        let (wanted, wire_type) = match way.first() {
            Some(number) => (*number, WireType::LengthDelimited),
            None => (self.number, self.form.wire_type()),
        };
        let mut found = if way.is_empty() && self.implicit { Some(self.form.zero()) } else { None };
        while !bytes.is_empty() {
            let (number, written) = decode_key(&mut bytes).map_err(|_| NoMessage)?;
            if number != wanted || written != wire_type {
                skip_field(written, number, &mut bytes, DecodeContext::default()).map_err(|_| NoMessage)?;
                continue;
            }
            found = match way.split_first() {
                Some((_, rest)) => match self.within(rest, delimited(&mut bytes).ok_or(NoMessage)?)? {
                    Some(key) if Some(key) == self.absent() && found.is_some() => found,
                    Some(key) => Some(key),
                    None => found,
                },
                None => Some(self.form.read(&mut bytes).ok_or(NoMessage)?),
            };
        }
        Ok(found)
    }

    /// What an inner message without the field reads as.
    const fn absent(&self) -> Option<Key<'static>> {
        if self.implicit { Some(self.form.zero()) } else { None }
    }
}

/// Bytes that are no message.
struct NoMessage;

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Bytes(bytes) => formatter.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

fn delimited<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
    bytes.split_off(..length)
}

fn find(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, String> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name)).ok_or_else(|| {
        let fields: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
        let advice = match did_you_mean(name, fields.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`?"),
            None if fields.is_empty() => "it has none".to_owned(),
            None => format!("its fields: {}", fields.join(", ")),
        };
        format!("no field `{name}` in {}; {advice}", message.full_name())
    })
}

fn no_key(told: &str, field: &FieldDescriptor) -> String {
    format!("{told} is a {:?}: expected a text, bytes, a whole number, an enum or a bool", field.kind())
}

#[cfg(test)]
mod tests;
