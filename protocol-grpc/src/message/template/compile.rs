//! A plan's node and a message type, walked together, so that every mistake is told where it stands.

use prony_core::document::{Key, Value};
use prony_core::template::JsonTemplate;
use prony_core::{Diagnostic, Node, Place, Template, Variables};
use prost::Message;
use prost::encoding::WireType;
use prost_reflect::{Kind, MessageDescriptor};

use super::any;
use super::field::{Field, Shape, advice};
use super::piece::{Hole, Json, Piece, Pieces, Zero, key, read_json};
use super::scalar::Scalar;
use crate::message::WellKnown;

pub(super) struct Compiler<'a> {
    pub(super) variables: &'a Variables,
}

impl Compiler<'_> {
    /// The fields of a message, without its key and length. `what` is what it is called in messages.
    pub(super) fn content(
        &self,
        node: &Node,
        message: &MessageDescriptor,
        what: &str,
        pieces: &mut Pieces,
    ) -> Result<(), Diagnostic> {
        match WellKnown::of(message) {
            Some(WellKnown::Timestamp | WellKnown::Duration) if !node.is_map() => {
                // Written without a key, they are their own content.
                match Scalar::of_message(message) {
                    Some(scalar) => self.scalar(node, &scalar, Vec::new(), Zero::Written, what, pieces),
                    None => Ok(()),
                }
            }
            Some(WellKnown::Wrapper) if !node.is_map() => match Field::find(message, "value") {
                Some(value) => self.one(node, &value, what, pieces),
                None => Ok(()),
            },
            Some(WellKnown::Struct | WellKnown::Value | WellKnown::ListValue) => {
                self.json(node, node, message, what, pieces)
            }
            Some(WellKnown::FieldMask) if !node.is_map() => self.json(node, node, message, what, pieces),
            Some(WellKnown::Any) if node.is_map() => any::compile(self, node, message, what, pieces),
            _ if self.is_raw_hole(node)? => self.json(node, node, message, what, pieces),
            _ if node.is_map() => self.fields(node.entries(), message, pieces),
            _ => Err(node
                .unexpected(&format!(
                    "a map of the fields of {}{}",
                    message.full_name(),
                    asked(what, message)
                ))
                .help(format!("{}, or `{{{{name | raw}}}}` with its JSON", advice(message, "")))),
        }
    }

    /// Entries of a map as fields of `message`.
    pub(super) fn fields<'n>(
        &self,
        entries: impl Iterator<Item = &'n (Key, Node)>,
        message: &MessageDescriptor,
        pieces: &mut Pieces,
    ) -> Result<(), Diagnostic> {
        let mut seen: Vec<(u32, &str)> = Vec::new();
        let mut chosen: Vec<(String, &str)> = Vec::new();
        let mut made: Vec<(u32, Pieces)> = Vec::new();
        for (name, node) in entries {
            let field = Field::find(message, &name.name).ok_or_else(|| {
                let found = format!("no field `{}` in {}", name.name, message.full_name());
                Diagnostic::at(&name.place, found, "expected one of its fields")
                    .help(advice(message, &name.name))
            })?;
            if let Some((_, other)) = seen.iter().find(|(number, _)| *number == field.number) {
                let found = format!("`{}` and `{other}` are one field of {}", name.name, message.full_name());
                return Err(Diagnostic::at(&name.place, found, "expected it once").help("keep one of them"));
            }
            seen.push((field.number, &name.name));
            if node.is_null() && !takes_null(&field.kind) {
                continue;
            }
            if let Some(oneof) = &field.oneof {
                if let Some((_, other)) = chosen.iter().find(|(known, _)| known == oneof.name()) {
                    let found = format!("`{other}` and `{}` exclude each other", name.name);
                    let label =
                        format!("expected one member of `{}` of {}", oneof.name(), message.full_name());
                    return Err(Diagnostic::at(&name.place, found, label).help("keep one of them"));
                }
                chosen.push((oneof.name().to_owned(), &name.name));
            }
            let mut own = Pieces::default();
            self.field(node, &field, message, &mut own)?;
            made.push((field.number, own));
        }
        // By number, as encoders write them: the bytes are then what any client would send.
        made.sort_by_key(|(number, _)| *number);
        made.into_iter().for_each(|(_, own)| pieces.append(own));
        Ok(())
    }

    fn field(
        &self,
        node: &Node,
        field: &Field,
        parent: &MessageDescriptor,
        pieces: &mut Pieces,
    ) -> Result<(), Diagnostic> {
        if field.shape == Shape::One {
            return self.one(node, field, &field.what, pieces);
        }
        if self.is_raw_hole(node)? {
            return self.json(node, &wrapped(&field.json_name, node), parent, &field.what, pieces);
        }
        let expected = |kind: &str| {
            node.unexpected(&format!("a {kind} for {}", field.what))
                .help(format!("write a {kind}, or `{{{{name | raw}}}}` with JSON"))
        };
        match (field.shape, &node.value) {
            (Shape::Map, Value::Map(entries)) => {
                entries.iter().try_for_each(|(name, value)| self.entry(name, value, field, pieces))
            }
            (Shape::Map, _) => Err(expected("map")),
            (Shape::Packed, Value::List(items)) => {
                let mut inside = Pieces::default();
                for item in items {
                    let scalar = Scalar::of(&field.kind).ok_or_else(|| item.unexpected("a number"))?;
                    self.scalar(item, &scalar, Vec::new(), Zero::Written, &field.what, &mut inside)?;
                }
                if !inside.is_empty() {
                    pieces.push_delimited(field.number, inside);
                }
                Ok(())
            }
            (_, Value::List(items)) => {
                let item = Field { shape: Shape::One, zero: Zero::Written, ..field.clone() };
                items.iter().try_for_each(|node| self.one(node, &item, &field.what, pieces))
            }
            _ => Err(expected("list")),
        }
    }

    /// One value of a field.
    fn one(&self, node: &Node, field: &Field, what: &str, pieces: &mut Pieces) -> Result<(), Diagnostic> {
        let Kind::Message(message) = &field.kind else {
            let scalar = Scalar::of(&field.kind).ok_or_else(|| node.unexpected("a scalar"))?;
            let key = key(field.number, scalar.wire_type());
            return self.scalar(node, &scalar, key, field.zero, what, pieces);
        };
        if let (Some(scalar), Value::Scalar { .. }) = (Scalar::of_message(message), &node.value) {
            let key = key(field.number, WireType::LengthDelimited);
            return self.scalar(node, &scalar, key, Zero::Written, what, pieces);
        }
        let mut inside = Pieces::default();
        self.content(node, message, what, &mut inside)?;
        if field.group {
            pieces.push_group(field.number, inside);
        } else {
            pieces.push_delimited(field.number, inside);
        }
        Ok(())
    }

    /// One entry of a map, which is a message of a key and a value.
    fn entry(&self, name: &Key, value: &Node, field: &Field, pieces: &mut Pieces) -> Result<(), Diagnostic> {
        let sides = field.kind.as_message().and_then(|entry| {
            Some((
                Field::find(entry, entry.get_field(1)?.name())?,
                Field::find(entry, entry.get_field(2)?.name())?,
            ))
        });
        let Some((left, right)) = sides else {
            return Err(value.unexpected("no value: the schema's map is broken"));
        };
        let mut inside = Pieces::default();
        let text = Node {
            value: Value::Scalar { text: name.name.clone(), quoted: true },
            place: name.place.clone(),
        };
        let key_of = format!("a key of {}", field.what);
        self.one(&text, &Field { zero: Zero::Written, ..left }, &key_of, &mut inside)?;
        self.one(value, &Field { zero: Zero::Written, ..right }, &field.what, &mut inside)?;
        pieces.push_delimited(field.number, inside);
        Ok(())
    }

    fn scalar(
        &self,
        node: &Node,
        scalar: &Scalar,
        key: Vec<u8>,
        zero: Zero,
        what: &str,
        pieces: &mut Pieces,
    ) -> Result<(), Diagnostic> {
        let unfit = || node.unexpected(&format!("{} for {what}", scalar.expected()));
        let (text, quoted) = match &node.value {
            Value::Scalar { text, quoted } => (text.as_str(), *quoted),
            // The one enum whose value is JSON's null.
            Value::Null if matches!(scalar, Scalar::Enum(found) if is_null_value(found.full_name())) => {
                ("0", false)
            }
            _ => return Err(unfit()),
        };
        let template = self.template(text, &node.place)?;
        let constant = match &template {
            Some(template) => match template.as_constant() {
                Some(text) => text,
                None => {
                    let hole = Hole {
                        key,
                        scalar: scalar.clone(),
                        template: template.clone(),
                        zero,
                        what: what.to_owned(),
                    };
                    pieces.push(Piece::Hole(Box::new(hole)));
                    return Ok(());
                }
            },
            None => text,
        };
        let plain =
            if !quoted && scalar.is_whole() { constant.replace('_', "") } else { constant.to_owned() };
        let mut bytes = Vec::new();
        scalar.write(&plain, &key, zero, &mut bytes).map_err(|_| match scalar.meant(constant) {
            Some(meant) => unfit().help(meant),
            None => unfit(),
        })?;
        pieces.push_bytes(&bytes);
        Ok(())
    }

    /// A value that is read as JSON of `message`: now, or when its holes are filled.
    fn json(
        &self,
        node: &Node,
        json: &Node,
        message: &MessageDescriptor,
        what: &str,
        pieces: &mut Pieces,
    ) -> Result<(), Diagnostic> {
        let template = JsonTemplate::compile(json, self.variables)?;
        let Some(text) = template.as_constant() else {
            let fits = match WellKnown::of(message) {
                Some(WellKnown::Struct) => json.is_map(),
                Some(WellKnown::ListValue) => matches!(json.value, Value::List(_)),
                _ => true,
            };
            if !fits && !self.is_raw_hole(json)? {
                let expected =
                    format!("{} for {what}, or `{{{{name | raw}}}}` with its JSON", message.name());
                return Err(node.unexpected(&expected));
            }
            let json = Json { template, descriptor: message.clone(), what: what.to_owned() };
            pieces.push(Piece::Json(Box::new(json)));
            return Ok(());
        };
        let read = read_json(text, message).map_err(|error| {
            // The library's own place is one in a text that nobody wrote.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            node.unexpected(&format!("JSON of {} for {what}: {reason}", message.full_name()))
        })?;
        pieces.push_bytes(&read.encode_to_vec());
        Ok(())
    }

    /// The template that a text is, if it has holes or escapes in it.
    fn template(&self, text: &str, place: &Place) -> Result<Option<Template>, Diagnostic> {
        if text.contains("{{") { Template::compile(text, place, self.variables).map(Some) } else { Ok(None) }
    }

    fn is_raw_hole(&self, node: &Node) -> Result<bool, Diagnostic> {
        match &node.value {
            Value::Scalar { text, .. } => {
                Ok(self.template(text, &node.place)?.is_some_and(|template| template.is_raw_hole()))
            }
            _ => Ok(false),
        }
    }
}

/// Whether null is a value of this kind, and not the lack of one.
fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => WellKnown::of(message) == Some(WellKnown::Value),
        Kind::Enum(descriptor) => is_null_value(descriptor.full_name()),
        _ => false,
    }
}

fn is_null_value(name: &str) -> bool {
    name == "google.protobuf.NullValue"
}

/// A map with `node` as its one value.
fn wrapped(name: &str, node: &Node) -> Node {
    let name = Key { name: name.to_owned(), place: node.place.clone() };
    Node { value: Value::Map(vec![(name, node.clone())]), place: node.place.clone() }
}

/// Which field wants the message, unless it is the message itself.
fn asked(what: &str, message: &MessageDescriptor) -> String {
    if what == message.full_name() { String::new() } else { format!(" for {what}") }
}
