//! Answers of plain HTTP: what refuses an upgrade, control calls, and whoever comes with a browser or curl. Each ends its
//! connection.

use http::StatusCode;
use serde_json::{Value, json};

/// What the target answers to, as the 404 names it.
const KNOWN: [&str; 12] = [
    "ws /echo",
    "ws /headers",
    "ws /sink",
    "ws /room/{name}",
    "ws /feed/{name}",
    "ws /bridge?topic={filter}",
    "ws /redirect/{n}",
    "POST /_control/stall",
    "POST /_control/fault",
    "POST /_control/end",
    "POST /_control/reset",
    "GET /_control/counters",
];

/// An answer of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    /// What is wrong, in words.
    pub(super) fn wrong(status: u16, error: impl Into<String>) -> Self {
        Self::json(status, &json!({ "error": error.into() }))
    }

    /// 404, with what there is.
    pub(super) fn unknown(path: &str) -> Self {
        Self::json(404, &json!({ "error": format!("no such path: {path}"), "paths": KNOWN }))
    }

    /// For who comes without an upgrade.
    pub(super) fn only_websocket(path: &str) -> Self {
        if path == "/" {
            let body = "Prony's demo of WebSocket. Connect to /echo, or see any unknown path for a list.\n"
                .to_owned();
            return Self {
                status: 200,
                headers: vec![("content-type", "text/plain; charset=utf-8".to_owned())],
                body,
            };
        }
        Self::wrong(426, "expected an upgrade to WebSocket")
            .with("upgrade", "websocket")
            .with("connection", "upgrade")
    }

    pub(super) fn redirect(location: &str) -> Self {
        Self::json(302, &json!({ "location": location })).with("location", location)
    }

    /// The reply a status was ordered for. Those that may have no body have none.
    pub(super) fn ordered(status: u16) -> Self {
        match status {
            204 | 205 | 304 => Self { status, headers: Vec::new(), body: String::new() },
            _ => Self::json(status, &json!({ "status": status })),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// As it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let status = StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("Ordered");
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| *name == "connection") {
            text.push_str("connection: close\r\n");
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        text.push_str(&self.body);
        text.into_bytes()
    }
}
