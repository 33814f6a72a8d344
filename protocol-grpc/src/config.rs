//! The words of gRPC in a plan: the `grpc:` settings, and the protocol itself.

use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::shape::quoted_list;
use prony_core::{Diagnostic, DriverBuilder, Node, Protocol, Shape};
use prony_transport::Reconnect;
use prony_transport::h2::KeepAlive;

use crate::driver::Builder;
use crate::step;
use crate::wire::Compression;

/// gRPC over HTTP/2.
#[derive(Debug)]
pub struct Grpc;

/// The protocol's name.
pub const NAME: &str = "grpc";

/// gRPC, for the list of protocols.
pub static GRPC: Grpc = Grpc;

impl Protocol for Grpc {
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
        &["metadata", "trailer", "messages"]
    }

    fn message_fields(&self) -> &'static [&'static str] {
        &["metadata"]
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        Ok(Box::new(Builder::new(wiring)?))
    }
}

/// Whose connections a call travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The user's own, kept as long as both sides like.
    Own,
    /// New ones each iteration.
    PerIteration,
    /// A pool that all users share.
    Shared {
        /// Connections to a backend, over all workers.
        connections: u32,
        /// Streams at a time on a connection.
        streams: u32,
    },
}

/// Which backend a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    /// The first that can be connected to.
    PickFirst,
    /// One after the other, call by call.
    RoundRobin,
}

/// How a backend that could not be connected to is tried again, unless the plan says more: gRPC's own back-off, roughly.
pub(crate) const RECONNECT: Reconnect =
    Reconnect { after: Duration::from_secs(1), up_to: Duration::from_secs(120), jitter: 0.2 };

/// The checked `grpc:` settings, but for those that hold templates or name schemas.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) balance: Balance,
    pub(crate) timeout: Duration,
    pub(crate) authority: Option<String>,
    pub(crate) user_agent: String,
    pub(crate) compression: Compression,
    /// The longest message that is taken, in bytes.
    pub(crate) max_message: usize,
    /// A stream's receive window, in bytes.
    pub(crate) window: u32,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) wait_for_ready: bool,
    pub(crate) reconnect: Option<Reconnect>,
}

fn shape() -> Shape {
    let shared = Shape::map()
        .required("shared", Shape::integer(1, 100_000), "Connections to a backend, over all workers.")
        .key("streams", Shape::integer(1, 100_000), "Streams at a time on a connection. Default 100.");
    let words =
        Shape::one_of(&["own", "per_iteration"]).advice("for a pool of all users write `{shared: 10}`");
    let connections = Shape::either(vec![words, shared]);
    let keep_alive = Shape::map().required("every", Shape::duration(), "How often a PING is sent.").key(
        "timeout",
        Shape::duration(),
        "How long its answer may take before the connection counts as lost. Default 20s.",
    );
    let files = || Shape::filled_list(Shape::text());
    Shape::map()
        .key("proto", files(), "The .proto files that describe the services. Without any, and without `descriptors`, the server is asked (reflection).")
        .key("imports", files(), "Folders in which .proto files look for what they import. Default: each file's own.")
        .key("descriptors", Shape::text(), "A file with a FileDescriptorSet, as `protoc -o` and `buf build` write it, in place of `proto`.")
        .key("targets", files().example("[grpc://10.0.0.1:50051, grpc://10.0.0.2:50051]"), "Several servers in place of `target`, for `balance`.")
        .key("balance", Shape::one_of(&["pick_first", "round_robin"]), "Which of several servers, or of a name's addresses, a call goes to: the first that answers (pick_first, default), or one after the other.")
        .key("connections", connections, "Whose connections: a user's own (own, default), new ones each iteration, or a shared pool.")
        .key("metadata", Shape::map_of(Shape::text()), "Metadata of every call; a step's own win. Values are templates, in base64 where the name ends in -bin.")
        .key("timeout", Shape::duration(), "The longest a call may take, its connection included; the server is told (grpc-timeout). What a stream's own `every`, `count` and `for` take is added. Default 30s.")
        .key("authority", Shape::text(), "The :authority of every call. Default: the target's host and port.")
        .key("user_agent", Shape::text(), "The user-agent of every call. Default prony/VERSION.")
        .key("compression", Shape::one_of(&["identity", "gzip", "zstd"]), "How messages are compressed that are sent. Default identity, not at all. What comes may be compressed in any of these ways. Health checks and reflection never are.")
        .key("max_message", Shape::size(), "The longest message that is taken, decompressed. Default 4mib.")
        .key("window", Shape::size(), "A stream's receive window: what a server may send ahead of who reads. Default 1mib.")
        .key("keep_alive", keep_alive, "HTTP/2 PINGs on idle and busy connections. Default none; servers may refuse many.")
        .key("wait_for_ready", Shape::boolean(), "Whether a call waits for a connection that cannot be made yet, up to its time-out, instead of failing. Default false.")
        .key("reconnect", RECONNECT.shape(), "Pauses before a server that could not be connected to is tried again; calls fail meanwhile. Default: each call tries at once; true is all defaults.")
        .elsewhere(&["deadline"], "write `timeout`; the server is told of it as the call's deadline")
        .elsewhere(&["headers"], "gRPC calls it `metadata`")
        .elsewhere(&["protos"], "write `proto`, a file or a list of files")
        .elsewhere(&["reflection"], "a server is asked for its schema when there is neither `proto` nor `descriptors`")
        .elsewhere(&["streams"], "it stands beside `shared`: `connections: {shared: 4, streams: 100}`")
}

impl Settings {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let text = |key: &str| get(key).map(Node::text).transpose();
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
        let size = |key: &str, default: u64, range: std::ops::RangeInclusive<u64>, expected: &str| {
            let Some(node) = get(key) else { return Ok(default) };
            let size = node.size()?;
            if range.contains(&size) { Ok(size) } else { Err(node.unexpected(expected)) }
        };
        let most = u64::from(u32::MAX);
        Ok(Self {
            policy,
            balance: match text("balance")? {
                Some("round_robin") => Balance::RoundRobin,
                _ => Balance::PickFirst,
            },
            timeout: get("timeout").map_or(Ok(Duration::from_secs(30)), Node::duration_above_zero)?,
            authority: get("authority").map(authority).transpose()?,
            user_agent: match get("user_agent") {
                None => concat!("prony/", env!("CARGO_PKG_VERSION")).to_owned(),
                Some(node) => header_text(node)?,
            },
            compression: text("compression")?
                .and_then(|name| Compression::by_name(name.as_bytes()))
                .unwrap_or_default(),
            max_message: size("max_message", 4 << 20, 1..=most, "a size from 1 byte to 4gib")? as usize,
            window: size(
                "window",
                1 << 20,
                1..=(1 << 31) - 1,
                "a size from 1 byte to 2gib, HTTP/2's largest",
            )? as u32,
            keep_alive: get("keep_alive").map(keep_alive).transpose()?,
            wait_for_ready: get("wait_for_ready").map_or(Ok(false), Node::boolean)?,
            reconnect: get("reconnect").map(|node| RECONNECT.read(node)).transpose()?.flatten(),
        })
    }
}

fn keep_alive(node: &Node) -> Result<KeepAlive, Diagnostic> {
    let every = node.get("every").map_or(Ok(Duration::from_secs(60)), Node::duration_above_zero)?;
    let timeout = node.get("timeout").map_or(Ok(Duration::from_secs(20)), Node::duration_above_zero)?;
    Ok(KeepAlive { every, timeout })
}

fn authority(node: &Node) -> Result<String, Diagnostic> {
    let text = node.text()?;
    match text.parse::<http::uri::Authority>() {
        Ok(_) if !text.contains('@') => Ok(text.to_owned()),
        _ => Err(node.unexpected("a host, perhaps with a port: `shop.test:443`")),
    }
}

fn header_text(node: &Node) -> Result<String, Diagnostic> {
    let text = node.text()?;
    match http::HeaderValue::from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(node.unexpected("a text that a header can hold, without line breaks")),
    }
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};

    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let node = document::parse(&Source::new("plan", text)).expect("yaml");
        shape()
            .check(&node, &Vec::new())
            .and_then(|()| Settings::from_plan(Some(&node)))
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn settings_read_as_written() {
        let settings = Settings::from_plan(None).expect("defaults");
        assert_eq!((settings.policy, settings.max_message), (Policy::Own, 4_194_304));
        let settings = read(
            "{connections: {shared: 4, streams: 7}, balance: round_robin, compression: zstd, max_message: 1kib,
              keep_alive: {every: 10s}, reconnect: {after: 100ms, up_to: 1s}, authority: 'shop.test:443'}",
        )
        .expect("reads");
        assert_eq!(settings.policy, Policy::Shared { connections: 4, streams: 7 });
        assert_eq!(settings.compression, Compression::Zstd);
        let keep_alive = settings.keep_alive.expect("given");
        assert_eq!((keep_alive.every.as_secs(), keep_alive.timeout.as_secs()), (10, 20));
        assert_eq!(settings.reconnect.expect("given").pause(9, 0.5), Duration::from_secs(1));
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        for (text, part) in [
            ("{deadline: 1s}", "write `timeout`"),
            ("{headers: {a: b}}", "`metadata`"),
            ("{streams: 5}", "beside `shared`"),
            ("{compression: brotli}", "gzip"),
            ("{authority: 'a b'}", "a host"),
            ("{user_agent: \"a\\nb\"}", "line breaks"),
            ("{max_message: 0}", "from 1 byte"),
            ("{reconnect: {after: 5s, up_to: 1s}}", "at least as long"),
            ("{keep_alive: {timeout: 1s}}", "`every`"),
        ] {
            let told = read(text).expect_err(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }
}
