//! What an output may say of itself, as far as kinds share it: where it goes, labels, headers, periods, buckets.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use prony_core::{Diagnostic, Node, Shape};
use prony_transport::{Connector, Origin};
use url::Url;

use super::carrier::{Endpoint, Reads, basic};
use super::labels::RunLabels;
use crate::report::About;

/// An output's words.
pub(super) struct Settings<'a> {
    /// Its kind.
    pub(super) kind: &'static str,
    /// A text, which says where, or a map.
    pub(super) node: &'a Node,
    /// The key of the map that says where.
    pub(super) place: &'static str,
    pub(super) about: &'a About,
    /// Relative paths start from here.
    pub(super) folder: &'a Path,
}

/// The keys that all kinds have, added to a kind's own.
pub(super) fn common(shape: Shape) -> Shape {
    shape
        .key(
            "labels",
            RunLabels::shape(),
            "Labels of all figures, beside `plan` and `run`, which they may replace.",
        )
        .key("period", Shape::duration(), "How much time is told of at once: a second or more.")
}

/// The keys of those that are posted to.
pub(super) fn posted(shape: Shape) -> Shape {
    shape
        .key("headers", Shape::map_of(Shape::text()), "Headers of every request. Secrets come from the environment: `${TOKEN}`.")
        .key("timeout", Shape::duration(), "How long a push may take before it is tried again. Default 5s. When the run has ended there is twice as much for all that is left.")
        .key("tls", Connector::tls_shape(), "Whom to trust and who to be over TLS.")
}

/// The key of those with buckets.
pub(super) fn bucketed(shape: Shape) -> Shape {
    shape.key("buckets", Shape::filled_list(Shape::number()), "The upper bounds of a classic histogram's buckets, in seconds, ascending. Default: seven a decade from 100 µs to 70 s.")
}

impl<'a> Settings<'a> {
    /// A key of the map, or the place itself.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        if self.node.is_map() { self.node.get(key) } else { Some(self.node).filter(|_| key == self.place) }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, Diagnostic> {
        self.get(key).map(Node::text).transpose()
    }

    /// Where it goes: a node that is there, for the shape asks for it.
    pub(super) fn place(&self) -> Result<&'a Node, Diagnostic> {
        self.get(self.place).ok_or_else(|| self.node.unexpected(&format!("`{}`", self.place)))
    }

    pub(super) fn labels(&self) -> Result<RunLabels, Diagnostic> {
        RunLabels::new(self.about, prony_engine::clock::wall_clock(), self.get("labels"))
    }

    pub(super) fn period(&self, usual: Duration) -> Result<Duration, Diagnostic> {
        let Some(node) = self.get("period") else { return Ok(usual) };
        match node.duration()? {
            period if period >= Duration::from_secs(1) => Ok(period),
            _ => Err(node.unexpected("a second or more").help("figures are told once a second")),
        }
    }

    pub(super) fn timeout(&self) -> Result<Duration, Diagnostic> {
        self.get("timeout").map_or(Ok(Duration::from_secs(5)), Node::duration_above_zero)
    }

    pub(super) fn buckets(&self) -> Result<Vec<f64>, Diagnostic> {
        let Some(node) = self.get("buckets") else { return Ok(super::buckets::usual_bounds()) };
        let bounds = node.items().iter().map(Node::number).collect::<Result<Vec<_>, _>>()?;
        if bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.first().is_some_and(|first| *first > 0.0)
        {
            Ok(bounds)
        } else {
            Err(node.unexpected("bounds above 0, each larger than the one before"))
        }
    }

    /// The address to listen at or to send to.
    pub(super) fn address(&self) -> Result<(SocketAddr, String), Diagnostic> {
        let node = self.place()?;
        let text = node.text()?;
        let found = text.to_socket_addrs().map(|mut addresses| addresses.next());
        match found {
            Ok(Some(address)) => Ok((address, format!("{} {text}", self.kind))),
            Ok(None) => Err(node.unexpected("a name that has an address, and a port")),
            Err(error) => Err(node
                .unexpected("an address and a port, such as 127.0.0.1:9464")
                .help(format!("looking it up said: {error}"))),
        }
    }

    /// The URL, without what is secret in it.
    pub(super) fn url(&self) -> Result<Url, Diagnostic> {
        let node = self.place()?;
        let wrong = |help: String| node.unexpected("a URL, such as http://127.0.0.1:9090/path").help(help);
        let url = Url::parse(node.text()?).map_err(|error| wrong(error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.host_str().is_some() => Ok(url),
            scheme => Err(wrong(format!("`{scheme}` is not spoken here; write http:// or https://"))),
        }
    }

    /// What is posted to: the URL's host and path, headers, TLS.
    pub(super) fn endpoint(
        &self,
        url: &Url,
        more: Vec<(HeaderName, String)>,
        reads: Reads,
    ) -> Result<Endpoint, Diagnostic> {
        let place = self.place()?;
        let mut headers = Vec::new();
        if !url.username().is_empty() {
            let decoded =
                |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            let pair = basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()));
            headers.push((pair, place));
        }
        headers.extend(more.into_iter().map(|pair| (pair, place)));
        for (key, value) in self.get("headers").into_iter().flat_map(Node::entries) {
            let name = HeaderName::from_bytes(key.name.as_bytes()).map_err(|_| {
                Diagnostic::at(&key.place, format!("`{}` as a header", key.name), "expected a header's name")
                    .help("names of headers have letters, digits and hyphens")
            })?;
            headers.push(((name, value.text()?.to_owned()), value));
        }
        let headers = headers.into_iter().map(|((name, value), node)| {
            let mut checked = HeaderValue::from_str(&value).map_err(|_| {
                Diagnostic::at(&node.place, format!("the value of `{name}` has signs that no header can have"), "here")
                    .help("line ends and control characters are not allowed; is the variable of the environment right?")
            })?;
            checked.set_sensitive(true);
            Ok((name, checked))
        });
        let headers = headers.collect::<Result<Vec<_>, Diagnostic>>()?;
        let tls = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(80);
        let alpn = if let Reads::Grpc(_) = reads { b"h2".to_vec() } else { b"http/1.1".to_vec() };
        let connector = Connector::from_plan(None, self.get("tls"), self.folder)?;
        let connector = connector.build(vec![alpn]).map_err(|error| {
            Diagnostic::at(&place.place, error.to_string(), "for this output").help("look at its `tls`")
        })?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Endpoint { origin: Origin { tls, host: host.into(), port }, path, headers, reads, connector })
    }

    /// As people know it: the kind, and the URL without user and query.
    pub(super) fn name(&self, url: &Url) -> String {
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{} {}://{}{port}", self.kind, url.scheme(), url.host_str().unwrap_or_default())
    }
}
