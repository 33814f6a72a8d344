//! WebSocket for Prony: settings, steps, sessions, and the embedded target. The smallest of the protocols, and the one to copy.

pub mod demo;
