//! HTTP for Prony.

mod config;
pub mod demo;
mod driver;
mod session;
mod step;

pub use config::HTTP;
