//! A host that is a fake: runs a plugin in a test, without a server, WASM or waiting.
//!
//! ```
//! use prony_plugin::prelude::*;
//! use prony_plugin::testing::{Answer, Host};
//!
//! async fn journey(user: &User) -> Result {
//!     let reply = http::get("/items").name("items").await?;
//!     reply.check("status is 200", reply.status() == 200);
//!     sleep(Duration::from_secs(random::between(1, 3).unsigned_abs())).await;
//!     http::post("/cart").json(&json!({"user": user.id()})).await?;
//!     Ok(())
//! }
//!
//! let mut host = Host::new();
//! host.on("GET", "/items", Answer::json(json!({"items": []})).after(Duration::from_millis(20)));
//! host.on("POST", "/cart", |request: &Request| Answer::text(request.text()).with_status(201));
//! # use prony_plugin::testing::Request;
//! host.user(7).run_journey(journey).unwrap();
//!
//! assert_eq!(host.requests()[1].text(), r#"{"user":7}"#);
//! assert_eq!(host.check("status is 200").passed, 1);
//! assert!(host.failed_requests().is_empty());
//! assert!(host.now() >= Duration::from_millis(1020));
//! ```
//!
//! Time is simulated: it stands still while the plugin computes, and goes on at once while it waits. Random numbers are those
//! that Prony itself would give to the same user under the same seed. What is not simulated: connections of HTTP, cookie
//! jars, redirects, limits of time and memory, and a plan's `http:`, `mqtt:`, `grpc:` and `ws:` settings.
//!
//! MQTT goes to a small broker in memory, [`Host::mqtt`]. Among [`Host::requests`] its requests stand by their packets: the
//! method is `CONNECT`, `PUBLISH`, `SUBSCRIBE`, `UNSUBSCRIBE`, `RECEIVE` or `DISCONNECT`, and the URL the topic or the filters.
//!
//! Calls of gRPC stand there, too, and are answered by [`Host::on`]: the method is `GRPC`, the URL `package.Service/Method`, and headers
//! are the metadata. Streams are taken by [`Host::on_stream`]. Nothing holds JSON against a schema.
//!
//! A WebSocket goes to a small server in memory, [`Host::ws`]. Among the requests the method is `WS`, and the URL `connect`, `send`,
//! `request`, `receive`, `ping` or `close`.

mod answer;
mod broker;
pub(crate) mod calls;
mod executor;
mod host;
mod random;
mod record;
mod results;
mod route;
mod run;
mod socket;
mod state;

pub use answer::Answer;
pub use broker::{Connection, Mqtt, Published, Subscription, Will};
pub use host::Host;
pub use record::{Checked, Line, Passage, Request};
pub use route::Respond;
pub use socket::{Opened, Said, Ws};
