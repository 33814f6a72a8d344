//! Sessions against a scripted TCP server with nothing of Prony's in it: what a connection says on the wire, how it ends, and how it
//! ends when the server does not behave.

#![allow(clippy::panic, reason = "a test fails by panicking, also in its helpers")]
#![allow(
    clippy::disallowed_methods,
    reason = "the server blocks on threads of its own, and tells the time of day as servers do"
)]

mod exchange;
mod feeds;
mod guests;
mod handshake;
mod hostile;
mod life;
mod server;
mod target;
mod world;
