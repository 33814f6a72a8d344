//! The plan's `network:` — source addresses, names, time-outs.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use prony_core::{Diagnostic, Node, Place, SetupError, Shape};

use crate::source;

/// When names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dns {
    /// Before the load begins.
    Once,
    /// For each connection.
    PerConnection,
}

/// The checked `network:`.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) sources: Vec<IpAddr>,
    sources_place: Option<Place>,
    pub(crate) pinned: HashMap<(String, u16), SocketAddr>,
    pub(crate) dns: Dns,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls_timeout: Duration,
}

/// What may stand under `network:`.
pub(crate) fn shape() -> Shape {
    let source = Shape::list(Shape::text()).example("127.0.0.2..127.0.0.20");
    let resolve = Shape::map_of(Shape::text()).example("shop.test:443: 127.0.0.1");
    Shape::map()
        .key("source", source, "Local addresses that connections come from in turn: addresses and ranges. Default: the system's choice.")
        .key("resolve", resolve, "Addresses for names, `host:port` to address or address:port, instead of asking the DNS.")
        .key("dns", Shape::one_of(&["once", "per_connection"]), "When names are looked up: once before the load (default), or for each connection.")
        .key("connect_timeout", Shape::duration(), "The longest a TCP handshake may take. Default 10s.")
        .key("tls_timeout", Shape::duration(), "The longest a TLS handshake may take. Default 10s.")
}

impl Network {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let duration = |key: &str| get(key).map_or(Ok(Duration::from_secs(10)), Node::duration_above_zero);
        let mut pinned = HashMap::new();
        for (key, node) in get("resolve").into_iter().flat_map(Node::entries) {
            let host_and_port =
                key.name.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
            let Some((host, port)) = host_and_port else {
                return Err(Diagnostic::at(
                    &key.place,
                    format!("found `{}`", key.name),
                    "expected `host:port`",
                ));
            };
            let text = node.text()?;
            let address = text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, port)));
            let address =
                address.map_err(|_| node.unexpected("an address such as `127.0.0.1` or `127.0.0.1:8443`"))?;
            // Names are told apart without regard to case, and origins come in lower case.
            pinned.insert((host.trim_matches(['[', ']']).to_ascii_lowercase(), port), address);
        }
        Ok(Self {
            sources: get("source").map_or_else(|| Ok(Vec::new()), source::parse)?,
            sources_place: get("source").map(|node| node.place.clone()),
            pinned,
            dns: match get("dns").map(Node::text).transpose()? {
                Some("per_connection") => Dns::PerConnection,
                _ => Dns::Once,
            },
            connect_timeout: duration("connect_timeout")?,
            tls_timeout: duration("tls_timeout")?,
        })
    }

    /// Finds out whether the source addresses are this machine's. At run time the system has one word for an address that
    /// is not and for one whose ports are used up.
    pub(crate) fn try_sources(&self) -> Result<(), SetupError> {
        for address in &self.sources {
            if let Err(error) = UdpSocket::bind(SocketAddr::new(*address, 0)) {
                let place = self.sources_place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                return Err(SetupError(format!(
                    "{place}connections cannot come from {address}: {error}; expected addresses of this machine, see `ip addr`"
                )));
            }
        }
        Ok(())
    }
}
