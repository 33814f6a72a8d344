//! The words of HTTP in a plan: the `http:` settings, and the protocol itself.

use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::shape::quoted_list;
use prony_core::{Diagnostic, DriverBuilder, Node, Protocol, Shape};

use crate::driver::Builder;
use crate::step;

/// HTTP/1.1 and HTTP/2.
#[derive(Debug)]
pub struct Http;

/// The protocol's name.
pub const NAME: &str = "http";

/// HTTP, for the list of protocols.
pub static HTTP: Http = Http;

impl Protocol for Http {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step_shape(&self) -> Shape {
        step::shape()
    }

    fn settings_shape(&self) -> Shape {
        shape()
    }

    fn reply_fields(&self) -> &'static [&'static str] {
        &["header", "cookie", "trailer"]
    }

    fn message_fields(&self) -> &'static [&'static str] {
        &["header", "query", "path"]
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        Ok(Box::new(Builder::new(wiring)?))
    }
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// What TLS agrees on; HTTP/1.1 without TLS.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; without TLS by prior knowledge.
    Http2,
}

/// Whose connections a request travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The user's own, kept as long as both sides like: a browser.
    Own,
    /// A new one each iteration.
    PerIteration,
    /// A pool that all users share.
    Shared {
        /// Connections, over all workers.
        connections: u32,
        /// Streams at a time on an HTTP/2 connection.
        streams: u32,
    },
}

/// The checked `http:` settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) version: Version,
    pub(crate) policy: Policy,
    pub(crate) timeout: Duration,
    pub(crate) cookies: Cookies,
    pub(crate) redirects: u32,
}

/// Whether users keep cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookies {
    Kept,
    Ignored,
}

/// What may be offered as `compression`.
pub(crate) const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

fn shape() -> Shape {
    let shared =
        Shape::map().required("shared", Shape::integer(1, 100_000), "Connections, over all workers.").key(
            "streams",
            Shape::integer(1, 100_000),
            "Streams at a time on an HTTP/2 connection. Default 100. HTTP/1.1 has one.",
        );
    let words =
        Shape::one_of(&["own", "per_iteration"]).advice("for a pool of all users write `{shared: 10}`");
    let connections = Shape::either(vec![words, shared]);
    Shape::map()
        .key("version", Shape::one_of(&["auto", "1.1", "2"]), "Which HTTP: what TLS agrees on, and 1.1 without TLS (auto, default), 1.1, or 2; 2 without TLS is by prior knowledge.")
        .key("connections", connections, "Whose connections: a user's own like a browser's (own, default), new ones each iteration, or a shared pool.")
        .key("headers", Shape::map_of(Shape::text()), "Headers of every request; a step's own win. Values are templates.")
        .key("timeout", Shape::duration(), "The longest a request may take, its connection included. Default 30s.")
        .key("cookies", Shape::boolean(), "Whether each user keeps a jar of cookies. Default true.")
        .key("redirects", Shape::integer(0, 20), "How many redirects to follow. Default 0.")
        .key("compression", Shape::list(Shape::one_of(&CODINGS)), "Content codings to accept. Default none.")
        .key("user_agent", Shape::text(), "The User-Agent header. Default prony/VERSION.")
}

impl Settings {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let version = match get("version").map(Node::text).transpose()? {
            Some("1.1") => Version::Http1,
            Some("2") => Version::Http2,
            _ => Version::Auto,
        };
        let policy = match get("connections") {
            None => Policy::Own,
            Some(node) if node.is_map() => Policy::Shared {
                connections: node.get("shared").map_or(Ok(1), |node| node.integer(1..=100_000))? as u32,
                streams: node.get("streams").map_or(Ok(100), |node| node.integer(1..=100_000))? as u32,
            },
            Some(node) => match node.text()? {
                "own" => Policy::Own,
                "per_iteration" => Policy::PerIteration,
                _ => return Err(node.unexpected(&quoted_list(&["own", "per_iteration", "{shared: N}"]))),
            },
        };
        let kept = get("cookies").map_or(Ok(true), Node::boolean)?;
        Ok(Self {
            version,
            policy,
            timeout: get("timeout").map_or(Ok(Duration::from_secs(30)), Node::duration_above_zero)?,
            cookies: if kept { Cookies::Kept } else { Cookies::Ignored },
            redirects: get("redirects").map_or(Ok(0), |node| node.integer(0..=20))? as u32,
        })
    }
}
