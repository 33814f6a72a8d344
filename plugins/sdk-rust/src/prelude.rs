//! What nearly every plugin uses: `use prony_plugin::prelude::*;`.

pub use std::time::Duration;

pub use serde::{Deserialize, Serialize};
pub use serde_json::json;

pub use crate::metric::{Counter, Gauge, Trend};
pub use crate::{
    Error, Event, Failure, Generate, Listener, Message, NoConfig, Problem, Reply, Result, Scenario, User,
    Validate, check, clock, data, debug, error, group, grpc, http, info, join, join_all, mqtt, random, sleep,
    try_join, try_join_all, vars, warn, ws,
};
