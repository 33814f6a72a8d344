//! Where a broker is, and how its bytes are carried.

use std::sync::Arc;

use prony_core::{Diagnostic, Node};
use prony_transport::Origin;
use url::Url;

/// A broker's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// The path of the WebSocket that carries the bytes; `None` for plain TCP or TLS.
    pub(crate) websocket: Option<String>,
}

const EXPECTED: &str =
    "a broker such as `mqtt://broker.test:1883`, `mqtts://…`, `ws://broker.test/mqtt` or `wss://…`";

impl Target {
    /// Reads a plan's `target:`. Ports default to 1883, 8883, 80 and 443.
    ///
    /// # Errors
    /// When it is no URL, or one of another scheme.
    pub(crate) fn from_plan(node: &Node) -> Result<Self, Diagnostic> {
        let text = node.text()?;
        let whole = if text.contains("://") { text.to_owned() } else { format!("mqtt://{text}") };
        let url = Url::parse(&whole).map_err(|error| node.unexpected(EXPECTED).help(error.to_string()))?;
        let (tls, port, websocket) = match url.scheme() {
            "mqtt" | "tcp" => (false, 1883, false),
            "mqtts" | "ssl" | "tls" => (true, 8883, false),
            "ws" => (false, 80, true),
            "wss" => (true, 443, true),
            _ => return Err(node.unexpected(EXPECTED)),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| node.unexpected(EXPECTED))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(node
                .unexpected("a target without a user")
                .help("write `mqtt: {username: …, password: …}`"));
        }
        let path = url.path();
        if !websocket && !matches!(path, "" | "/") {
            return Err(node
                .unexpected("a target without a path")
                .help("topics belong to the steps; only `ws://` and `wss://` have a path"));
        }
        let mut target = if matches!(path, "" | "/") { "/mqtt".to_owned() } else { path.to_owned() };
        if let Some(query) = url.query() {
            target = format!("{target}?{query}");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let origin = Origin { tls, host: Arc::from(host), port: url.port().unwrap_or(port) };
        Ok(Self { origin, websocket: websocket.then_some(target) })
    }
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};

    use super::*;

    fn read(text: &str) -> Result<Target, String> {
        let node = document::parse(&Source::new("plan", format!("'{text}'"))).expect("yaml");
        Target::from_plan(&node).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn brokers_are_found_by_url() {
        for (text, port, tls, websocket) in [
            ("mqtt://a.test", 1883, false, None),
            ("a.test", 1883, false, None),
            ("a.test:18830", 18_830, false, None),
            ("mqtts://a.test", 8883, true, None),
            ("ws://a.test:8080", 8080, false, Some("/mqtt")),
            ("wss://a.test/x?y=1", 443, true, Some("/x?y=1")),
        ] {
            let target = read(text).expect(text);
            assert_eq!((target.origin.port, target.origin.tls), (port, tls), "{text}");
            assert_eq!(target.websocket.as_deref(), websocket, "{text}");
        }
        assert_eq!(&*read("mqtt://[::1]").expect("IPv6").origin.host, "::1");
        for text in ["http://a.test", "mqtt://a.test/topic", "mqtt://u:p@a.test", "mqtt://", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
