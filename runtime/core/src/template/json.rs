//! A plan's value as JSON whose texts are templates.

use super::{Escape, MissingValue, Scope, Template, Variables};
use crate::diagnostic::Diagnostic;
use crate::document::{Node, Value};

/// JSON with holes. What fills a hole is escaped for its place in a text; a lone `{{name | raw}}` is inserted as it is.
#[derive(Clone, Debug, Default)]
pub struct JsonTemplate {
    pieces: Vec<Template>,
}

impl JsonTemplate {
    /// Compiles a value of a plan.
    ///
    /// # Errors
    /// When a text in it is no template.
    pub fn compile(node: &Node, variables: &Variables) -> Result<Self, Diagnostic> {
        let mut made = Self::default();
        made.add(node, variables)?;
        Ok(made)
    }

    /// Its templates in a row, to be rendered with [`Escape::Json`]. Constants have grown together.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Template> {
        self.pieces
    }

    /// The text, when it has no holes.
    #[must_use]
    pub fn as_constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [piece] => piece.as_constant(),
            _ => None,
        }
    }

    /// Renders onto the end of `out`.
    ///
    /// # Errors
    /// When a variable has no value yet.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut String) -> Result<(), MissingValue> {
        self.pieces.iter().try_for_each(|piece| piece.render(scope, Escape::Json, out))
    }

    fn add(&mut self, node: &Node, variables: &Variables) -> Result<(), Diagnostic> {
        match &node.value {
            Value::Map(entries) => {
                for (number, (key, value)) in entries.iter().enumerate() {
                    self.push_text(if number == 0 { "{" } else { "," });
                    self.push_text(&serde_json::Value::from(key.name.as_str()).to_string());
                    self.push_text(":");
                    self.add(value, variables)?;
                }
                self.push_text(if entries.is_empty() { "{}" } else { "}" });
            }
            Value::List(items) => {
                self.push_text("[");
                for (number, item) in items.iter().enumerate() {
                    self.push_text(if number == 0 { "" } else { "," });
                    self.add(item, variables)?;
                }
                self.push_text("]");
            }
            Value::Scalar { text, .. } if text.contains("{{") => {
                let template = Template::compile(text, &node.place, variables)?;
                if template.is_raw_hole() {
                    self.push(template);
                } else {
                    // The text around the holes is escaped now, the values when they are known.
                    let escaped = serde_json::Value::from(text.as_str()).to_string();
                    let inner = &escaped[1..escaped.len() - 1];
                    self.push_text("\"");
                    self.push(Template::compile(inner, &node.place, variables)?);
                    self.push_text("\"");
                }
            }
            _ => self.push_text(&node.to_json().to_string()),
        }
        Ok(())
    }

    fn push(&mut self, template: Template) {
        match template.as_constant() {
            Some(text) => self.push_text(text),
            None => self.pieces.push(template),
        }
    }

    fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(last) if last.as_constant().is_some() => {
                *last = Template::constant(last.as_constant().unwrap_or_default().to_owned() + text);
            }
            _ => self.pieces.push(Template::constant(text)),
        }
    }
}
