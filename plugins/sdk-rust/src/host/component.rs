//! In a component: the interface's imports.

use crate::Failure;
use crate::bindings::scenario::prony::plugin as wit;
use crate::log::Level;

pub(crate) use wit::check::check;
pub(crate) use wit::clock::{now as clock_now, wall as clock_wall};
pub(crate) use wit::data::{at as data_at, next as data_next, rows as data_rows};
pub(crate) use wit::exchange::Reply;
pub(crate) use wit::group::Group;
pub(crate) use wit::http::Request;
pub(crate) use wit::metric::{add as metric_add, set as metric_set, trend as metric_trend};
pub(crate) use wit::random::{
    between as random_between, bits as random_bits, exponential as random_exponential,
    normal as random_normal, unit as random_unit,
};
pub(crate) use wit::timer::sleep;
pub(crate) use wit::user::{
    id as user_id, iteration as user_iteration, scenario as user_scenario, users as user_users,
    wanted as user_wanted,
};
pub(crate) use wit::vars::{get as vars_get, set as vars_set};

pub(crate) async fn send(request: Request) -> Result<Reply, Failure> {
    wit::http::send(request).await.map_err(|failure| Failure::new(failure.kind, failure.message))
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit::log::Level::Debug,
        Level::Info => wit::log::Level::Info,
        Level::Warn => wit::log::Level::Warn,
        Level::Error => wit::log::Level::Error,
    };
    wit::log::log(level, message);
}
