//! The types of `google.protobuf` whose JSON is not a map of their fields.

use prost_reflect::MessageDescriptor;

/// A type with a JSON form of its own
/// (<https://protobuf.dev/programming-guides/json/>). `Empty` has none: it is a map without fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WellKnown {
    /// `"2026-11-23T08:00:00Z"`.
    Timestamp,
    /// `"1.5s"`.
    Duration,
    /// `"user.displayName,photo"`.
    FieldMask,
    /// A JSON object.
    Struct,
    /// Any JSON value.
    Value,
    /// A JSON list.
    ListValue,
    /// A message with its type under `@type`.
    Any,
    /// A scalar that may be absent.
    Wrapper,
}

impl WellKnown {
    /// Which one `descriptor` is, if it is one.
    #[must_use]
    pub fn of(descriptor: &MessageDescriptor) -> Option<Self> {
        Some(match descriptor.full_name().strip_prefix("google.protobuf.")? {
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "Any" => Self::Any,
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
            _ => return None,
        })
    }
}
