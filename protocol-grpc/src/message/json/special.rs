//! The well-known types' own forms of JSON. What does not fit its form is written as the plain message it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::write::Writer;
use crate::message::WellKnown;

/// How deep one `Any` is looked for in another.
const DEEPEST: usize = 8;

/// Whether `message` has been written in the form of `known`.
pub(super) fn write(writer: &mut Writer, known: WellKnown, message: &DynamicMessage) -> bool {
    match known {
        WellKnown::Timestamp => timestamp(message).map(|text| writer.text(&text)).is_some(),
        WellKnown::Duration => duration(message).map(|text| writer.text(&text)).is_some(),
        WellKnown::FieldMask => field_mask(message).map(|text| writer.text(&text)).is_some(),
        WellKnown::Struct | WellKnown::ListValue | WellKnown::Wrapper => inner(writer, message, 1),
        WellKnown::Value => {
            let set = message.fields().next().map(|(field, _)| field.number());
            match set {
                Some(number) => inner(writer, message, number),
                None => {
                    writer.raw("null");
                    true
                }
            }
        }
        WellKnown::Any => any(writer, message),
    }
}

/// Field `number`, in place of the message.
fn inner(writer: &mut Writer, message: &DynamicMessage, number: u32) -> bool {
    let Some(field) = message.descriptor().get_field(number) else { return false };
    let value = message.get_field(&field);
    writer.value(&value, &field.kind());
    true
}

fn timestamp(message: &DynamicMessage) -> Option<String> {
    let moment: prost_types::Timestamp = message.transcode_to().ok()?;
    let fits = (-62_135_596_800..=253_402_300_799).contains(&moment.seconds)
        && (0..1_000_000_000).contains(&moment.nanos);
    fits.then(|| moment.to_string())
}

fn duration(message: &DynamicMessage) -> Option<String> {
    let span: prost_types::Duration = message.transcode_to().ok()?;
    let fits = span.seconds.unsigned_abs() <= 315_576_000_000
        && span.nanos.unsigned_abs() < 1_000_000_000
        && i64::from(span.nanos.signum()) * span.seconds.signum() >= 0;
    fits.then(|| span.to_string())
}

/// `user.display_name` is `user.displayName` in JSON.
fn field_mask(message: &DynamicMessage) -> Option<String> {
    let mask: prost_types::FieldMask = message.transcode_to().ok()?;
    let mut text = String::new();
    for (at, path) in mask.paths.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let mut upper = false;
        for character in path.chars() {
            match character {
                '_' => upper = true,
                _ if upper && !character.is_ascii_lowercase() => return None,
                _ => {
                    text.push(if upper { character.to_ascii_uppercase() } else { character });
                    upper = false;
                }
            }
        }
    }
    Some(text)
}

fn any(writer: &mut Writer, message: &DynamicMessage) -> bool {
    let (Some(url), Some(value)) = (message.get_field_by_number(1), message.get_field_by_number(2)) else {
        return false;
    };
    let (Value::String(url), Value::Bytes(value)) = (&*url, &*value) else { return false };
    let name = url.rsplit('/').next().unwrap_or_default();
    let inner = message
        .descriptor()
        .parent_pool()
        .get_message_by_name(name)
        .filter(|_| writer.anys < DEEPEST)
        .and_then(|descriptor| DynamicMessage::decode(descriptor, value.clone()).ok());
    writer.out.push(b'{');
    let mut first = true;
    writer.name("@type", &mut first);
    writer.text(url);
    match inner {
        // Of a type that nobody here knows, the bytes are all there is to say.
        None if value.is_empty() => {}
        None => {
            writer.name("value", &mut first);
            writer.text(&STANDARD.encode(value));
        }
        Some(inner) => {
            writer.anys += 1;
            let descriptor = inner.descriptor();
            if WellKnown::of(&descriptor).is_some() || descriptor.full_name() == "google.protobuf.Empty" {
                writer.name("value", &mut first);
                writer.message(&inner);
            } else {
                writer.fields(&inner, first);
            }
            writer.anys -= 1;
        }
    }
    writer.out.push(b'}');
    true
}
