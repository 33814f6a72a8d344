//! `prony grpc list` and `describe`: what a server has.

use clap::Args;

use crate::commands::grpc::by_hand;
use crate::commands::grpc::connection::ConnectionFlags;
use crate::commands::{Failure, print};
use crate::exit;

/// Lists the services of a server, or the methods of one.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Where the server is: `HOST:PORT`, or a URL with grpc:// or grpcs://.
    target: String,
    /// The service whose methods are listed.
    service: Option<String>,
    #[command(flatten)]
    connection: ConnectionFlags,
}

impl List {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        let top = self.connection.plan(&self.target, serde_json::Map::new());
        let names = by_hand(top, async |mut client| match &self.service {
            None => client.list().await,
            Some(service) => client.methods(service).await,
        })?;
        print(&names.iter().map(|name| format!("{name}\n")).collect::<String>());
        Ok(exit::PASSED)
    }
}

/// Shows a service, method, message or enum as .proto text; of a method also a message to start from.
#[derive(Debug, Args)]
pub(super) struct Describe {
    /// Where the server is: `HOST:PORT`, or a URL with grpc:// or grpcs://.
    target: String,
    /// Its full name: `shop.v1.Cart`, `shop.v1.Cart/AddItem`, `shop.v1.Item`.
    symbol: String,
    #[command(flatten)]
    connection: ConnectionFlags,
}

impl Describe {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        let top = self.connection.plan(&self.target, serde_json::Map::new());
        let (text, example) = by_hand(top, async |mut client| {
            let text = client.describe(&self.symbol).await?;
            // What is no method has no message to start from.
            let example = if text.trim_start().starts_with("rpc ") || self.symbol.contains('/') {
                client.example(&self.symbol).await.ok()
            } else {
                None
            };
            Ok((text, example))
        })?;
        print(text.trim_end());
        print("\n");
        if let Some(example) = example {
            print(&format!("\nA message to start from, for --data:\n{example}\n"));
        }
        Ok(exit::PASSED)
    }
}
