//! Where a WebSocket is.

use std::sync::Arc;

use prony_core::{Diagnostic, Node};
use prony_transport::Origin;
use url::Url;

/// A server and a path on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// The path, with its query.
    pub(crate) path: String,
}

const EXPECTED: &str = "a WebSocket's place such as `ws://chat.test:8080/room` or `wss://…`";

impl Target {
    /// Reads a plan's `target:`. `http` and `https` stand for `ws` and `wss`; without a scheme it is `ws`.
    ///
    /// # Errors
    /// When it is no URL, or one of another scheme.
    pub(crate) fn from_plan(node: &Node) -> Result<Self, Diagnostic> {
        let text = node.text()?;
        let whole = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
        let url = Url::parse(&whole).map_err(|error| node.unexpected(EXPECTED).help(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(node
                .unexpected("a target without a user")
                .help("write `ws: {basic: {user: …, password: …}}`"));
        }
        Self::from_url(&url).ok_or_else(|| node.unexpected(EXPECTED))
    }

    /// The place of a URL, if it can be a WebSocket's.
    pub(crate) fn from_url(url: &Url) -> Option<Self> {
        let (tls, default) = match url.scheme() {
            "ws" | "http" => (false, 80),
            "wss" | "https" => (true, 443),
            _ => return None,
        };
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let origin = Origin { tls, host: Arc::from(host), port: url.port().unwrap_or(default) };
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Some(Self { origin, path })
    }

    /// Where `location` leads from here: another place, or the same server's other path.
    pub(crate) fn redirected(&self, location: &str) -> Option<Self> {
        let scheme = if self.origin.tls { "wss" } else { "ws" };
        let here = Url::parse(&format!("{scheme}://{}{}", self.origin, self.path)).ok()?;
        Self::from_url(&here.join(location).ok()?)
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
    fn servers_are_found_by_url() {
        for (text, port, tls, path) in [
            ("ws://a.test", 80, false, "/"),
            ("a.test:8080/chat", 8080, false, "/chat"),
            ("wss://a.test/chat?room=1", 443, true, "/chat?room=1"),
            ("http://a.test:90", 90, false, "/"),
            ("https://a.test", 443, true, "/"),
        ] {
            let target = read(text).expect(text);
            assert_eq!(
                (target.origin.port, target.origin.tls, target.path.as_str()),
                (port, tls, path),
                "{text}"
            );
        }
        assert_eq!(&*read("ws://[::1]:9").expect("IPv6").origin.host, "::1");
        for text in ["mqtt://a.test", "ws://u:p@a.test", "ws://", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn redirects_lead_to_paths_and_places() {
        let here = read("wss://a.test:9/x/y").expect("a target");
        for (location, there) in [
            ("/z", "wss://a.test:9/z"),
            ("z", "wss://a.test:9/x/z"),
            ("https://b.test/q?r=1", "wss://b.test/q?r=1"),
            ("ws://b.test", "ws://b.test"),
        ] {
            assert_eq!(here.redirected(location), read(there).ok(), "{location}");
        }
        assert_eq!(here.redirected("mailto:a@b.test"), None);
    }
}
