//! Which path is answered by what.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use super::reply::{Reply, json_value, wrong_method};
use super::{probe, shop};

/// What the target answers to, as the 404 names it.
const KNOWN: [&str; 20] = [
    "GET /",
    "GET /items",
    "GET /items/{id}",
    "POST /cart",
    "POST /login",
    "GET /me",
    "ANY /echo",
    "GET /bytes/{n}",
    "ANY /status/{code}",
    "GET /redirect/{n}",
    "GET /gzip",
    "GET /br",
    "GET /zstd",
    "GET /headers/{n}",
    "POST /_control/stall",
    "POST /_control/delay",
    "POST /_control/status",
    "POST /_control/fault",
    "POST /_control/reset",
    "GET /_control/counters",
];

/// Whether the answer depends on the request's body.
pub(super) fn reads_body(path: &str) -> bool {
    matches!(path, "/echo" | "/cart" | "/login")
}

/// The reply to a request, before any fault.
pub(super) fn answer(head: &Parts, body: &Bytes) -> Reply {
    let path = head.uri.path();
    let trimmed = path.trim_start_matches('/');
    let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let read = |reply: &dyn Fn() -> Reply| match head.method {
        Method::GET | Method::HEAD => reply(),
        _ => wrong_method("GET, HEAD"),
    };
    let write = |reply: &dyn Fn() -> Reply| match head.method {
        Method::POST => reply(),
        _ => wrong_method("POST"),
    };
    match (first, rest) {
        ("", "") => read(&shop::index),
        ("items", "") => read(&shop::items),
        ("items", id) => read(&|| shop::item(id)),
        ("cart", "") => write(&|| shop::cart(body)),
        ("login", "") => write(&|| shop::login(head, body)),
        ("me", "") => read(&|| shop::me(head)),
        ("echo", _) => probe::echo(head, body),
        ("bytes", length) => read(&|| probe::bytes(head, length)),
        ("status", code) => probe::status(code),
        ("redirect", hops) => read(&|| probe::redirect(hops)),
        ("gzip" | "br" | "zstd", "") => read(&|| probe::compressed(first)),
        ("headers", length) => read(&|| probe::headers(head, length)),
        _ => unknown(path),
    }
}

/// 404, with what there is.
pub(super) fn unknown(path: &str) -> Reply {
    json_value(StatusCode::NOT_FOUND, &json!({ "error": format!("no such path: {path}"), "paths": KNOWN }))
}
