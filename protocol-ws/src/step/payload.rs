//! Messages: as a plan says them, and as bytes.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prony_core::template::{Escape, JsonTemplate, MissingValue};
use prony_core::{Diagnostic, Node, Scope, Template, Variables};

use super::PAYLOADS;

/// The most bytes of a message.
const MOST: u64 = 1 << 30;

/// What a message carries.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Always the same.
    Constant(Box<[u8]>),
    Text(Template),
    Json(JsonTemplate),
    /// So many random bytes.
    Random(usize),
}

impl Payload {
    /// The payload of a message, and whether it is a text unless the plan says otherwise.
    ///
    /// # Errors
    /// When there is not one, or a file cannot be read.
    pub(super) fn compile(
        node: &Node,
        variables: &Variables,
        folder: &Path,
    ) -> Result<(Self, bool), Diagnostic> {
        let template = |node: &Node| Template::compile(node.text()?, &node.place, variables);
        let of_text = |template: Template| match template.as_constant() {
            Some(text) => Self::Constant(text.as_bytes().into()),
            None => Self::Text(template),
        };
        if !node.is_map() {
            return Ok((of_text(template(node)?), true));
        }
        let mut found = PAYLOADS.iter().filter_map(|key| node.get(key).map(|value| (*key, value)));
        // A plugin's `generate` may make it.
        let Some((key, value)) = found.next() else { return Ok((Self::Constant(Box::default()), true)) };
        if let Some((other, second)) = found.next() {
            let message = format!("`{key}` and `{other}` in one message");
            return Err(Diagnostic::at(&second.place, message, "expected one of them"));
        }
        let size = || match value.size()? {
            size if size <= MOST => Ok(size as usize),
            _ => Err(value.unexpected("at most 1gib")),
        };
        let compact = || Ok::<_, Diagnostic>(value.text()?.split_whitespace().collect::<String>());
        Ok(match key {
            "text" => (of_text(template(value)?), true),
            "json" => {
                let json = JsonTemplate::compile(value, variables)?;
                let constant = json.as_constant().map(|text| Self::Constant(text.as_bytes().into()));
                (constant.unwrap_or(Self::Json(json)), true)
            }
            "hex" => {
                let bytes =
                    unhex(&compact()?).ok_or_else(|| value.unexpected("pairs of hexadecimal digits"))?;
                (Self::Constant(bytes), false)
            }
            "base64" => {
                let bytes = STANDARD.decode(compact()?);
                let bytes = bytes.map_err(|error| value.unexpected("base64").help(error.to_string()))?;
                (Self::Constant(bytes.into()), false)
            }
            "file" => {
                let path = folder.join(value.text()?);
                let bytes = std::fs::read(&path).map_err(|error| {
                    let found = format!("message file {}: {error}", path.display());
                    Diagnostic::at(&value.place, found, "expected a readable file")
                        .help("relative paths start from the plan's folder")
                })?;
                (Self::Constant(bytes.into()), false)
            }
            "size" => (Self::Constant((0..size()?).map(|place| b'a' + (place % 26) as u8).collect()), false),
            _ => (Self::Random(size()?), false),
        })
    }

    /// Whether it can be sent as a text, as far as is known before the run.
    pub(super) fn can_be_text(&self) -> bool {
        match self {
            Self::Constant(bytes) => std::str::from_utf8(bytes).is_ok(),
            Self::Text(_) | Self::Json(_) => true,
            Self::Random(_) => false,
        }
    }

    /// Its bytes for one message; `buffer` is used when they must be made.
    ///
    /// # Errors
    /// When a variable has no value yet.
    pub(crate) fn bytes<'a>(
        &'a self,
        scope: &mut Scope<'_>,
        buffer: &'a mut String,
    ) -> Result<Made<'a>, MissingValue> {
        buffer.clear();
        match self {
            Self::Constant(bytes) => return Ok(Made::Lent(bytes)),
            Self::Text(template) => template.render(scope, Escape::None, buffer)?,
            Self::Json(template) => template.render(scope, buffer)?,
            Self::Random(size) => {
                let words = std::iter::repeat_with(|| scope.random.bits().to_le_bytes());
                return Ok(Made::Own(words.flatten().take(*size).collect()));
            }
        }
        Ok(Made::Lent(buffer.as_bytes()))
    }
}

/// The bytes of a message.
pub(crate) enum Made<'a> {
    Lent(&'a [u8]),
    Own(Vec<u8>),
}

impl std::ops::Deref for Made<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

fn unhex(digits: &str) -> Option<Box<[u8]>> {
    let values: Option<Vec<u8>> =
        digits.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let (pairs, rest) = values.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
