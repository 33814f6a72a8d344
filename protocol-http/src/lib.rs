//! HTTP for Prony: HTTP/1.1 by a codec of its own, HTTP/2 over the shared connection; steps, sessions, and the
//! embedded target.

mod config;
mod cookies;
mod decode;
pub mod demo;
mod driver;
mod fields;
pub mod guest;
mod h1;
mod reply;
mod session;
mod step;

pub use config::{HTTP, Http, NAME};
