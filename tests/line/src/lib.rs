//! A fifth protocol, made by the recipe in ARCHITECTURE.md: a request is a line of text over TCP, its answer is the next line.

mod config;
mod driver;
mod reply;
mod session;
mod step;

pub use config::{LINE, Line, NAME};
