//! A line that came, as checks and captures see it.

use std::borrow::Cow;

use prony_core::{Reply, Timestamp};

/// A line, without its end, and when it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) line: Vec<u8>,
    pub(crate) at: Option<Timestamp>,
}

impl Reply for Answer {
    fn field(&self, _: &str, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn fields(&self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn body(&self) -> &[u8] {
        &self.line
    }

    fn arrived(&self) -> Option<Timestamp> {
        self.at
    }
}
