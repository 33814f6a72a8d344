//! What a session keeps of an answer, and of messages that came.

use std::borrow::Cow;

use prony_core::delivery::Stamp;
use prony_core::{Reply, Timestamp};

use crate::device::STAMP;
use crate::packet::properties::Property;
use crate::packet::{Malformed, Publish, Qos};

/// A message that came, kept for `receive`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Box<[u8]>,
    /// Properties by name: those of the standard with a dash, user properties as they are.
    pub(crate) properties: Vec<(Box<str>, Box<str>)>,
    pub(crate) correlation: Option<Box<[u8]>>,
    pub(crate) length: u64,
    pub(crate) at: Timestamp,
    pub(crate) qos: Qos,
    pub(crate) retained: bool,
    pub(crate) repeated: bool,
    /// What its user settles it by; 0 when there is nothing to settle.
    pub(crate) number: u64,
    /// Its place among all that were kept, from 1.
    pub(crate) place: u64,
}

impl Arrived {
    pub(crate) fn new(publish: &Publish<'_>, topic: &str, length: u64, at: Timestamp) -> Self {
        let mut arrived = Self {
            topic: topic.into(),
            payload: publish.payload.into(),
            length,
            at,
            qos: publish.qos,
            retained: publish.retained,
            repeated: publish.repeated,
            ..Self::default()
        };
        // They were read before.
        for property in publish.properties.iter().filter_map(Result::<_, Malformed>::ok) {
            let (name, value): (&str, Box<str>) = match property {
                Property::ContentType(text) => ("content-type", text.into()),
                Property::ResponseTopic(text) => ("response-topic", text.into()),
                Property::MessageExpiry(seconds) => ("message-expiry", seconds.to_string().into()),
                Property::SubscriptionIdentifier(number) => {
                    ("subscription-identifier", number.to_string().into())
                }
                Property::CorrelationData(data) => {
                    arrived.correlation = Some(data.into());
                    ("correlation-data", String::from_utf8_lossy(data).into())
                }
                // A stamp is Prony's, not the message's.
                Property::User(STAMP, text) if Stamp::from_text(text).is_some() => continue,
                Property::User(name, value) => (name, value.into()),
                _ => continue,
            };
            arrived.properties.push((name.into(), value));
        }
        arrived
    }
}

impl Reply for Arrived {
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
        match kind {
            "topic" => (!self.topic.is_empty()).then_some(Cow::Borrowed(&*self.topic)),
            "property" => {
                let found = self.properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| Cow::Borrowed(&**value))
            }
            _ => None,
        }
    }

    fn fields(&self, kind: &str) -> Vec<(String, String)> {
        match kind {
            "topic" => vec![("topic".to_owned(), self.topic.to_string())],
            "property" => self
                .properties
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn body(&self) -> &[u8] {
        &self.payload
    }

    fn arrived(&self) -> Option<Timestamp> {
        (self.at > Timestamp::default()).then_some(self.at)
    }
}
