//! Status codes of gRPC and error codes of HTTP/2 by name, and statuses to order.

use std::collections::HashMap;
use std::time::Duration;

use h2::Reason;
use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::exchange::grpc_head;

/// The codes of gRPC, each at its number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The error codes of HTTP/2 (RFC 9113, section 7), each at its number.
const REASONS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The highest number a status may have: clients must live with codes that nobody has defined.
const HIGHEST: u32 = 9_999;

/// Reads the code of a status, by name or number.
pub(super) fn code(text: &str) -> Result<u32, String> {
    number(&CODES, text).filter(|code| *code <= HIGHEST).ok_or_else(|| {
        format!("`status` expects a code such as `UNAVAILABLE`, or a number up to {HIGHEST}, found `{text}`")
    })
}

/// Reads an error code of HTTP/2, by name or number.
pub(super) fn reason(key: &str, text: &str) -> Result<Reason, String> {
    number(&REASONS, text).map(Reason::from).ok_or_else(|| {
        format!("`{key}` expects an error code of HTTP/2 such as `CANCEL`, or a number, found `{text}`")
    })
}

fn number(names: &[&str], text: &str) -> Option<u32> {
    let named = names.iter().position(|name| *name == text).and_then(|at| u32::try_from(at).ok());
    named.or_else(|| text.parse().ok())
}

/// A status to answer with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OrderedStatus {
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) details: Details,
    pub(super) form: Form,
}

/// Whether the status has details in `grpc-status-details-bin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Details {
    None,
    /// An ErrorInfo, a RetryInfo and a BadRequest of `google.rpc`.
    Rich,
}

/// How the status is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Headers, and the status in the trailers.
    Trailers,
    /// The status in the headers, which end the stream.
    TrailersOnly,
}

impl OrderedStatus {
    /// The status as trailers.
    pub(super) fn trailers(&self) -> HeaderMap {
        let code = Code::from(i32::try_from(self.code).unwrap_or(0));
        let status = match self.details {
            Details::None => Status::new(code, self.message.as_str()),
            Details::Rich => Status::with_error_details(code, self.message.as_str(), details()),
        };
        let mut trailers = HeaderMap::new();
        // A message is percent-encoded and details are base64, so both can be headers.
        let _ = status.add_header(&mut trailers);
        // tonic takes a code it does not know for UNKNOWN.
        trailers.insert(Status::GRPC_STATUS, HeaderValue::from(self.code));
        trailers
    }

    /// The status as headers.
    pub(super) fn head(&self) -> http::Response<()> {
        let mut head = grpc_head();
        head.headers_mut().extend(self.trailers());
        head
    }
}

/// The trailers of an answer that went well.
pub(super) fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

fn details() -> ErrorDetails {
    let mut details = ErrorDetails::new();
    let metadata = HashMap::from([("fault".to_owned(), "status".to_owned())]);
    details
        .set_error_info("ORDERED", "demo.prony", metadata)
        .set_retry_info(Some(Duration::from_secs(1)))
        .add_bad_request_violation("item_id", "ordered by prony-fault");
    details
}
