//! Load on one method, from flags.

use clap::Args;
use serde_json::{Map, Value as Json, json};

use crate::commands::Failure;
use crate::commands::grpc::connection::ConnectionFlags;
use crate::commands::grpc::read;
use crate::commands::quick::{self, JudgeFlags, LoadFlags, QuickFlags, duration};

/// A method and how it is called, as flags.
#[derive(Debug, Args)]
pub(super) struct Load {
    /// Where the server is: `HOST:PORT`, or a URL with grpc:// or grpcs://.
    #[arg(required = true)]
    target: Option<String>,
    /// The method: `shop.v1.Cart/AddItem`.
    #[arg(required = true)]
    method: Option<String>,
    #[command(flatten)]
    load: LoadFlags,
    /// The message as JSON, or `@FILE`; texts in it are templates. A list is the messages of a stream. Default: empty.
    #[arg(long, value_name = "JSON|@FILE", conflicts_with = "raw")]
    data: Option<String>,
    /// A file with the message's bytes, instead.
    #[arg(long, alias = "binary-file", value_name = "FILE")]
    raw: Option<String>,
    /// All users share so many connections. Default: each user has its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: Option<u32>,
    /// Streams at a time on a shared connection. Default 100.
    #[arg(long, value_name = "N", requires = "connections", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    streams: Option<u32>,
    /// A new connection for each call.
    #[arg(long, conflicts_with = "connections")]
    new_connections: bool,
    /// How messages are compressed that are sent. Default: not at all.
    #[arg(long, value_name = "KIND", value_parser = ["identity", "gzip", "zstd"])]
    compression: Option<String>,
    /// How often an HTTP/2 PING is sent on a connection. Default: never.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    keep_alive: Option<String>,
    /// Which of a name's addresses a call goes to: the first that answers, or one after the other.
    #[arg(long, value_name = "HOW", value_parser = ["pick_first", "round_robin"])]
    balance: Option<String>,
    /// Calls wait for a connection that cannot be made yet.
    #[arg(long)]
    wait_for_ready: bool,
    /// Streams: how many messages a call sends.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Streams: a beat for the messages of a call.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<String>,
    /// Streams: how long a call sends messages.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    send_for: Option<String>,
    /// Streams: how many messages a call takes before it is cancelled.
    #[arg(long, value_name = "N")]
    receive: Option<u64>,
    /// Streams both ways: the field by which an answer finds its request. Default: by order.
    #[arg(long = "match", value_name = "FIELD")]
    match_by: Option<String>,
    /// Streams both ways: how many messages may wait for their answers; 1 is ping-pong.
    #[arg(long, value_name = "N")]
    in_flight: Option<u64>,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    judge: JudgeFlags,
    #[command(flatten)]
    quick: QuickFlags,
}

impl Load {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        self.quick.execute("prony grpc", &self.plan()?)
    }

    fn plan(&self) -> Result<Json, Failure> {
        let top = self.connection.plan(self.target.as_deref().unwrap_or_default(), self.settings());
        Ok(self.load.plan(top, "grpc", &self.step()?, &self.judge))
    }

    fn step(&self) -> Result<Json, Failure> {
        let mut step = Map::new();
        let mut set = |key: &str, value: Option<Json>| {
            value.map(|value| step.insert(key.to_owned(), value));
        };
        let method = self.method.as_deref().unwrap_or_default();
        set("call", Some(method.into()));
        if let Some(data) = &self.data {
            let text = read(data)?;
            let json = quick::json_text(&text).map_err(|told| {
                Failure::Setup(format!(
                    "--data: {told}; in a shell, JSON stands in single quotes: --data '{{\"id\": 7}}'"
                ))
            })?;
            set(if json.is_array() { "messages" } else { "data" }, Some(json));
        }
        set("raw", self.raw.as_ref().map(|file| json!({ "file": file })));
        set("count", self.count.map(Json::from));
        set("every", self.every.clone().map(Json::from));
        set("for", self.send_for.clone().map(Json::from));
        set("receive", self.receive.map(Json::from));
        set("key", self.match_by.clone().map(Json::from));
        set("in_flight", self.in_flight.map(Json::from));
        Ok(if step.len() == 1 { method.into() } else { step.into() })
    }

    fn settings(&self) -> Map<String, Json> {
        let connections = match (self.connections, self.streams) {
            (Some(shared), None) => Some(json!({ "shared": shared })),
            (Some(shared), Some(streams)) => Some(json!({ "shared": shared, "streams": streams })),
            (None, _) => self.new_connections.then(|| "per_iteration".into()),
        };
        let values = [
            ("connections", connections),
            ("compression", self.compression.clone().map(Json::from)),
            ("keep_alive", self.keep_alive.as_ref().map(|every| json!({ "every": every }))),
            ("balance", self.balance.clone().map(Json::from)),
            ("wait_for_ready", self.wait_for_ready.then(|| true.into())),
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
        load: Load,
    }

    fn typed(flags: &[&str]) -> Json {
        let words = ["prony", "shop.test:50051", "shop.v1.Cart/AddItem"].iter().chain(flags);
        let plan = Typed::try_parse_from(words).expect("flags").load.plan().expect("a plan");
        Plan::from_text("prony grpc", &quick::to_text(&plan), Path::new(".")).expect("a plan");
        plan
    }

    #[test]
    fn a_method_alone_is_called_with_an_empty_message() {
        let plan = typed(&[]);
        assert_eq!(plan["target"], "grpc://shop.test:50051");
        assert_eq!(plan["scenarios"]["main"]["steps"], json!([{ "grpc": "shop.v1.Cart/AddItem" }]));
        assert_eq!(plan.get("grpc"), None);
    }

    #[test]
    fn flags_become_the_words_of_a_plan() {
        let plan = typed(&[
            "--data={\"id\": \"{{user.id}}\"}",
            "-H=authorization: Bearer x",
            "--rate=2000",
            "--for=30s",
            "--connections=4",
            "--streams=50",
            "--secure",
            "--keep-alive=10s",
            "--proto=shop.proto",
            "--import=protos",
            "--check=json $.count == 1",
        ]);
        assert_eq!(plan["target"], "grpcs://shop.test:50051");
        assert_eq!(
            plan["grpc"],
            json!({
                "proto": ["shop.proto"], "imports": ["protos"], "metadata": { "authorization": "Bearer x" },
                "connections": { "shared": 4, "streams": 50 }, "keep_alive": { "every": "10s" },
            })
        );
        let step = &plan["scenarios"]["main"]["steps"][0];
        assert_eq!(step["grpc"], json!({ "call": "shop.v1.Cart/AddItem", "data": { "id": "{{user.id}}" } }));
        assert_eq!(step["check"], json!(["json $.count == 1"]));
    }

    #[test]
    fn a_list_is_the_messages_of_a_stream() {
        let plan = typed(&["--data=[{\"a\": 1}, {\"a\": 2}]", "--every=10ms", "--count=100", "--match=a"]);
        assert_eq!(
            plan["scenarios"]["main"]["steps"][0]["grpc"],
            json!({
                "call": "shop.v1.Cart/AddItem", "messages": [{ "a": 1 }, { "a": 2 }], "count": 100, "every": "10ms", "key": "a",
            })
        );
    }
}
