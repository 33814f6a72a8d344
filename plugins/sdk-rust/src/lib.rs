//! Plugins for the load generator Prony, in Rust.
//!
//! A plugin is a WASM component. It is a **journey**, what a user does, iteration after iteration ([`scenario!`]); or
//! **functions** that plan steps use to make messages and to judge answers ([`request!`]).
//!
//! ```
//! use prony_plugin::prelude::*;
//!
//! async fn journey(user: &User) -> Result {
//!     let reply = http::get("/items").query("user", user.id()).name("items").await?;
//!     reply.check("status is 200", reply.status() == 200);
//!     sleep(Duration::from_secs(1)).await;
//!     Ok(())
//! }
//!
//! prony_plugin::scenario!(fn journey);
//!
//! // In a test:
//! use prony_plugin::testing::{Answer, Host};
//!
//! let mut host = Host::new();
//! host.on("GET", "/items", Answer::json(json!([])));
//! host.run_journey(journey).unwrap();
//! assert_eq!(host.check("status is 200").passed, 1);
//! ```
//!
//! `cargo test` runs tests on the machine itself, against a host that is a fake: no server, no WASM, no waiting. `cargo build --release --target wasm32-wasip2` makes the component, and so does `prony plugin build`.
//!
//! Everything a journey waits for is in this crate. Threads, sockets, files and the clocks of the standard library are
//! refused, unless the plan allows the one or the other.

mod check;
pub mod clock;
mod config;
pub mod data;
mod error;
mod failure;
#[doc(hidden)]
pub mod function;
mod group;
pub mod grpc;
mod host;
pub mod http;
mod json;
mod listener;
pub mod log;
mod message;
pub mod metric;
pub mod mqtt;
pub mod prelude;
mod problem;
pub mod random;
mod reply;
mod scenario;
mod timer;
mod user;
pub mod vars;
mod wishes;
pub mod ws;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use check::check;
pub use config::NoConfig;
pub use error::{Error, Result};
pub use failure::Failure;
pub use function::{Generate, Validate};
/// Several requests of one user at a time: each is measured by itself.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let images = (1..=4).map(|number| http::get(format!("/images/{number}")).name("image").send());
///     for reply in join_all(images).await {
///         reply?.check("it is there", true);
///     }
///     Ok(())
/// }
/// # use prony_plugin::testing::{Answer, Host};
/// # let mut host = Host::new();
/// # host.on("GET", "/images/*", Answer::status(200));
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.check("it is there").passed, 4);
/// ```
pub use futures_util::future::{join, join_all, join3, try_join, try_join_all, try_join3};
pub use group::group;
pub use listener::{Event, Listener};
pub use message::Message;
pub use problem::Problem;
pub use reply::Reply;
pub use scenario::Scenario;
#[doc(hidden)]
pub use scenario::is_scenario;
pub use timer::sleep;
pub use user::User;
