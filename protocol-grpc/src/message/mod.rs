//! Messages: from a plan's `data` and from JSON to bytes, and back. What a type looks like is the schema's part.

mod json;
mod key;
mod template;
mod well_known;

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

pub use json::{from_json, to_json};
pub use key::{Key, KeyPath};
pub use template::{MessageTemplate, RenderError};
pub use well_known::WellKnown;

/// Reads a message's bytes.
///
/// # Errors
/// When they are no message of this type.
pub fn decode(bytes: &[u8], descriptor: &MessageDescriptor) -> Result<DynamicMessage, String> {
    DynamicMessage::decode(descriptor.clone(), bytes)
        .map_err(|error| format!("no {}: {error}", descriptor.full_name()))
}

/// The bytes of a message.
#[must_use]
pub fn encode(message: &DynamicMessage) -> Bytes {
    message.encode_to_vec().into()
}
