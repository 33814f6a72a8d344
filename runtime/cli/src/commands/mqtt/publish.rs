//! `prony mqtt pub`: one message, and what the broker says to it.

use clap::Args;

use crate::commands::mqtt::by_hand;
use crate::commands::mqtt::connection::ConnectionFlags;
use crate::commands::{Failure, print};
use crate::exit;

/// Publishes one message and tells what the broker answered. Nothing in it is a template.
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// Where the broker is: `HOST`, `HOST:PORT`, or a URL with mqtt://, mqtts://, ws:// or wss://.
    target: String,
    /// The topic.
    topic: String,
    /// The payload: a text, or `@FILE`. Default: none.
    #[arg(value_name = "TEXT|@FILE")]
    payload: Option<String>,
    /// The QoS.
    #[arg(long, value_name = "QOS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// The broker keeps it; without a payload it forgets what it kept.
    #[arg(long, short)]
    retain: bool,
    #[command(flatten)]
    connection: ConnectionFlags,
}

impl Publish {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        let payload = match self.payload.as_deref().map(|text| (text, text.strip_prefix('@'))) {
            None => Vec::new(),
            Some((text, None)) => text.as_bytes().to_vec(),
            Some((_, Some(file))) => std::fs::read(file).map_err(|error| {
                Failure::Setup(format!(
                    "{file}: {error}; expected a readable file with the payload; a text that begins with @ must come from a file"
                ))
            })?,
        };
        let top = self.connection.plan(&self.target, self.connection.own_id());
        let answer = by_hand(top, async |mut client| {
            let answer = client.publish(&self.topic, &payload, self.qos, self.retain).await?;
            client.close().await;
            Ok(answer)
        })?;
        let answer = answer.map_err(|refusal| Failure::Setup(format!("{}: {refusal}", self.topic)))?;
        let bytes = if payload.len() == 1 { "byte" } else { "bytes" };
        print(&format!("{}: {} {bytes}, {answer}\n", self.topic, payload.len()));
        Ok(exit::PASSED)
    }
}
