//! What the plan may say under `config:`.

use prony_plugin::prelude::*;

/// Who a user is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// An edge node with its devices.
    Node,
    /// A host application.
    Host,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) role: Role,
    /// The group of the nodes; the one that the host listens to.
    #[serde(default = "group")]
    pub(crate) group: String,
    /// What names of nodes, or of hosts, begin with; the user's number comes after it.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Devices of a node.
    #[serde(default = "devices")]
    pub(crate) devices: u32,
    /// Metrics of the node, and of each device.
    #[serde(default = "metrics")]
    pub(crate) metrics: u32,
    /// The pause between data, in milliseconds.
    #[serde(default = "every")]
    pub(crate) every_ms: u64,
    /// How long a node stays, in milliseconds; to the load's end without it.
    #[serde(default)]
    pub(crate) session_ms: Option<u64>,
    /// The share of sessions that end without a word, so that the broker publishes the will.
    #[serde(default)]
    pub(crate) abort_share: f64,
    /// The share of data messages that a node counts and does not send: gaps for the host to find.
    #[serde(default)]
    pub(crate) skip_share: f64,
}

fn group() -> String {
    "prony".to_owned()
}

fn devices() -> u32 {
    2
}

fn metrics() -> u32 {
    5
}

fn every() -> u64 {
    1000
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        for (key, share) in [("abort_share", self.abort_share), ("skip_share", self.skip_share)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Problem::new("a share is from 0 to 1").at([key]));
            }
        }
        let names = [("group", Some(&self.group)), ("name", self.name.as_ref())];
        for (key, name) in names {
            if name.is_some_and(|name| name.is_empty() || name.contains(['/', '+', '#'])) {
                return Err(Problem::new("a name is not empty, and has no `/`, `+` or `#`").at([key]));
            }
        }
        if self.every_ms == 0 {
            return Err(Problem::new("the pause between data is 1 ms or more").at(["every_ms"]));
        }
        Ok(())
    }

    /// The name of a user.
    pub(crate) fn name_of(&self, user: &User) -> String {
        let prefix = self.name.as_deref().unwrap_or(match self.role {
            Role::Node => "node",
            Role::Host => "host",
        });
        format!("{prefix}-{}", user.id())
    }
}
