//! The body of a control call: a JSON object of few fields, most of them texts in the targets' words.

use std::time::Duration;

use prony_core::Timestamp;
use serde_json::{Map, Value};

use super::orders::Pattern;
use super::{clock, words};

/// What a control call says, by name.
#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body; no body has no fields.
    ///
    /// # Errors
    /// In words, when it is no JSON object.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("expected a JSON object".to_owned()),
            Err(error) => Err(format!("the body is no JSON: {error}")),
        }
    }

    /// A field as it is.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A field that is a text, if it is there.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("`{key}` expects a text in quotes, found {other}")),
        }
    }

    /// Which paths are meant by `path`: all without it. `examples` says what could be written.
    ///
    /// # Errors
    /// In words, when it is no path.
    pub fn pattern(&self, examples: &str) -> Result<Pattern, String> {
        match self.text("path")? {
            None => Ok(Pattern::All),
            Some(path) if path.starts_with('/') => Ok(Pattern::parse(path)),
            Some(path) => Err(format!("`path` expects a path such as {examples}, found `{path}`")),
        }
    }

    /// From when to when a stall lasts: `after` so long from now, `for` so long.
    ///
    /// # Errors
    /// In words, when these make no sense.
    pub fn stall(&self) -> Result<(Timestamp, Timestamp), String> {
        self.only(&["after", "for"])?;
        let after = self.text("after")?.map_or(Ok(Duration::ZERO), |text| words::duration("after", text))?;
        let length = self.text("for")?.ok_or("expected `for`, how long the stall lasts, such as \"2s\"")?;
        let from = clock::now() + after;
        Ok((from, from + words::duration("for", length)?))
    }

    /// That there are no fields but these.
    ///
    /// # Errors
    /// In words, with the first one that is not known.
    pub fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) if known.is_empty() => Err(format!("unknown key `{key}`: this call has none")),
            Some(key) => Err(format!("unknown key `{key}`, expected {}", known.join(", "))),
        }
    }
}
