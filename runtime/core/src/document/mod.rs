//! A plan as a tree that remembers where each word stands.
//!
//! YAML is read into [`Node`]s ([`parse`]); everything that understands a plan reads nodes, so every mistake can
//! be shown at its place. Values that a person did not write (flags, `--set`) have a source of their own.

mod read;

pub use read::parse;

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Place};
use crate::units::{self, PerSecond, UnitError};

/// The longest scalar that a message repeats in full, in bytes.
const LONGEST_SHOWN: usize = 120;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// A value of a plan.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// A scalar as written, and whether it was quoted: `"5"` is text, `5` is a number.
    Scalar {
        /// The text, quotes and escapes resolved.
        text: String,
        /// Whether it stood in quotes or in a block.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file. Keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// The value under `key`, when this is a map that has it and it is not null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|(name, _)| name.name == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The entries of a map; of anything else, none.
    pub fn entries(&self) -> impl Iterator<Item = &(Key, Self)> {
        match &self.value {
            Value::Map(entries) => entries.iter(),
            _ => [].iter(),
        }
    }

    /// The items of a list; anything else (but null) is a list of itself.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether nothing stands here.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether this is a map.
    #[must_use]
    pub const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// What this is, for messages: «a list».
    #[must_use]
    pub fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { text, .. } if text.len() <= LONGEST_SHOWN => format!("`{text}`"),
            Value::Scalar { text, .. } => {
                format!(
                    "`{}…` of {} bytes",
                    text.chars().take(LONGEST_SHOWN / 2).collect::<String>(),
                    text.len()
                )
            }
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }

    /// A mistake at this place: found `self`, expected `expected`.
    #[must_use]
    pub fn unexpected(&self, expected: &str) -> Diagnostic {
        Diagnostic::at(&self.place, format!("found {}", self.kind()), format!("expected {expected}"))
    }

    /// The text of a scalar.
    ///
    /// # Errors
    /// When this is no scalar.
    pub fn text(&self) -> Result<&str, Diagnostic> {
        match &self.value {
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(self.unexpected("a text")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When this is neither.
    pub fn boolean(&self) -> Result<bool, Diagnostic> {
        match self.text() {
            Ok("true") => Ok(true),
            Ok("false") => Ok(false),
            _ => Err(self.unexpected("`true` or `false`")),
        }
    }

    /// A whole number within `range`. Underscores may group digits.
    ///
    /// # Errors
    /// When this is no such number.
    pub fn integer(&self, range: std::ops::RangeInclusive<u64>) -> Result<u64, Diagnostic> {
        let expected = || match (*range.start(), *range.end()) {
            (low, u64::MAX) => format!("a whole number from {low} on"),
            (low, high) => format!("a whole number from {low} to {high}"),
        };
        let number: u64 = self
            .text()
            .ok()
            .and_then(|text| text.replace('_', "").parse().ok())
            .ok_or_else(|| self.unexpected(&expected()))?;
        if range.contains(&number) { Ok(number) } else { Err(self.unexpected(&expected())) }
    }

    /// A finite number.
    ///
    /// # Errors
    /// When this is none.
    pub fn number(&self) -> Result<f64, Diagnostic> {
        let number: Option<f64> =
            self.text().ok().and_then(|text| text.parse().ok()).filter(|n: &f64| n.is_finite());
        number.ok_or_else(|| self.unexpected("a number"))
    }

    /// A duration.
    ///
    /// # Errors
    /// When this is none.
    pub fn duration(&self) -> Result<Duration, Diagnostic> {
        self.quantity(units::parse_duration)
    }

    /// A duration above zero.
    ///
    /// # Errors
    /// When this is none.
    pub fn duration_above_zero(&self) -> Result<Duration, Diagnostic> {
        let duration = self.duration()?;
        if duration.is_zero() { Err(self.unexpected("a duration above zero")) } else { Ok(duration) }
    }

    /// A rate.
    ///
    /// # Errors
    /// When this is none.
    pub fn rate(&self) -> Result<PerSecond, Diagnostic> {
        self.quantity(units::parse_rate)
    }

    /// A size in bytes.
    ///
    /// # Errors
    /// When this is none.
    pub fn size(&self) -> Result<u64, Diagnostic> {
        self.quantity(units::parse_size)
    }

    /// A share, as a fraction.
    ///
    /// # Errors
    /// When this is none.
    pub fn share(&self) -> Result<f64, Diagnostic> {
        self.quantity(units::parse_share)
    }

    fn quantity<T>(&self, parse: fn(&str) -> Result<T, UnitError>) -> Result<T, Diagnostic> {
        let expected = match self.text().map(parse) {
            Ok(Ok(quantity)) => return Ok(quantity),
            Ok(Err(error)) => error.expected,
            Err(_) => parse("").err().map_or("a quantity", |error| error.expected),
        };
        Err(self.unexpected(expected))
    }

    /// This map overlaid by `over`: keys of `over` win, maps within are overlaid alike. Anything else is replaced.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let (Value::Map(under), Value::Map(above)) = (&self.value, &over.value) else { return over.clone() };
        let mut entries = under.clone();
        for (key, node) in above {
            match entries.iter_mut().find(|(name, _)| name.name == key.name) {
                Some(entry) => *entry = (key.clone(), entry.1.overlaid(node)),
                None => entries.push((key.clone(), node.clone())),
            }
        }
        Self { value: Value::Map(entries), place: over.place.clone() }
    }

    /// The value as JSON: unquoted scalars that are numbers, booleans or null become those. Maps keep their order.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, quoted: true } => text.as_str().into(),
            Value::Scalar { text, quoted: false } => plain_scalar(text),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.name.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// YAML 1.2's core schema for a plain scalar, as far as JSON goes.
fn plain_scalar(text: &str) -> serde_json::Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ if text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) => {
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(number @ serde_json::Value::Number(_)) => number,
                _ => text.into(),
            }
        }
        _ => text.into(),
    }
}
