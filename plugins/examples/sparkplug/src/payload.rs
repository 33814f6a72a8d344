//! The payload of Sparkplug B: those fields of its public protobuf schema that this plugin writes and reads. Others are left out
//! as they are read.

use prony_plugin::{Error, Result};
use prost::Message;

/// What a birth, a death, data or a command carries.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Payload {
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "1")]
    pub(crate) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) metrics: Vec<Metric>,
    /// 0 to 255; NDEATH and commands have none.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) seq: Option<u64>,
}

/// One value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    /// Stands for the name in data. A birth says which.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) datatype: Option<u32>,
    #[prost(bool, optional, tag = "7")]
    pub(crate) is_null: Option<bool>,
    #[prost(oneof = "Value", tags = "10, 11, 12, 13, 14, 15")]
    pub(crate) value: Option<Value>,
}

/// What a metric has come to.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    Text(String),
}

/// Numbers of data types.
const UINT64: u32 = 8;
const DOUBLE: u32 = 10;
const BOOLEAN: u32 = 11;

/// The number of a session: that of a birth, and of the death that belongs to it.
pub(crate) const BD_SEQ: &str = "bdSeq";
/// The command for a new birth.
pub(crate) const REBIRTH: &str = "Node Control/Rebirth";

impl Payload {
    pub(crate) fn new(timestamp: u64, seq: Option<u8>, metrics: Vec<Metric>) -> Self {
        Self { timestamp: Some(timestamp), metrics, seq: seq.map(u64::from) }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes).map_err(|_| Error::new("the payload is none of Sparkplug B"))
    }

    /// The metric of this name.
    pub(crate) fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name.as_deref() == Some(name))
    }

    /// The session that a birth or a death is of.
    pub(crate) fn bd_seq(&self) -> Option<u64> {
        match self.metric(BD_SEQ)?.value {
            Some(Value::Long(number)) => Some(number),
            Some(Value::Int(number)) => Some(number.into()),
            _ => None,
        }
    }

    /// Whether it asks for a new birth.
    pub(crate) fn asks_for_birth(&self) -> bool {
        self.metric(REBIRTH).is_some_and(|metric| metric.value == Some(Value::Boolean(true)))
    }
}

impl Metric {
    pub(crate) fn bd_seq(session: u8) -> Self {
        Self::named(BD_SEQ, UINT64, Value::Long(session.into()))
    }

    pub(crate) fn rebirth(asked: bool) -> Self {
        Self::named(REBIRTH, BOOLEAN, Value::Boolean(asked))
    }

    /// A reading as a birth tells it: by name and alias.
    pub(crate) fn born(name: &str, alias: u64, value: f64) -> Self {
        Self { alias: Some(alias), ..Self::named(name, DOUBLE, Value::Double(value)) }
    }

    /// A reading as data tell it: by its alias alone.
    pub(crate) fn reading(alias: u64, value: f64, timestamp: u64) -> Self {
        Self {
            alias: Some(alias),
            timestamp: Some(timestamp),
            datatype: Some(DOUBLE),
            value: Some(Value::Double(value)),
            ..Self::default()
        }
    }

    fn named(name: &str, datatype: u32, value: Value) -> Self {
        Self { name: Some(name.to_owned()), datatype: Some(datatype), value: Some(value), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes worked out by hand from the schema.
    #[test]
    fn bytes_are_those_of_the_schema() {
        let payload = Payload::new(1, Some(2), vec![Metric::rebirth(true)]);
        let mut expected = vec![0x08, 1, 0x12, 26, 0x0A, 20];
        expected.extend(b"Node Control/Rebirth");
        expected.extend([0x20, 11, 0x70, 1, 0x18, 2]);
        assert_eq!(payload.encode_to_vec(), expected);
        assert_eq!(Payload::read(&expected).unwrap(), payload);
        assert!(payload.asks_for_birth());
    }

    #[test]
    fn what_is_no_payload_is_told_and_unknown_fields_are_passed_over() {
        assert!(Payload::read(&[0xFF]).is_err());
        // Field 4 (the UUID), which nobody here asks for.
        assert_eq!(Payload::read(&[0x22, 1, b'x', 0x18, 7]).unwrap().seq, Some(7));
    }
}
