//! Sessions against a scripted TCP server with nothing of Prony's in it: what a connection says on the wire, how it ends, and how it
//! ends when the server does not behave.

#![allow(clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod exchange;
mod feeds;
mod guests;
mod handshake;
mod hostile;
mod life;
mod server;
mod world;
