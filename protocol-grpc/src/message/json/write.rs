//! From messages to JSON. The library has a writer, too; it fails as a whole where a peer sends a time out of range or
//! an `Any` of an unknown type, and follows an `Any` within an `Any` until the stack ends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};

use super::special;
use crate::message::WellKnown;

/// From this size on fields with default values are left out: many empty messages of large types would grow a
/// thousandfold.
const LARGE: usize = 32 << 20;

/// Whole numbers below this one are exact in 64 bits of floating point: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn json(message: &DynamicMessage) -> String {
    let mut writer = Writer { out: Vec::new(), anys: 0 };
    writer.message(message);
    // Every piece is UTF-8: texts of messages are, and the rest is made here.
    String::from_utf8(writer.out).unwrap_or_default()
}

pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    /// How many `Any` are around the place that is being written.
    pub(super) anys: usize,
}

impl Writer {
    pub(super) fn message(&mut self, message: &DynamicMessage) {
        let special = WellKnown::of(&message.descriptor());
        if !special.is_some_and(|known| special::write(self, known, message)) {
            self.out.push(b'{');
            self.fields(message, true);
            self.out.push(b'}');
        }
    }

    /// The members of an object. `first` says that nothing stands before them.
    pub(super) fn fields(&mut self, message: &DynamicMessage, mut first: bool) {
        for field in message.descriptor().fields() {
            let present = message.has_field(&field);
            if !present && (field.supports_presence() || self.out.len() > LARGE) {
                continue;
            }
            self.name(field.json_name(), &mut first);
            let value = message.get_field(&field);
            self.value(&value, &field.kind());
        }
        for (extension, value) in message.extensions() {
            self.name(extension.json_name(), &mut first);
            self.value(value, &extension.kind());
        }
    }

    pub(super) fn name(&mut self, name: &str, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        self.text(name);
        self.out.push(b':');
    }

    pub(super) fn value(&mut self, value: &Value, kind: &Kind) {
        match value {
            Value::Bool(value) => self.raw(if *value { "true" } else { "false" }),
            Value::I32(value) => self.raw(&value.to_string()),
            Value::U32(value) => self.raw(&value.to_string()),
            Value::I64(value) => self.text(&value.to_string()),
            Value::U64(value) => self.text(&value.to_string()),
            Value::F32(value) if value.is_finite() && value.fract() != 0.0 => self.serialized(value),
            Value::F32(value) => self.real((*value).into()),
            Value::F64(value) => self.real(*value),
            Value::String(value) => self.text(value),
            Value::Bytes(value) => self.text(&STANDARD.encode(value)),
            Value::EnumNumber(number) => self.enumeration(*number, kind.as_enum()),
            Value::Message(message) => self.message(message),
            Value::List(items) => {
                self.out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push(b',');
                    }
                    self.value(item, kind);
                }
                self.out.push(b']');
            }
            Value::Map(entries) => {
                let inner = kind.as_message().and_then(|entry: &MessageDescriptor| entry.get_field(2));
                let inner = inner.map_or_else(|| kind.clone(), |field| field.kind());
                // Their order is chance: the same message is to be the same text.
                let mut sorted: Vec<(&MapKey, &Value)> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                self.out.push(b'{');
                let mut first = true;
                for (key, value) in sorted {
                    match key {
                        MapKey::Bool(key) => self.name(&key.to_string(), &mut first),
                        MapKey::I32(key) => self.name(&key.to_string(), &mut first),
                        MapKey::I64(key) => self.name(&key.to_string(), &mut first),
                        MapKey::U32(key) => self.name(&key.to_string(), &mut first),
                        MapKey::U64(key) => self.name(&key.to_string(), &mut first),
                        MapKey::String(key) => self.name(key, &mut first),
                    }
                    self.value(value, &inner);
                }
                self.out.push(b'}');
            }
        }
    }

    fn enumeration(&mut self, number: i32, descriptor: Option<&EnumDescriptor>) {
        match descriptor.and_then(|descriptor| descriptor.get_value(number)) {
            Some(value) if value.parent_enum().full_name() == "google.protobuf.NullValue" => self.raw("null"),
            Some(value) => self.text(value.name()),
            None => self.raw(&number.to_string()),
        }
    }

    /// `1` and not `1.0`, as other writers have it; and texts for what JSON has no number for.
    fn real(&mut self, value: f64) {
        if value.fract() == 0.0 && value.abs() < EXACT {
            self.raw(&(value as i64).to_string());
        } else if value.is_finite() {
            self.serialized(&value);
        } else if value.is_nan() {
            self.raw("\"NaN\"");
        } else {
            self.raw(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.serialized(text);
    }

    /// Writing to memory cannot fail.
    fn serialized<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        let _ = serde_json::to_writer(&mut self.out, value);
    }
}
