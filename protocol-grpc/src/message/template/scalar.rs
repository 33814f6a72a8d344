//! Texts as scalars on the wire. `Timestamp` and `Duration` count as such: they are one text each, and common.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prony_core::diagnostic::did_you_mean;
use prost::Message;
use prost::encoding::{WireType, encode_varint};
use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};

use super::piece::Zero;
use crate::message::WellKnown;

const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, BASE64);

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the first and the last second of a `Timestamp`.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// The most seconds of a `Duration`: ten thousand years.
const DURATION_SECONDS: u64 = 315_576_000_000;
/// The most names of an enum that a message lists.
const SHOWN: usize = 12;

/// A kind of scalar.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Text,
    Bytes,
    Enum(EnumDescriptor),
    Timestamp,
    Duration,
}

/// A text that is none of its scalar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfit;

impl Scalar {
    /// The scalar of a kind; a message type is none, unless it is a point or a stretch of time.
    pub(super) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Bool => Self::Bool,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::Float => Self::Float,
            Kind::Double => Self::Double,
            Kind::String => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Enum(descriptor) => Self::Enum(descriptor.clone()),
            Kind::Message(message) => return Self::of_message(message),
        })
    }

    /// `Timestamp` and `Duration`.
    pub(super) fn of_message(message: &MessageDescriptor) -> Option<Self> {
        match WellKnown::of(message)? {
            WellKnown::Timestamp => Some(Self::Timestamp),
            WellKnown::Duration => Some(Self::Duration),
            _ => None,
        }
    }

    pub(super) const fn wire_type(&self) -> WireType {
        match self {
            Self::Fixed32 | Self::Sfixed32 | Self::Float => WireType::ThirtyTwoBit,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => WireType::SixtyFourBit,
            Self::Text | Self::Bytes | Self::Timestamp | Self::Duration => WireType::LengthDelimited,
            _ => WireType::Varint,
        }
    }

    /// Whether it is a whole number, whose digits may be grouped where a person writes it.
    pub(super) const fn is_whole(&self) -> bool {
        !matches!(
            self,
            Self::Bool
                | Self::Float
                | Self::Double
                | Self::Text
                | Self::Bytes
                | Self::Enum(_)
                | Self::Timestamp
                | Self::Duration
        )
    }

    /// Writes the value that `text` says, behind `key`.
    pub(super) fn write(&self, text: &str, key: &[u8], zero: Zero, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let mut number = |value: u64| {
            if value != 0 || zero == Zero::Written {
                out.extend_from_slice(key);
                encode_varint(value, out);
            }
        };
        match self {
            Self::Bool => match text {
                "true" => number(1),
                "false" => number(0),
                _ => return Err(Unfit),
            },
            // Negative numbers are as long as 64 bits ask for, says the encoding.
            Self::Int32 => number(i64::from(i32::try_from(whole(text)?).map_err(|_| Unfit)?) as u64),
            Self::Int64 => number(i64::try_from(whole(text)?).map_err(|_| Unfit)? as u64),
            Self::Uint32 => number(u32::try_from(whole(text)?).map_err(|_| Unfit)?.into()),
            Self::Uint64 => number(u64::try_from(whole(text)?).map_err(|_| Unfit)?),
            Self::Sint32 => {
                let value = i32::try_from(whole(text)?).map_err(|_| Unfit)?;
                number(u64::from((value << 1) as u32 ^ (value >> 31) as u32));
            }
            Self::Sint64 => {
                let value = i64::try_from(whole(text)?).map_err(|_| Unfit)?;
                number((value << 1) as u64 ^ (value >> 63) as u64);
            }
            Self::Enum(descriptor) => number(i64::from(enum_number(text, descriptor)?) as u64),
            Self::Fixed32 => {
                fixed(&u32::try_from(whole(text)?).map_err(|_| Unfit)?.to_le_bytes(), key, zero, out);
            }
            Self::Fixed64 => {
                fixed(&u64::try_from(whole(text)?).map_err(|_| Unfit)?.to_le_bytes(), key, zero, out);
            }
            Self::Sfixed32 => {
                fixed(&i32::try_from(whole(text)?).map_err(|_| Unfit)?.to_le_bytes(), key, zero, out);
            }
            Self::Sfixed64 => {
                fixed(&i64::try_from(whole(text)?).map_err(|_| Unfit)?.to_le_bytes(), key, zero, out);
            }
            Self::Float => {
                let value = real(text)?;
                let narrow = value as f32;
                if narrow.is_infinite() && value.is_finite() {
                    return Err(Unfit);
                }
                fixed(&narrow.to_le_bytes(), key, zero, out);
            }
            Self::Double => fixed(&real(text)?.to_le_bytes(), key, zero, out),
            Self::Text => delimited(text.as_bytes(), key, zero, out),
            Self::Bytes => delimited(&base64(text)?, key, zero, out),
            Self::Timestamp => {
                let moment: prost_types::Timestamp = text.parse().map_err(|_| Unfit)?;
                if !TIMESTAMP_SECONDS.contains(&moment.seconds) {
                    return Err(Unfit);
                }
                message(&moment, key, out);
            }
            Self::Duration => {
                let span: prost_types::Duration = text.parse().map_err(|_| Unfit)?;
                if span.seconds.unsigned_abs() > DURATION_SECONDS {
                    return Err(Unfit);
                }
                message(&span, key, out);
            }
        }
        Ok(())
    }

    /// What a text must be.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Bool => "`true` or `false`",
            Self::Int32 | Self::Sint32 | Self::Sfixed32 => "a whole number from -2147483648 to 2147483647",
            Self::Uint32 | Self::Fixed32 => "a whole number from 0 to 4294967295",
            Self::Int64 | Self::Sint64 | Self::Sfixed64 => "a whole number of 64 bits",
            Self::Uint64 | Self::Fixed64 => "a whole number of 64 bits, not below 0",
            Self::Float => "a number that fits 32 bits, `NaN`, `Infinity` or `-Infinity`",
            Self::Double => "a number, `NaN`, `Infinity` or `-Infinity`",
            Self::Text => "a text",
            Self::Bytes => "bytes in base64",
            Self::Timestamp => "a point in time such as `2026-11-23T08:00:00Z`",
            Self::Duration => "a duration in seconds such as `1.5s`",
            Self::Enum(descriptor) => {
                // In the order of the file, which the library sorts by number.
                let values = &descriptor.enum_descriptor_proto().value;
                let names: Vec<&str> = values.iter().take(SHOWN).map(|value| value.name()).collect();
                let more = if values.len() > SHOWN { ", …" } else { "" };
                return format!("one of {}{more} (or a number)", names.join(", "));
            }
        }
        .to_owned()
    }

    /// The value that was likely meant, when `text` is no name of this enum.
    pub(super) fn meant(&self, text: &str) -> Option<String> {
        let Self::Enum(descriptor) = self else { return None };
        let names: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
        let same = names.iter().find(|name| {
            // `large` and `SIZE_LARGE` are told apart by a prefix only.
            let (name, text) = (name.to_ascii_lowercase(), text.to_ascii_lowercase());
            name == text || (!text.is_empty() && name.ends_with(&format!("_{text}")))
        });
        let close = same.map(String::as_str).or_else(|| did_you_mean(text, names.iter().map(String::as_str)));
        close.map(|close| format!("did you mean `{close}`?"))
    }
}

/// A whole number, which JSON may also write as `1.0` and `1e3`.
fn whole(text: &str) -> Result<i128, Unfit> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(number.into());
    }
    match text.parse::<f64>() {
        // Beyond 2^64 nothing fits anyway.
        Ok(number) if number.fract() == 0.0 && number.abs() < 18_446_744_073_709_551_616.0 => {
            Ok(number as i128)
        }
        _ => Err(Unfit),
    }
}

/// A number, in JSON's or YAML's words for those that have no digits.
fn real(text: &str) -> Result<f64, Unfit> {
    match text {
        ".nan" | ".NaN" => Ok(f64::NAN),
        ".inf" => Ok(f64::INFINITY),
        "-.inf" => Ok(f64::NEG_INFINITY),
        _ => {
            let number: f64 = text.parse().map_err(|_| Unfit)?;
            // `1e999` is no way to write infinity.
            let overflown = number.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
            if overflown { Err(Unfit) } else { Ok(number) }
        }
    }
}

fn enum_number(text: &str, descriptor: &EnumDescriptor) -> Result<i32, Unfit> {
    if let Some(value) = descriptor.get_value_by_name(text) {
        return Ok(value.number());
    }
    i32::try_from(whole(text)?).map_err(|_| Unfit)
}

fn base64(text: &str) -> Result<Vec<u8>, Unfit> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).map_err(|_| Unfit)
}

fn fixed(bytes: &[u8], key: &[u8], zero: Zero, out: &mut Vec<u8>) {
    if zero == Zero::Written || bytes.iter().any(|byte| *byte != 0) {
        out.extend_from_slice(key);
        out.extend_from_slice(bytes);
    }
}

fn delimited(bytes: &[u8], key: &[u8], zero: Zero, out: &mut Vec<u8>) {
    if zero == Zero::Written || !bytes.is_empty() {
        out.extend_from_slice(key);
        encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}

fn message(message: &impl Message, key: &[u8], out: &mut Vec<u8>) {
    if key.is_empty() {
        out.reserve(message.encoded_len());
        message.encode_raw(out);
    } else {
        out.extend_from_slice(key);
        encode_varint(message.encoded_len() as u64, out);
        message.encode_raw(out);
    }
}
