//! `prony ws URL`: the quick form of WebSocket, load from flags.

use clap::Args;
use prony_core::{Diagnostic, Place, Source};
use serde_json::{Map, Value as Json, json};

use crate::commands::Failure;
use crate::commands::quick::{self, JudgeFlags, LoadFlags, QuickFlags, duration, header};
use crate::commands::tls_flags::{NetworkFlags, TlsFlags};

/// Speaks WebSocket under load: a plan from flags. `--print-plan` shows it.
///
/// With a message each user sends it and waits for the answer, again and again. Without one users stay connected and take what
/// the server pushes.
#[derive(Debug, Args)]
pub(crate) struct Ws {
    /// Where to, such as `ws://127.0.0.1:9080/echo`. Templates such as `{{user.id}}` work behind the host.
    url: String,
    #[command(flatten)]
    load: LoadFlags,
    /// The message: a text, a template, or `@FILE`.
    #[arg(long, short, value_name = "TEXT|@FILE")]
    message: Option<String>,
    /// A made-up message of this size instead, sent as binary.
    #[arg(long, value_name = "SIZE", conflicts_with = "message")]
    size: Option<String>,
    /// Sends the message as binary.
    #[arg(long, requires = "message")]
    binary: bool,
    /// In how many frames a message goes. Default 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    fragments: Option<u32>,
    /// How an answer is known: a key that both have, such as `json $.id` or `regex /id=([0-9]+)/`. Default: the next message.
    #[arg(long = "match", value_name = "WHERE")]
    match_by: Option<String>,
    /// Sends and waits for no answer.
    #[arg(long, conflicts_with = "match_by")]
    no_answer: bool,
    /// A beat for each user's messages, such as `1s`. Default: the next when the last is answered.
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["rate", "requests", "new_connections"])]
    every: Option<String>,
    /// Where pushed messages have the number that their sender counts: `json $.seq`. What is missing, double or late is counted.
    #[arg(long, value_name = "WHERE")]
    sequence: Option<String>,
    /// Where pushed messages say when they were sent, in milliseconds since 1970 unless --unit says otherwise.
    #[arg(long, value_name = "WHERE")]
    time: Option<String>,
    /// How that is written: s, ms, us, ns, or iso.
    #[arg(long, value_name = "UNIT", requires = "time", value_parser = ["s", "ms", "us", "ns", "iso"])]
    unit: Option<String>,
    /// A header of the handshake.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A subprotocol to offer; the first is the favourite.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// The Origin header, as browsers send it.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// A bearer token for the handshake; a template.
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,
    /// A new connection for each iteration.
    #[arg(long)]
    new_connections: bool,
    /// Lost connections come back by themselves.
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    network: NetworkFlags,
    /// The longest a step may take. Default 30s.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<String>,
    /// How many redirects of the handshake to follow. Default 0.
    #[arg(long, value_name = "N")]
    redirects: Option<u32>,
    #[command(flatten)]
    judge: JudgeFlags,
    #[command(flatten)]
    quick: QuickFlags,
}

impl Ws {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        self.quick.execute("prony ws", &self.plan()?)
    }

    fn plan(&self) -> Result<Json, Diagnostic> {
        self.only_fitting_flags()?;
        let (target, path) = quick::split_url("prony ws", &self.url, ["ws", "wss"])?;
        let mut top = Map::new();
        top.insert("name".to_owned(), "prony ws".into());
        top.insert("target".to_owned(), target.into());
        let settings =
            [("ws", self.settings(path)), ("tls", self.tls.settings()), ("network", self.network.settings())];
        quick::insert_filled(&mut top, settings);
        let mut plan = self.load.plan(top, "ws", &self.step(), &self.judge);
        let steps = &mut plan["scenarios"]["main"]["steps"];
        let exchange = if self.is_listening() { json!({ "stay": true }) } else { steps[0].take() };
        let exchange = match &self.every {
            Some(every) => json!({ "every": every, "steps": [exchange] }),
            None => exchange,
        };
        // The handshake is a step of its own, with times of its own.
        let connect = json!({ "ws": "connect" });
        // Who only listens connects again when the server has ended the connection.
        *steps = match self.new_connections || self.is_listening() {
            true => json!([connect, exchange]),
            false => json!([{ "once": [connect] }, exchange]),
        };
        Ok(plan)
    }

    /// Without a message there is nothing that these could be about.
    fn only_fitting_flags(&self) -> Result<(), Diagnostic> {
        let of_a_message = [
            ("--match", self.match_by.is_some()),
            ("--check", !self.judge.checks.is_empty()),
            ("--every", self.every.is_some()),
            ("--no-answer", self.no_answer),
            ("--fragments", self.fragments.is_some()),
        ];
        match of_a_message.into_iter().find(|(_, given)| *given).filter(|_| self.is_listening()) {
            None => Ok(()),
            Some((flag, _)) => {
                let place = Place { start: 0, end: flag.len(), source: Source::new("prony ws", flag) };
                let found = format!("`{flag}` without a message");
                Err(Diagnostic::at(&place, found, "expected `--message` or `--size` beside it")
                    .help("without a message users only listen; thresholds judge that: `--threshold 'ws.connections_lost == 0'`"))
            }
        }
    }

    fn is_listening(&self) -> bool {
        self.message.is_none() && self.size.is_none()
    }

    fn step(&self) -> Json {
        let mut message = Map::new();
        match (&self.size, self.message.as_deref().map(|text| (text, text.strip_prefix('@')))) {
            (Some(size), _) => message.insert("size".to_owned(), size.as_str().into()),
            (None, Some((_, Some(file)))) => {
                message.insert("type".to_owned(), if self.binary { "binary" } else { "text" }.into());
                message.insert("file".to_owned(), file.into())
            }
            (None, text) => {
                if self.binary {
                    message.insert("type".to_owned(), "binary".into());
                }
                message.insert("text".to_owned(), text.map_or("", |(text, _)| text).into())
            }
        };
        if let Some(fragments) = self.fragments {
            message.insert("fragments".to_owned(), fragments.into());
        }
        let action = if self.no_answer { "send" } else { "request" };
        let mut step = json!({ action: message });
        if let Some(place) = &self.match_by {
            step["match"] = place.as_str().into();
        }
        step
    }

    fn settings(&self, path: &str) -> Map<String, Json> {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
        let headers: Map<_, _> = headers.collect();
        let feed: Map<_, _> = [("sequence", &self.sequence), ("time", &self.time), ("unit", &self.unit)]
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into())))
            .collect();
        let feed = match feed.is_empty() {
            true => self.is_listening().then(|| true.into()),
            false => Some(Json::from(feed)),
        };
        let text = |text: &Option<String>| text.clone().map(Json::from);
        let values = [
            ("path", (path != "/").then(|| path.into())),
            ("headers", (!headers.is_empty()).then(|| headers.into())),
            ("subprotocols", (!self.subprotocols.is_empty()).then(|| self.subprotocols.clone().into())),
            ("origin", text(&self.origin)),
            ("bearer", text(&self.bearer)),
            ("connections", self.new_connections.then(|| "per_iteration".into())),
            ("timeout", text(&self.timeout)),
            ("redirects", self.redirects.map(Json::from)),
            ("reconnect", self.reconnect.then(|| true.into())),
            ("feed", feed),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::plan::Plan;
    use std::path::Path;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        ws: Ws,
    }

    fn typed(flags: &[&str]) -> Json {
        let words = ["prony", "ws://chat.test:9080/room/{{user.id}}?a=b"].iter().chain(flags);
        let plan = Typed::try_parse_from(words).expect("flags").ws.plan().expect("a plan");
        Plan::from_text("prony ws", &quick::to_text(&plan), Path::new(".")).expect("a plan");
        plan
    }

    #[test]
    fn a_url_alone_is_listened_to() {
        let plan = typed(&["--users=100"]);
        assert_eq!(plan["target"], "ws://chat.test:9080");
        assert_eq!(plan["ws"], json!({ "path": "/room/{{user.id}}?a=b", "feed": true }));
        assert_eq!(plan["scenarios"]["main"]["steps"], json!([{ "ws": "connect" }, { "stay": true }]));
    }

    #[test]
    fn flags_become_the_words_of_a_plan() {
        let plan = typed(&[
            "--message={\"id\": \"{{random.uuid}}\"}",
            "--match=json $.id",
            "--every=1s",
            "--subprotocol=chat.v2",
            "-H=x-tenant: a",
            "--bearer=secret",
            "--reconnect",
            "--check=time < 1s",
        ]);
        assert_eq!(
            plan["ws"],
            json!({
                "path": "/room/{{user.id}}?a=b", "headers": { "x-tenant": "a" }, "subprotocols": ["chat.v2"],
                "bearer": "secret", "reconnect": true,
            })
        );
        assert_eq!(
            plan["scenarios"]["main"]["steps"][1],
            json!({
                "every": "1s",
                "steps": [{
                    "ws": { "request": { "text": "{\"id\": \"{{random.uuid}}\"}" }, "match": "json $.id" },
                    "check": ["time < 1s"],
                }],
            })
        );
    }

    #[test]
    fn connections_can_be_new_each_time() {
        let plan = typed(&["--size=1kb", "--no-answer", "--new-connections", "--rate=50", "--fragments=3"]);
        assert_eq!(plan["ws"]["connections"], "per_iteration");
        assert_eq!(
            plan["scenarios"]["main"]["steps"],
            json!([{ "ws": "connect" }, { "ws": { "send": { "size": "1kb", "fragments": 3 } } }])
        );
    }
}
