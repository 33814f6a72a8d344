//! The fields of a message type, as the keys of a plan name them.

use prony_core::diagnostic::did_you_mean;
use prost_reflect::{Kind, MessageDescriptor, OneofDescriptor};

use super::piece::Zero;

/// The most names that a message lists.
const SHOWN: usize = 16;

/// A field or an extension.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) zero: Zero,
    /// The name in JSON, by which the library below finds it.
    pub(super) json_name: String,
    /// The field, for messages: «`quantity` of shop.v1.Item».
    pub(super) what: String,
    pub(super) oneof: Option<OneofDescriptor>,
    pub(super) group: bool,
}

/// How many values it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    /// A list in one stretch of bytes.
    Packed,
    Map,
}

impl Field {
    /// The field that `name` names: in its original or its JSON spelling, or an extension as `[package.name]`.
    pub(super) fn find(message: &MessageDescriptor, name: &str) -> Option<Self> {
        let what = |name: &str| format!("`{name}` of {}", message.full_name());
        let zero = |presence: bool| if presence { Zero::Written } else { Zero::LeftOut };
        if let Some(field) = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
        {
            return Some(Self {
                number: field.number(),
                kind: field.kind(),
                shape: shape(field.is_map(), field.is_list(), field.is_packed()),
                zero: zero(field.supports_presence()),
                json_name: field.json_name().to_owned(),
                what: what(field.name()),
                oneof: field.containing_oneof().filter(|oneof| !oneof.is_synthetic()),
                group: field.is_group(),
            });
        }
        let field = message.get_extension_by_json_name(name)?;
        Some(Self {
            number: field.number(),
            kind: field.kind(),
            shape: shape(field.is_map(), field.is_list(), field.is_packed()),
            zero: zero(field.supports_presence()),
            json_name: field.json_name().to_owned(),
            what: what(name),
            oneof: None,
            group: field.is_group(),
        })
    }
}

const fn shape(map: bool, list: bool, packed: bool) -> Shape {
    match (map, list, packed) {
        (true, ..) => Shape::Map,
        (_, true, true) => Shape::Packed,
        (_, true, false) => Shape::List,
        _ => Shape::One,
    }
}

/// What was likely meant by a name that is no field.
pub(super) fn advice(message: &MessageDescriptor, name: &str) -> String {
    let names: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
    let json_names: Vec<String> = message.fields().map(|field| field.json_name().to_owned()).collect();
    let known = names.iter().chain(&json_names).map(String::as_str);
    match did_you_mean(name, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None if names.is_empty() => format!("{} has no fields", message.full_name()),
        None if names.len() > SHOWN => {
            format!("its fields: {} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN)
        }
        None => format!("its fields: {}", names.join(", ")),
    }
}
