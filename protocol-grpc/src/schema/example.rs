//! A JSON skeleton of a message, to be filled in.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::message::WellKnown;

/// The most values of a skeleton: a type with many children of many children would never end.
const MOST_VALUES: usize = 2_000;
/// The deepest nesting of a skeleton.
const DEEPEST: usize = 12;

pub(super) fn of(message: &MessageDescriptor) -> Value {
    Skeleton { left: MOST_VALUES, above: Vec::new() }.message(message)
}

struct Skeleton {
    left: usize,
    /// The types that are being written, outermost first.
    above: Vec<String>,
}

impl Skeleton {
    fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(known) = WellKnown::of(message) {
            return self.well_known(known, message);
        }
        let mut object = Map::new();
        self.above.push(message.full_name().to_owned());
        for field in message.fields() {
            let first = field.containing_oneof().is_none_or(|oneof| {
                oneof.fields().next().is_none_or(|first| first.number() == field.number())
            });
            if !first || self.left == 0 {
                continue;
            }
            self.left -= 1;
            if let Some(value) = self.field(&field) {
                object.insert(field.json_name().to_owned(), value);
            }
        }
        self.above.pop();
        Value::Object(object)
    }

    fn field(&mut self, field: &FieldDescriptor) -> Option<Value> {
        if field.is_map() {
            let kind = field.kind();
            let entry = kind.as_message()?;
            let key = match entry.map_entry_key_field().kind() {
                Kind::String => "key",
                Kind::Bool => "true",
                _ => "0",
            };
            let value = self.one(&entry.map_entry_value_field().kind());
            return Some(value.map_or_else(|| json!({}), |value| json!({ key: value })));
        }
        let value = self.one(&field.kind());
        if field.is_list() { Some(value.map_or_else(|| json!([]), |value| json!([value]))) } else { value }
    }

    /// One value of a kind; `None` where it would hold itself.
    fn one(&mut self, kind: &Kind) -> Option<Value> {
        Some(match kind {
            Kind::Bool => json!(false),
            Kind::String | Kind::Bytes => json!(""),
            Kind::Float | Kind::Double => json!(0.0),
            Kind::Enum(descriptor) => first_name(descriptor),
            Kind::Message(message) => {
                if self.above.len() >= DEEPEST || self.above.iter().any(|above| above == message.full_name())
                {
                    return None;
                }
                self.message(message)
            }
            _ => json!(0),
        })
    }

    fn well_known(&mut self, known: WellKnown, message: &MessageDescriptor) -> Value {
        match known {
            WellKnown::Timestamp => json!("1970-01-01T00:00:00Z"),
            WellKnown::Duration => json!("0s"),
            WellKnown::FieldMask => json!(""),
            WellKnown::Struct => json!({}),
            WellKnown::Value => Value::Null,
            WellKnown::ListValue => json!([]),
            WellKnown::Any => any(message),
            WellKnown::Wrapper => {
                message.get_field(1).and_then(|field| self.one(&field.kind())).unwrap_or(Value::Null)
            }
        }
    }
}

/// Some type that the schema knows, without fields.
fn any(message: &MessageDescriptor) -> Value {
    let pool = message.parent_pool();
    if pool.get_message_by_name("google.protobuf.Empty").is_some() {
        return json!({ "@type": "type.googleapis.com/google.protobuf.Empty", "value": {} });
    }
    let other = pool.all_messages().find(|other| WellKnown::of(other).is_none() && !other.is_map_entry());
    other
        .map_or(Value::Null, |other| json!({ "@type": format!("type.googleapis.com/{}", other.full_name()) }))
}

fn first_name(descriptor: &EnumDescriptor) -> Value {
    if descriptor.full_name() == "google.protobuf.NullValue" {
        return Value::Null;
    }
    descriptor.default_value().name().into()
}
