//! Sessions against a scripted HTTP/2 server with nothing of Prony's in it: what a call says on the wire, how it ends, and how it
//! ends when the server does not behave.

#![allow(clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod channels;
mod guests;
mod hostile;
mod open;
mod plans;
mod poke;
mod server;
mod streams;
mod target;
mod unary;
mod world;
