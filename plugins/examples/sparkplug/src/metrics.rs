//! What the plugin counts.

use prony_plugin::prelude::*;

/// Births of nodes: sent by a node, seen by a host.
pub(crate) static BIRTHS: Counter = Counter::new("births", "messages");
/// Births that a host has asked for: sent by a node.
pub(crate) static REBIRTHS: Counter = Counter::new("rebirths", "messages");
/// Messages that a node has counted and not sent.
pub(crate) static SKIPPED: Counter = Counter::new("skipped", "messages");
/// Births of devices, seen by a host.
pub(crate) static DEVICE_BIRTHS: Counter = Counter::new("device_births", "messages");
/// Data of nodes and devices, seen by a host.
pub(crate) static DATA: Counter = Counter::new("data", "messages");
/// Deaths of nodes, seen by a host.
pub(crate) static DEATHS: Counter = Counter::new("deaths", "messages");
/// Numbers that were left out, seen by a host.
pub(crate) static GAPS: Counter = Counter::new("gaps", "gaps");
/// Births that a host has asked for.
pub(crate) static ASKED: Counter = Counter::new("rebirths_asked", "messages");
/// Nodes that are there, as a host knows it.
pub(crate) static ONLINE: Gauge = Gauge::new("nodes_online", "nodes");
/// From a message's timestamp to when the host had it.
pub(crate) static AGE: Trend = Trend::new("age", "ms");
