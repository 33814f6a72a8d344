//! What a session keeps of an answer, and of messages that came.

use std::borrow::Cow;

use prony_core::{Reply, Timestamp};

/// A message that came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) is_text: bool,
    /// Empty when nobody looks at it.
    pub(crate) payload: Box<[u8]>,
    /// Of the payload, in bytes.
    pub(crate) size: u64,
    /// Of all its frames, in bytes.
    pub(crate) length: u64,
    /// When its last byte was read.
    pub(crate) at: Timestamp,
}

impl Reply for Arrived {
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
        (kind == "message" && name == "type").then_some(Cow::Borrowed(if self.is_text {
            "text"
        } else {
            "binary"
        }))
    }

    fn fields(&self, kind: &str) -> Vec<(String, String)> {
        let found = self.field(kind, "type").map(|value| ("type".to_owned(), value.into_owned()));
        found.into_iter().collect()
    }

    fn body(&self) -> &[u8] {
        &self.payload
    }

    fn arrived(&self) -> Option<Timestamp> {
        Some(self.at)
    }
}

/// What a step left to look at.
#[derive(Clone, Debug, Default)]
pub(crate) enum Kept {
    #[default]
    Nothing,
    Message(Arrived),
    /// A handshake's answer: its headers, names in lower case, and the beginning of a refusal's body.
    Handshake {
        headers: Vec<(Box<str>, Box<str>)>,
        body: Vec<u8>,
    },
    /// A CLOSE.
    Close {
        code: u16,
        reason: Box<str>,
    },
}

impl Reply for Kept {
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
        match (self, kind, name) {
            (Self::Message(message), _, _) => message.field(kind, name),
            (Self::Handshake { headers, .. }, "header", _) => {
                let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| Cow::Borrowed(&**value))
            }
            (Self::Close { code, .. }, "close", "code") => Some(Cow::Owned(code.to_string())),
            (Self::Close { reason, .. }, "close", "reason") => Some(Cow::Borrowed(reason)),
            _ => None,
        }
    }

    fn fields(&self, kind: &str) -> Vec<(String, String)> {
        match (self, kind) {
            (Self::Message(message), _) => message.fields(kind),
            (Self::Handshake { headers, .. }, "header") => {
                headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
            }
            (Self::Close { code, reason }, "close") => {
                vec![("code".to_owned(), code.to_string()), ("reason".to_owned(), reason.to_string())]
            }
            _ => Vec::new(),
        }
    }

    fn body(&self) -> &[u8] {
        match self {
            Self::Message(message) => message.body(),
            Self::Handshake { body, .. } => body,
            Self::Nothing | Self::Close { .. } => &[],
        }
    }

    fn arrived(&self) -> Option<Timestamp> {
        match self {
            Self::Message(message) => message.arrived(),
            _ => None,
        }
    }
}
