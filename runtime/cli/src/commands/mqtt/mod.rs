//! `prony mqtt HOST`: the quick form of MQTT, a fleet of devices from flags; and two one-liners for looking at a broker by
//! hand, `pub` and `sub`.

mod connection;
mod fleet;
mod publish;
mod subscribe;

use std::path::Path;

use clap::{Args, Subcommand};
use prony_core::Commons;
use prony_core::protocol::Wiring;
use prony_mqtt::poke::{Client, PokeError};
use serde_json::{Map, Value as Json, json};

use crate::commands::{Failure, quick};
use crate::plan::Plan;

/// Connects a fleet of MQTT devices: a plan from flags. `--print-plan` shows it; `pub` and `sub` send and show single messages.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Mqtt {
    #[command(subcommand)]
    by_hand: Option<ByHand>,
    #[command(flatten)]
    fleet: fleet::Fleet,
}

#[derive(Debug, Subcommand)]
enum ByHand {
    Pub(publish::Publish),
    Sub(subscribe::Subscribe),
}

impl Mqtt {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        match &self.by_hand {
            None => self.fleet.execute(),
            Some(ByHand::Pub(command)) => command.execute(),
            Some(ByHand::Sub(command)) => command.execute(),
        }
    }
}

/// Connects once, as a plan's top says, and does `work` with the connection.
fn by_hand<T>(
    mut top: Map<String, Json>,
    work: impl AsyncFnOnce(Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let load = json!({ "users": 1, "iterations": 1 });
    top.insert("scenarios".to_owned(), json!({ "main": { "load": load, "steps": [{ "mqtt": "connect" }] } }));
    let plan = Plan::from_text("prony mqtt", &quick::to_text(&top.into()), Path::new("."))?;
    let Some(scenario) = plan.scenarios.first() else {
        return Err(Failure::Setup("a plan without scenarios".to_owned()));
    };
    let (overlaid, commons) = (plan.overlaid(scenario), Commons::default());
    let wiring: Wiring<'_> = overlaid.wiring(prony_mqtt::NAME, &commons);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Setup(format!("no runtime can be made: {error}")))?;
    runtime.block_on(async {
        let (clock, wall) = (prony_engine::clock::clock(), prony_engine::clock::wall_clock());
        work(Client::connect(wiring, clock, wall).await?).await
    })
}

impl From<PokeError> for Failure {
    fn from(error: PokeError) -> Self {
        match error {
            PokeError::Wrong(mistake) => Self::Wrong(mistake),
            PokeError::Failed(text) => Self::Setup(text),
        }
    }
}
