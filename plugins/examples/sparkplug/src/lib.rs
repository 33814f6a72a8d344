//! Sparkplug B over MQTT: edge nodes with devices, and the host application that listens to them and holds them to the rules.

mod book;
mod config;
mod edge;
mod host;
mod metrics;
mod node;
mod patience;
mod payload;
mod time;
mod topic;

use prony_plugin::prelude::*;

use config::{Config, Role};

struct Sparkplug {
    config: Config,
}

impl Scenario for Sparkplug {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        config.check()?;
        Ok(Self { config })
    }

    /// One session.
    async fn journey(&self, user: &User) -> Result {
        match self.config.role {
            Role::Node => edge::journey(&self.config, user).await,
            Role::Host => host::journey(&self.config, user).await,
        }
    }
}

prony_plugin::scenario!(Sparkplug);

#[cfg(test)]
mod tests;
