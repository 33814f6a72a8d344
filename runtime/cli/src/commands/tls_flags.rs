//! Whom to trust and where connections come from, as flags: what the quick forms of all protocols share.

use clap::Args;
use serde_json::{Map, Value as Json, json};

/// A plan's `tls:`, as flags.
#[derive(Debug, Args)]
pub(crate) struct TlsFlags {
    /// Accepts any certificate.
    #[arg(long, short = 'k')]
    insecure: bool,
    /// A PEM file with certificates to trust.
    #[arg(long, value_name = "FILE")]
    cacert: Option<String>,
    /// A PEM file with the client's certificate.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<String>,
    /// A PEM file with the client's private key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<String>,
}

/// A plan's `network:`, as flags.
#[derive(Debug, Args)]
pub(crate) struct NetworkFlags {
    /// An address for a name, instead of asking the DNS: `shop.test:443:127.0.0.1`.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve)]
    resolve: Vec<(String, String)>,
    /// Local addresses that connections come from: `127.0.0.2..127.0.0.20`.
    #[arg(long, alias = "source-address", value_name = "ADDRESSES")]
    source: Vec<String>,
}

fn resolve(text: &str) -> Result<(String, String), String> {
    let wrong = || "expected HOST:PORT:ADDRESS, for example shop.test:443:127.0.0.1".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    Ok((format!("{host}:{port}"), address.to_owned()))
}

impl TlsFlags {
    /// The keys under `tls:`.
    pub(crate) fn settings(&self) -> Map<String, Json> {
        let mut tls = Map::new();
        if self.insecure {
            tls.insert("insecure".to_owned(), true.into());
        }
        if let Some(file) = &self.cacert {
            tls.insert("ca".to_owned(), json!([file]));
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            tls.insert("certificate".to_owned(), certificate.as_str().into());
            tls.insert("key".to_owned(), key.as_str().into());
        }
        tls
    }
}

impl NetworkFlags {
    /// The keys under `network:`.
    pub(crate) fn settings(&self) -> Map<String, Json> {
        let mut network = Map::new();
        if !self.source.is_empty() {
            network.insert("source".to_owned(), self.source.clone().into());
        }
        if !self.resolve.is_empty() {
            let pinned =
                self.resolve.iter().map(|(name, address)| (name.clone(), Json::from(address.as_str())));
            network.insert("resolve".to_owned(), pinned.collect::<Map<_, _>>().into());
        }
        network
    }
}
