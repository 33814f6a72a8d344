//! Texts with holes: `/items/{{id}}?n={{random.int 1 100}}`. Compiled once, rendered into reused buffers.
//!
//! Templates are here and not with the plan steps because every protocol's steps hold them.

mod json;
mod parse;
mod render;

use std::cell::RefCell;
use std::collections::BTreeSet;

pub use json::JsonTemplate;
pub use render::{Escape, MissingValue, Scope};

use crate::diagnostic::{Diagnostic, Place};

/// A compiled text with holes.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Hole { value: Hole, raw: bool },
}

/// What fills a hole.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hole {
    Variable(usize),
    UserId,
    Iteration,
    RandomInt { low: i64, high: i64 },
    RandomFloat { low: f64, high: f64 },
    RandomText { length: u32 },
    RandomUuid,
    NowMillis,
    NowSeconds,
    NowIso,
}

impl Template {
    /// Compiles `text`, which stands at `place`. Names must be among `variables` or be built in.
    ///
    /// # Errors
    /// When a hole is not closed, or names something unknown.
    pub fn compile(text: &str, place: &Place, variables: &Variables) -> Result<Self, Diagnostic> {
        parse::compile(text, place, variables)
    }

    /// A text without holes.
    #[must_use]
    pub fn constant(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { parts: vec![Part::Text(text.clone())], text }
    }

    /// The same with the texts between its holes, in their order, replaced by what `encode` makes of them.
    #[must_use]
    pub fn with_texts(mut self, mut encode: impl FnMut(&str) -> String) -> Self {
        for part in &mut self.parts {
            if let Part::Text(text) = part {
                *text = encode(text);
            }
        }
        self
    }

    /// The text, when it has no holes: it can then be encoded once.
    #[must_use]
    pub fn as_constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text as it was written, holes and all.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.text
    }

    /// Whether it is one hole marked `| raw`, which a JSON body takes without quotes.
    #[must_use]
    pub fn is_raw_hole(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Hole { raw: true, .. }])
    }

    /// Renders onto the end of `out`, values escaped by `escape` (the text around them is not).
    ///
    /// # Errors
    /// When a variable has no value yet.
    pub fn render(
        &self,
        scope: &mut Scope<'_>,
        escape: Escape,
        out: &mut String,
    ) -> Result<(), MissingValue> {
        render::render(&self.parts, scope, escape, out)
    }
}

/// The variables of a scenario by number. Captures and data columns get theirs while the scenario compiles.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    names: Vec<String>,
    used: RefCell<BTreeSet<usize>>,
}

impl Variables {
    /// The number of `name`, which is added if it is new.
    pub fn define(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// The number of `name`, if it is known; it then counts as used.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        let number = self.names.iter().position(|known| known == name)?;
        self.used.borrow_mut().insert(number);
        Some(number)
    }

    /// Whether somebody has asked for variable `number`.
    #[must_use]
    pub fn is_used(&self, number: usize) -> bool {
        self.used.borrow().contains(&number)
    }

    /// All names by number.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}
