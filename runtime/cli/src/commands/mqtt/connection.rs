//! How a broker is reached and who one is to it, as flags of all forms of `prony mqtt`.

use clap::Args;
use serde_json::{Map, Value as Json};

use crate::commands::quick::{self, duration};
use crate::commands::tls_flags::{NetworkFlags, TlsFlags};

/// Flags of every connection.
#[derive(Debug, Args)]
pub(super) struct ConnectionFlags {
    /// Which MQTT. Default 3.1.1.
    #[arg(long = "mqtt", value_name = "VERSION", value_parser = ["3.1.1", "5"])]
    version: Option<String>,
    /// The client identifier, a template: `meter-{{user.id}}`. Default: made up, all unique.
    #[arg(long, short = 'i', value_name = "ID")]
    client_id: Option<String>,
    /// The user name, a template. `${NAME}` is a variable of the environment.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The password, a template. `${NAME}` keeps it out of the command line.
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// The longest silence before a ping. Default 60s.
    #[arg(long, value_name = "TIME")]
    keep_alive: Option<String>,
    /// The longest that connecting or an acknowledgement may take. Default 30s.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<String>,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    network: NetworkFlags,
}

impl ConnectionFlags {
    /// The client identifier as a key of `mqtt:`, for whom it is: [`Self::plan`] gives it to nobody.
    pub(super) fn own_id(&self) -> Map<String, Json> {
        let id = self.client_id.as_deref();
        id.into_iter().map(|id| ("client_id".to_owned(), id.into())).collect()
    }

    /// A plan's top for the broker at `target`, with `more` among the keys of `mqtt:`.
    pub(super) fn plan(&self, target: &str, more: Map<String, Json>) -> Map<String, Json> {
        let mut settings = Map::new();
        for (key, value) in [
            ("version", &self.version),
            ("username", &self.username),
            ("password", &self.password),
            ("keep_alive", &self.keep_alive),
            ("timeout", &self.timeout),
        ] {
            value.as_deref().map(|value| settings.insert(key.to_owned(), value.into()));
        }
        settings.extend(more);
        let target = if target.contains("://") { target.to_owned() } else { format!("mqtt://{target}") };
        let mut top = Map::new();
        top.insert("name".to_owned(), "prony mqtt".into());
        top.insert("target".to_owned(), target.into());
        let parts = [("mqtt", settings), ("tls", self.tls.settings()), ("network", self.network.settings())];
        quick::insert_filled(&mut top, parts);
        top
    }
}
