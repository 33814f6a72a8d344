//! gRPC, measured by Prony: `grpc::call("shop.v1.Cart/AddItem").json(&json!({"sku": "a"})).await?`.
//!
//! Connections, several servers, compression, limits and the rest are those of the plan's `grpc:`. Messages are bytes, or proto3 JSON.
//! JSON needs the services' schema: from the plan's `proto` or `descriptors`, or else the server is asked for it before the load. Bytes
//! need none: any protobuf library makes them, such as prost.
//!
//! ```
//! use prony_plugin::prelude::*;
//!
//! async fn journey(user: &User) -> Result {
//!     let added = grpc::call("shop.v1.Cart/AddItem")
//!         .metadata("x-user", user.id())
//!         .timeout(Duration::from_secs(2))
//!         .json(&json!({"sku": "A-1", "count": 2}))
//!         .await?;
//!     added.check("added", added.status() == 0);
//!
//!     let stream = grpc::call("shop.v1.Cart/Watch").open().await?;
//!     stream.send_json(&json!({"cart": "7"})).await?;
//!     stream.finish().await;
//!     while let Some(event) = stream.next_json::<serde_json::Value>().await? {
//!         info!("{}", event["state"]);
//!     }
//!     Ok(())
//! }
//! # use prony_plugin::testing::{Answer, Host};
//! # let mut host = Host::new();
//! # host.on("GRPC", "shop.v1.Cart/AddItem", Answer::grpc(json!({"total": 2})));
//! # host.on_stream("shop.v1.Cart/Watch", |heard: &[u8]| {
//! #     assert_eq!(heard, br#"{"cart":"7"}"#);
//! #     vec![json!({"state": "packed"}).to_string(), json!({"state": "sent"}).to_string()]
//! # });
//! # host.run_journey(journey).unwrap();
//! # assert_eq!(host.logs().len(), 2);
//! # assert_eq!(host.requests()[0].header("x-user"), Some("0"));
//! # assert_eq!(host.check("added").passed, 1);
//! ```
//!
//! **What ends a call.** An answer, whose [`status`](crate::Reply::status) is gRPC's code: also one that is not OK, which counts as a
//! failure unless it was [expected](Call::expect). The server's words to it are `reply.field("trailer", "grpc-message")`. Or a
//! [`Failure`](crate::Failure), which has been counted. Its kind is `timeout`, `reset`, `goaway`, `protocol`, …; `request` where a call
//! or a message makes no sense; `refused` where too many are under way, or the plan's target is no gRPC server; or one of making a
//! connection: `connect_refused`, `dns`, `tls`, ….

mod call;
mod codes;
mod stream;

pub use call::{Call, Unary};
pub use codes::Codes;
pub use stream::Stream;

/// A call of `package.Service/Method`, to be given a message ([`Call::json`], [`Call::bytes`]) or opened as a stream
/// ([`Call::open`]).
pub fn call(method: impl Into<String>) -> Call {
    Call::new(method.into())
}
