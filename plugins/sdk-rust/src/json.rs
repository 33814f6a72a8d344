//! Reading JSON, with errors that name the place in it.

use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A message's JSON: a type of the plugin's own, or `serde_json::Value`.
#[track_caller]
pub(crate) fn of_message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes)) {
        Ok(value) => Ok(value),
        Err(error) => Err(Error::new(told(&error, "the message"))),
    }
}

/// What is wrong with `what`.
pub(crate) fn told(error: &serde_path_to_error::Error<serde_json::Error>, what: &str) -> String {
    if !error.inner().is_data() {
        return format!("{what} is no JSON");
    }
    let path = error.path().to_string();
    let place = if path == "." { String::new() } else { format!(" at {path}") };
    let inner = error.inner().to_string();
    // Lines and columns differ from message to message; the path says more.
    let wrong = inner.split(" at line ").next().unwrap_or_default();
    format!("{what} is not as expected{place}: {wrong}")
}
