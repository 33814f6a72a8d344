//! Making replies: JSON, text, and the words for what a client got wrong.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::body::ReplyBody;

/// What the target answers.
pub(super) type Reply = Response<ReplyBody>;

/// A reply with this status and a body that is JSON already.
pub(super) fn json_bytes(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    with_type(status, "application/json", ReplyBody::whole(body))
}

/// A reply with this status and `body`.
pub(super) fn json_value(status: StatusCode, body: &Value) -> Reply {
    json_bytes(status, body.to_string())
}

/// A reply with this status, type and body.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// What is wrong, in words.
pub(super) fn wrong(status: StatusCode, error: impl Into<String>) -> Reply {
    json_value(status, &json!({ "error": error.into() }))
}

/// 405, with the methods that would do.
pub(super) fn wrong_method(allowed: &'static str) -> Reply {
    let mut reply =
        wrong(StatusCode::METHOD_NOT_ALLOWED, format!("this path answers to {allowed} and no other method"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// The reply a status was ordered for. Those that may have no body have none.
pub(super) fn ordered_status(status: StatusCode) -> Reply {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        let mut reply = Response::new(ReplyBody::whole(Bytes::new()));
        *reply.status_mut() = status;
        return reply;
    }
    json_value(status, &json!({ "status": status.as_u16() }))
}
