//! `prony grpc call`: one call, and all that comes of it.

use clap::Args;
use prony_grpc::poke::Heard;
use serde_json::Value as Json;

use crate::commands::grpc::connection::ConnectionFlags;
use crate::commands::grpc::{by_hand, read};
use crate::commands::{Failure, print, quick};
use crate::exit;

/// Calls a method once and prints what comes. Nothing in it is a template. A status that is not OK is exit code 1.
#[derive(Debug, Args)]
pub(super) struct Call {
    /// Where the server is: `HOST:PORT`, or a URL with grpc:// or grpcs://.
    target: String,
    /// The method: `shop.v1.Cart/AddItem`.
    method: String,
    /// The message as JSON, or `@FILE`; a list is the messages of a stream. Default: empty.
    #[arg(long, value_name = "JSON|@FILE")]
    data: Option<String>,
    /// Shows metadata and trailers too.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    connection: ConnectionFlags,
}

impl Call {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        let messages = self.messages()?;
        let top = self.connection.plan(&self.target, serde_json::Map::new());
        let answered = by_hand(top, async |mut client| {
            let mut hear = |heard: Heard| match heard {
                Heard::Metadata(pairs) if self.verbose => print(&lines("metadata", &pairs)),
                Heard::Metadata(_) => {}
                Heard::Message(json) => print(&format!("{}\n", pretty(&json))),
            };
            client.call(&self.method, &messages, &[], &mut hear).await
        })?;
        if self.verbose {
            print(&lines("trailer", &answered.trailers));
        }
        if answered.status == 0 {
            return Ok(exit::PASSED);
        }
        anstream::eprintln!("{}", answered.story);
        Ok(exit::THRESHOLDS_FAILED)
    }

    fn messages(&self) -> Result<Vec<String>, Failure> {
        let Some(data) = &self.data else { return Ok(Vec::new()) };
        let text = read(data)?;
        let json = quick::json_text(&text).map_err(|told| Failure::Setup(format!("--data: {told}")))?;
        Ok(match json {
            Json::Array(items) => items.iter().map(Json::to_string).collect(),
            one => vec![one.to_string()],
        })
    }
}

fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<Json>(json);
    value.ok().and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| json.to_owned())
}

fn lines(what: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{what} {name}: {}\n", value.escape_debug())).collect()
}
