//! `prony mqtt sub`: messages as they come.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use prony_core::units::parse_duration;
use prony_mqtt::poke::{Client, Message};
use tokio::sync::Notify;

use crate::commands::mqtt::by_hand;
use crate::commands::mqtt::connection::ConnectionFlags;
use crate::commands::quick::duration;
use crate::commands::{Failure, print};
use crate::exit;

/// Prints messages as they come, until --count, --for or ctrl-c: the topic and the payload, in hex when it is no text.
#[derive(Debug, Args)]
pub(super) struct Subscribe {
    /// Where the broker is: `HOST`, `HOST:PORT`, or a URL with mqtt://, mqtts://, ws:// or wss://.
    target: String,
    /// The topic filters.
    #[arg(required = true, value_name = "FILTER")]
    filters: Vec<String>,
    /// The QoS asked for.
    #[arg(long, value_name = "QOS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Ends after so many messages.
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Ends after so long. With --count, fewer messages in that time are exit code 1.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasting: Option<String>,
    #[command(flatten)]
    connection: ConnectionFlags,
}

impl Subscribe {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        let interrupted = Arc::new(Notify::new());
        let told = Arc::clone(&interrupted);
        ctrlc::set_handler(move || told.notify_one())
            .map_err(|error| Failure::Setup(format!("interrupts cannot be caught: {error}")))?;
        let top = self.connection.plan(&self.target, self.connection.own_id());
        let seen = by_hand(top, async |mut client| {
            client.subscribe(&self.filters, self.qos).await?;
            let mut seen = 0;
            let ended = tokio::select! {
                ended = self.show(&mut client, &mut seen) => ended,
                () = self.time() => Ok(()),
                () = interrupted.notified() => Ok(()),
            };
            client.close().await;
            ended.map(|()| seen)
        })?;
        match self.count {
            Some(wanted) if seen < wanted => {
                anstream::eprintln!("{seen} of {wanted} messages came");
                Ok(exit::THRESHOLDS_FAILED)
            }
            _ => Ok(exit::PASSED),
        }
    }

    async fn show(&self, client: &mut Client, seen: &mut u64) -> Result<(), Failure> {
        while self.count.is_none_or(|count| *seen < count) {
            let message = client.next().await?;
            *seen += 1;
            print(&line(&message));
        }
        Ok(())
    }

    async fn time(&self) {
        match self.lasting.as_deref().and_then(|text| parse_duration(text).ok()) {
            Some(time) => tokio::time::sleep(time).await,
            None => tokio::time::sleep(Duration::MAX).await,
        }
    }
}

/// A message as a line. What could move a terminal's cursor is shown in hex.
fn line(message: &Message) -> String {
    let mut line: String = message.topic.escape_debug().to_string();
    if message.retained {
        line.push_str(" (retained)");
    }
    match std::str::from_utf8(&message.payload) {
        Ok("") => {}
        Ok(text) if !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) => {
            line.push_str("  ");
            line.push_str(text);
        }
        _ => {
            line.push_str("  0x");
            // Writing to a text cannot fail.
            message.payload.iter().for_each(|byte| {
                let _ = write!(line, "{byte:02x}");
            });
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_text_or_hex() {
        for (payload, retained, shown) in [
            (&b"hello"[..], false, "a/b  hello\n"),
            ("grün\n2".as_bytes(), true, "a/b (retained)  grün\n2\n"),
            (b"", false, "a/b\n"),
            (b"\x1b[2J", false, "a/b  0x1b5b324a\n"),
            (b"\xff\x00", false, "a/b  0xff00\n"),
        ] {
            let message = Message { topic: "a/b".to_owned(), payload: payload.to_vec(), retained };
            assert_eq!(line(&message), shown);
        }
    }
}
