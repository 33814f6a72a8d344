//! Messages and JSON, in proto3's mapping (<https://protobuf.dev/programming-guides/json/>).

mod special;
mod write;

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor};

/// The bytes of the message that `text` is the JSON of.
///
/// # Errors
/// When it is not: names the field by its path, and says what was found and expected.
pub fn from_json(text: &str, descriptor: &MessageDescriptor) -> Result<Bytes, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    DynamicMessage::deserialize(descriptor.clone(), &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .map(|message| super::encode(&message))
        .map_err(|error| told(text, descriptor, &error))
}

/// Reads it once more to find the place, which costs too much while all is well.
fn told(text: &str, descriptor: &MessageDescriptor, error: &serde_json::Error) -> String {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let failed = DynamicMessage::deserialize(descriptor.clone(), tracked).is_err();
    // A question mark stands for a key that was not yet read.
    let path = track.path().to_string();
    let path = path.trim_end_matches('?').trim_end_matches('.');
    let name = descriptor.full_name();
    if failed && !path.is_empty() {
        format!("`{path}` of {name}: {error}")
    } else {
        format!("no JSON of {name}: {error}")
    }
}

/// The JSON of a message. Fields with their default values are there, so that checks can ask for them; what is absent
/// and could be told from its default (messages, members of a oneof, `optional`) is not. Numbers of 64 bits are texts,
/// as the mapping wants. Whatever a peer put into the message, this is JSON.
#[must_use]
pub fn to_json(message: &DynamicMessage) -> String {
    write::json(message)
}

#[cfg(test)]
mod tests;
