//! Where the servers are.

use std::net::SocketAddr;
use std::sync::Arc;

use prony_core::{Diagnostic, Node, Place};
use prony_transport::Origin;
use url::Url;

/// A server, or one address of it, that calls can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) origin: Origin,
    /// The one address that is meant; `None` for any of the origin's.
    pub(crate) address: Option<SocketAddr>,
    /// The number of its origin among all.
    pub(crate) origin_number: usize,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address {
            Some(address) => write!(formatter, "{address}"),
            None => write!(formatter, "{}", self.origin),
        }
    }
}

const EXPECTED: &str = "a server such as `grpc://shop.test:50051` or `grpcs://shop.test:443`";

/// Reads `targets` of the settings, or else the plan's `target`.
///
/// # Errors
/// When there is none, or it makes no sense.
pub(crate) fn from_plan(target: Option<&Node>, settings: Option<&Node>) -> Result<Vec<Origin>, Diagnostic> {
    if let Some(list) = settings.and_then(|settings| settings.get("targets")) {
        let origins = list.items().iter().map(origin).collect::<Result<Vec<_>, _>>()?;
        if let Some(second) = (1..origins.len()).find(|at| origins[..*at].contains(&origins[*at])) {
            return Err(list.items()[second].unexpected("each server once"));
        }
        return Ok(origins);
    }
    match target {
        Some(node) => Ok(vec![origin(node)?]),
        None => {
            let place = settings.map_or_else(|| Place::nowhere("grpc"), |node| node.place.clone());
            Err(Diagnostic::at(&place, "no target", "expected where the server is").help(
                "add `target: grpc://HOST:PORT` to the plan or the scenario, or `targets` under `grpc:`",
            ))
        }
    }
}

fn origin(node: &Node) -> Result<Origin, Diagnostic> {
    let text = node.text()?;
    let whole = if text.contains("://") { text.to_owned() } else { format!("grpc://{text}") };
    let url = Url::parse(&whole).map_err(|error| node.unexpected(EXPECTED).help(error.to_string()))?;
    // gRPC has no port of its own; HTTP has, and `url` knows it.
    let (tls, port) = match url.scheme() {
        "grpc" => (false, url.port()),
        "grpcs" => (true, url.port()),
        "http" => (false, url.port().or(Some(80))),
        "https" => (true, url.port().or(Some(443))),
        _ => return Err(node.unexpected(EXPECTED)),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| node.unexpected(EXPECTED))?;
    let Some(port) = port else {
        return Err(node.unexpected("a server with its port, for gRPC has none of its own").help(format!(
            "write `{}://{host}:50051`, or `http://` or `https://` for the ports 80 and 443",
            url.scheme()
        )));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(node
            .unexpected("a target without a user")
            .help("credentials are metadata: `grpc: {metadata: {authorization: …}}`"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(node
            .unexpected("a target without a path")
            .help("what is called stands in the steps: `grpc: shop.v1.Cart/AddItem`"));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Ok(Origin { tls, host: Arc::from(host), port })
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};

    use super::*;

    fn read(text: &str) -> Result<Origin, String> {
        let node = document::parse(&Source::new("plan", format!("'{text}'"))).expect("yaml");
        origin(&node).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn servers_are_found_by_url() {
        for (text, host, port, tls) in [
            ("grpc://a.test:50051", "a.test", 50_051, false),
            ("A.test:9", "a.test", 9, false),
            ("grpcs://[::1]:8443", "::1", 8443, true),
            ("http://a.test", "a.test", 80, false),
            ("https://a.test/", "a.test", 443, true),
        ] {
            let origin = read(text).expect(text);
            assert_eq!((&*origin.host, origin.port, origin.tls), (host, port, tls), "{text}");
        }
        for (text, part) in [
            ("grpc://a.test", "with its port"),
            ("mqtt://a.test:1", "a server such as"),
            ("grpc://u:p@a.test:1", "credentials are metadata"),
            ("grpc://a.test:1/shop.v1.Cart", "stands in the steps"),
            ("grpc://", "a server such as"),
            ("", "a server such as"),
        ] {
            let told = read(text).expect_err(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    #[test]
    fn a_list_of_servers_takes_the_place_of_the_target() {
        let read = |text: &str| {
            let node = document::parse(&Source::new("plan", text)).expect("yaml");
            from_plan(None, Some(&node)).map_err(|mistake| mistake.to_string())
        };
        assert_eq!(read("targets: [a:1, b:2]").expect("reads").len(), 2);
        assert!(read("targets: [a:1, 'grpc://a:1']").expect_err("twice").contains("each server once"));
        assert!(read("timeout: 1s").expect_err("none").contains("no target"));
    }
}
