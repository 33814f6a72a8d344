//! The words of the protocol in a plan: the `line:` settings, and the protocol itself.

use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, DriverBuilder, Node, Protocol, Shape};

use crate::driver::Builder;
use crate::step;

/// Lines of text over TCP.
#[derive(Debug)]
pub struct Line;

/// The protocol's name.
pub const NAME: &str = "line";

/// The protocol, for the list of protocols.
pub static LINE: Line = Line;

impl Protocol for Line {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step_shape(&self) -> Shape {
        step::shape()
    }

    fn settings_shape(&self) -> Shape {
        Shape::map().key("timeout", Shape::duration(), "The longest a request may take. Default 30s.")
    }

    fn reply_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn message_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        Ok(Box::new(Builder::new(wiring)?))
    }
}

/// What `line:` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
}

impl Settings {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let timeout = node.and_then(|node| node.get("timeout")).map(Node::duration_above_zero).transpose()?;
        Ok(Self { timeout: timeout.unwrap_or(Duration::from_secs(30)) })
    }
}
