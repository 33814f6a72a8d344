//! Rich error details: the `google.rpc.Status` in `grpc-status-details-bin`, as far as people read it.

use std::fmt;

use base64::Engine;
use prost::Message;
use prost_types::{Any, Duration};

use super::metadata::BASE64;
use super::printable;
use super::status::code_text;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Details {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`, without its map.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, Copy, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Duration>,
}

/// `google.rpc.BadRequest`; `google.rpc.QuotaFailure` looks the same.
#[derive(Clone, PartialEq, Message)]
struct Violations {
    #[prost(message, repeated, tag = "1")]
    violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, Message)]
struct Violation {
    #[prost(string, tag = "1")]
    of: String,
    #[prost(string, tag = "2")]
    description: String,
}

/// `google.rpc.DebugInfo`, without its stack.
#[derive(Clone, PartialEq, Message)]
struct DebugInfo {
    #[prost(string, tag = "2")]
    detail: String,
}

/// `google.rpc.LocalizedMessage`.
#[derive(Clone, PartialEq, Message)]
struct LocalizedMessage {
    #[prost(string, tag = "2")]
    message: String,
}

impl Details {
    /// From the header's value; `None` when it holds something else.
    pub(crate) fn from_header(value: &[u8]) -> Option<Self> {
        Self::from_bytes(&BASE64.decode(value).ok()?)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok()
    }
}

/// What a detail says, or else its type alone.
fn shown(detail: &Any) -> String {
    let name = detail.type_url.rsplit('/').next().unwrap_or_default();
    let bytes = detail.value.as_slice();
    let said = match name.strip_prefix("google.rpc.").unwrap_or_default() {
        "ErrorInfo" => {
            ErrorInfo::decode(bytes).ok().map(|info| format!("{} of {}", info.reason, info.domain))
        }
        "RetryInfo" => RetryInfo::decode(bytes)
            .ok()
            .and_then(|info| info.delay)
            .map(|delay| format!("{:.3}s", delay.seconds as f64 + f64::from(delay.nanos) / 1e9)),
        "BadRequest" | "QuotaFailure" => Violations::decode(bytes).ok().map(|list| {
            let each = list.violations.iter().map(|one| format!("{}: {}", one.of, one.description));
            each.collect::<Vec<_>>().join("; ")
        }),
        "DebugInfo" => DebugInfo::decode(bytes).ok().map(|info| info.detail),
        "LocalizedMessage" => LocalizedMessage::decode(bytes).ok().map(|info| info.message),
        _ => None,
    };
    match said {
        Some(said) => format!("{name}: {}", printable(&said)),
        None => printable(name),
    }
}

impl fmt::Display for Details {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u16::try_from(self.code) {
            Ok(code) => formatter.write_str(&code_text(code))?,
            Err(_) => write!(formatter, "status {}", self.code)?,
        }
        for detail in &self.details {
            write!(formatter, ", {}", shown(detail))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(name: &str, value: Vec<u8>) -> Any {
        Any { type_url: format!("type.googleapis.com/{name}"), value }
    }

    #[test]
    fn details_are_told_in_words() {
        let violation = Violation { of: "order.id".to_owned(), description: "is empty".to_owned() };
        let details = Details {
            code: 3,
            message: "no".to_owned(),
            details: vec![
                any("google.rpc.BadRequest", Violations { violations: vec![violation] }.encode_to_vec()),
                any(
                    "google.rpc.RetryInfo",
                    RetryInfo { delay: Some(Duration { seconds: 1, nanos: 500_000_000 }) }.encode_to_vec(),
                ),
                any("shop.v1.Secret", vec![255]),
                any("google.rpc.ErrorInfo", vec![255]),
            ],
        };
        let header = BASE64.encode(details.encode_to_vec());
        let read = Details::from_header(header.as_bytes()).expect("reads");
        assert_eq!(
            read.to_string(),
            "INVALID_ARGUMENT (3), google.rpc.BadRequest: order.id: is empty, google.rpc.RetryInfo: 1.500s, \
             shop.v1.Secret, google.rpc.ErrorInfo"
        );
        assert_eq!(Details::from_header(b"?"), None);
        assert_eq!(Details::from_bytes(&[255]), None);
    }
}
