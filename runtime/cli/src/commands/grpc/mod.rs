//! `prony grpc HOST:PORT METHOD`: the quick form of gRPC, load from flags; and three one-liners for looking at a server by hand:
//! `list`, `describe` and `call`.

mod call;
mod connection;
mod load;
mod look;

use std::path::Path;

use clap::{Args, Subcommand};
use prony_core::Commons;
use prony_core::protocol::Wiring;
use prony_grpc::poke::{Client, PokeError};
use serde_json::{Map, Value as Json, json};

use crate::commands::{Failure, quick};
use crate::plan::Plan;

/// Calls a gRPC method under load: a plan from flags. `--print-plan` shows it; `list`, `describe` and `call` look at a server.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Grpc {
    #[command(subcommand)]
    by_hand: Option<ByHand>,
    #[command(flatten)]
    load: load::Load,
}

#[derive(Debug, Subcommand)]
enum ByHand {
    List(look::List),
    Describe(look::Describe),
    Call(call::Call),
}

impl Grpc {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        match &self.by_hand {
            None => self.load.execute(),
            Some(ByHand::List(command)) => command.execute(),
            Some(ByHand::Describe(command)) => command.execute(),
            Some(ByHand::Call(command)) => command.execute(),
        }
    }
}

/// Connects once, as a plan's top says, and does `work` with the connection.
fn by_hand<T>(
    mut top: Map<String, Json>,
    work: impl AsyncFnOnce(Client) -> Result<T, PokeError>,
) -> Result<T, Failure> {
    let load = json!({ "users": 1, "iterations": 1 });
    let steps = json!([{ "grpc": { "health": "" } }]);
    top.insert("scenarios".to_owned(), json!({ "main": { "load": load, "steps": steps } }));
    let plan = Plan::from_text("prony grpc", &quick::to_text(&top.into()), Path::new("."))?;
    let Some(scenario) = plan.scenarios.first() else {
        return Err(Failure::Setup("a plan without scenarios".to_owned()));
    };
    let (overlaid, commons) = (plan.overlaid(scenario), Commons::default());
    let wiring: Wiring<'_> = overlaid.wiring(prony_grpc::NAME, &commons);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Setup(format!("no runtime can be made: {error}")))?;
    let done =
        runtime.block_on(async { work(Client::connect(wiring, prony_engine::clock::clock()).await?).await });
    done.map_err(|error| match error {
        PokeError::Wrong(mistake) => Failure::Wrong(mistake),
        PokeError::Failed(text) => Failure::Setup(text),
    })
}

/// Whether an argument is data itself or names a file with it, as `@FILE`.
fn read(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::Setup(format!("{file}: {error}; expected a readable file with JSON"))),
    }
}
