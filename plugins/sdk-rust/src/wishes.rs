//! Further wishes, by name, in the words of a plan.

use std::fmt::Display;
use std::time::Duration;

/// Names and values, in the order they were said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes(pub(crate) Vec<(String, String)>);

impl Wishes {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Display) {
        self.0.push((name.into(), value.to_string()));
    }

    pub(crate) fn timeout(&mut self, time: Duration) {
        self.add("timeout", format_args!("{}us", time.as_micros().max(1)));
    }
}

/// Whole seconds; what is less than a second more becomes one.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
