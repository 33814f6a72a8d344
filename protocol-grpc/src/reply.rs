//! What is kept of an answer: nothing but what somebody asked for.

use std::borrow::Cow;

use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use prony_core::{Reply, Timestamp};

use crate::wire::metadata::{BASE64, is_binary};
use crate::wire::status;

/// The answer, as far as it is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Whether metadata and trailers are kept.
    pub(crate) fields: bool,
    /// Whether the last message is kept.
    pub(crate) body: bool,
    pub(crate) metadata: HeaderMap,
    pub(crate) trailers: HeaderMap,
    /// The last message's bytes, unless they have become JSON.
    pub(crate) last: Option<Bytes>,
    pub(crate) json: String,
    /// When the message came, where it may have come before anybody asked for it.
    pub(crate) arrived: Option<Timestamp>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Kept {
    /// Forgets the answer before.
    pub(crate) fn begin(&mut self, fields: bool, body: bool) {
        if self.fields {
            self.metadata.clear();
            self.trailers.clear();
        }
        self.fields = fields;
        self.body = body;
        self.last = None;
        self.json.clear();
        // One large message must not stay for ever.
        self.json.shrink_to(16 * 1024);
        self.arrived = None;
        self.sent = 0;
        self.received = 0;
    }
}

/// A value as text: bytes of `-bin` in base64 with its padding left out, and a status's message decoded, whoever sent it.
pub(crate) fn shown<'a>(name: &str, value: &'a HeaderValue) -> Cow<'a, str> {
    if name == "grpc-message" {
        return Cow::Owned(status::percent_decode(value.as_bytes()));
    }
    if is_binary(name)
        && let Ok(bytes) = BASE64.decode(value.as_bytes())
    {
        return Cow::Owned(BASE64.encode(bytes));
    }
    String::from_utf8_lossy(value.as_bytes())
}

impl Reply for Kept {
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
        let map = match (kind, name) {
            ("metadata", _) => &self.metadata,
            ("trailer", _) => &self.trailers,
            ("messages", "count" | "received") => return Some(self.received.to_string().into()),
            ("messages", "sent") => return Some(self.sent.to_string().into()),
            _ => return None,
        };
        map.get(name).map(|value| shown(&name.to_ascii_lowercase(), value))
    }

    fn fields(&self, kind: &str) -> Vec<(String, String)> {
        let map = match kind {
            "metadata" => &self.metadata,
            "trailer" => &self.trailers,
            "messages" => {
                return vec![
                    ("count".to_owned(), self.received.to_string()),
                    ("sent".to_owned(), self.sent.to_string()),
                ];
            }
            _ => return Vec::new(),
        };
        let each = map.iter();
        each.map(|(name, value)| (name.to_string(), shown(name.as_str(), value).into_owned())).collect()
    }

    fn body(&self) -> &[u8] {
        match &self.last {
            Some(last) => last,
            None => self.json.as_bytes(),
        }
    }

    fn arrived(&self) -> Option<Timestamp> {
        self.arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_one_way_whoever_sent_them() {
        let mut kept = Kept { received: 3, ..Kept::default() };
        for (name, value) in
            [("x-bin", "AAE="), ("x-text", "a b"), ("y-bin", "?"), ("grpc-message", "no%20item")]
        {
            kept.metadata.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(kept.field("metadata", "x-bin").as_deref(), Some("AAE"));
        assert_eq!(kept.field("metadata", "X-Text").as_deref(), Some("a b"));
        assert_eq!(kept.field("metadata", "grpc-message").as_deref(), Some("no item"));
        assert_eq!(kept.field("metadata", "y-bin").as_deref(), Some("?"));
        assert_eq!(kept.field("trailer", "x-bin"), None);
        assert_eq!(kept.field("messages", "count").as_deref(), Some("3"));
    }
}
