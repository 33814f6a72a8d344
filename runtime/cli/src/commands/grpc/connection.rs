//! How a server is reached and what is known of its services, as flags of all forms of `prony grpc`.

use clap::Args;
use serde_json::{Map, Value as Json, json};

use crate::commands::quick::{self, duration};
use crate::commands::tls_flags::{NetworkFlags, TlsFlags};

/// Flags of every connection.
#[derive(Debug, Args)]
pub(super) struct ConnectionFlags {
    /// A .proto file that describes the services; several by further flags. Default: the server is asked (reflection).
    #[arg(long, value_name = "FILE", conflicts_with = "descriptors")]
    proto: Vec<String>,
    /// A folder in which .proto files look for what they import.
    #[arg(long = "import", alias = "import-paths", value_name = "FOLDER", requires = "proto")]
    imports: Vec<String>,
    /// A file with a FileDescriptorSet, in place of .proto files.
    #[arg(long, alias = "protoset", value_name = "FILE")]
    descriptors: Option<String>,
    /// Metadata of every call, a template; bytes in base64 where the name ends in -bin.
    #[arg(long, short = 'H', alias = "header", value_name = "NAME: VALUE", value_parser = metadata)]
    metadata: Vec<(String, String)>,
    /// The :authority of every call. Default: the host and port.
    #[arg(long, value_name = "HOST[:PORT]")]
    authority: Option<String>,
    /// The longest a call may take, which the server is told. Default 30s.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<String>,
    /// The longest message that is taken. Default 4mib.
    #[arg(long, value_name = "SIZE")]
    max_message: Option<String>,
    /// Over TLS, which the other TLS flags mean too; what is trusted is as of a plan's `tls:`.
    #[arg(long)]
    secure: bool,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    network: NetworkFlags,
}

fn metadata(text: &str) -> Result<(String, String), String> {
    match text.split_once([':', '=']) {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err("expected `name: value`".to_owned()),
    }
}

impl ConnectionFlags {
    /// A plan's top for the server at `target`, with `more` among the keys of `grpc:`.
    pub(super) fn plan(&self, target: &str, more: Map<String, Json>) -> Map<String, Json> {
        let mut settings = Map::new();
        let list = |list: &[String]| (!list.is_empty()).then(|| json!(list));
        let pairs = self.metadata.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
        let metadata: Map<_, _> = pairs.collect();
        for (key, value) in [
            ("proto", list(&self.proto)),
            ("imports", list(&self.imports)),
            ("descriptors", self.descriptors.clone().map(Json::from)),
            ("metadata", (!metadata.is_empty()).then(|| metadata.into())),
            ("authority", self.authority.clone().map(Json::from)),
            ("timeout", self.timeout.clone().map(Json::from)),
            ("max_message", self.max_message.clone().map(Json::from)),
        ] {
            value.map(|value| settings.insert(key.to_owned(), value));
        }
        settings.extend(more);
        let tls = self.tls.settings();
        let scheme = if self.secure || !tls.is_empty() { "grpcs" } else { "grpc" };
        let target = if target.contains("://") { target.to_owned() } else { format!("{scheme}://{target}") };
        let mut top = Map::new();
        top.insert("name".to_owned(), "prony grpc".into());
        top.insert("target".to_owned(), target.into());
        let parts = [("grpc", settings), ("tls", tls), ("network", self.network.settings())];
        quick::insert_filled(&mut top, parts);
        top
    }
}
