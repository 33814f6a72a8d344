//! Payloads: as a plan says them, and as bytes.

use std::path::Path;

use bytes::Bytes;
use prony_core::template::{Escape, JsonTemplate};
use prony_core::{Diagnostic, Node, Scope, Template, Variables};

use super::{PAYLOADS, RenderError};

/// The most bytes of a made-up payload or a file: MQTT's own limit, with room for the head.
const MOST: u64 = 268_000_000;

/// What a message carries.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Always the same.
    Constant(Bytes),
    Text(Template),
    Json(JsonTemplate),
    /// Always the same and made up, so a stamp may take the place of its first bytes.
    Made(Bytes),
    /// So many random bytes.
    Random(usize),
}

impl Payload {
    /// The payload among a step's keys; without one it is empty.
    ///
    /// # Errors
    /// When there are two, or a file cannot be read.
    pub(crate) fn compile(node: &Node, variables: &Variables, folder: &Path) -> Result<Self, Diagnostic> {
        let mut found = PAYLOADS.iter().filter_map(|key| node.get(key).map(|value| (*key, value)));
        let Some((key, value)) = found.next() else { return Ok(Self::Constant(Bytes::new())) };
        if let Some((other, second)) = found.next() {
            return Err(Diagnostic::at(
                &second.place,
                format!("`{key}` and `{other}` in one message"),
                "expected one payload",
            ));
        }
        let size = || -> Result<usize, Diagnostic> {
            let size = value.size()?;
            if size > MOST {
                return Err(value.unexpected("at most 268mb, MQTT's own limit"));
            }
            Ok(size as usize)
        };
        Ok(match key {
            "text" => {
                let template = Template::compile(value.text()?, &value.place, variables)?;
                match template.as_constant() {
                    Some(text) => Self::Constant(Bytes::copy_from_slice(text.as_bytes())),
                    None => Self::Text(template),
                }
            }
            "json" => {
                let template = JsonTemplate::compile(value, variables)?;
                match template.as_constant() {
                    Some(text) => Self::Constant(Bytes::copy_from_slice(text.as_bytes())),
                    None => Self::Json(template),
                }
            }
            "file" => {
                let path = folder.join(value.text()?);
                let bytes = std::fs::read(&path).map_err(|error| {
                    let found = format!("payload file {}: {error}", path.display());
                    Diagnostic::at(&value.place, found, "expected a readable file")
                        .help("relative paths start from the plan's folder")
                })?;
                if bytes.len() as u64 > MOST {
                    return Err(value.unexpected("a file of at most 268mb, MQTT's own limit"));
                }
                Self::Constant(bytes.into())
            }
            "size" => Self::Made((0..size()?).map(|place| b'a' + (place % 26) as u8).collect()),
            _ => Self::Random(size()?),
        })
    }

    /// Whether it is made up and has room for a stamp of `length` bytes.
    pub(crate) fn takes_stamp(&self, length: usize) -> bool {
        match self {
            Self::Made(bytes) => bytes.len() >= length,
            Self::Random(size) => *size >= length,
            Self::Constant(_) | Self::Text(_) | Self::Json(_) => false,
        }
    }

    /// Its bytes for one message; `buffer` is used when they must be made.
    pub(crate) fn bytes<'a>(
        &'a self,
        scope: &mut Scope<'_>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], RenderError> {
        buffer.clear();
        match self {
            Self::Constant(bytes) | Self::Made(bytes) => return Ok(bytes),
            Self::Text(template) => {
                let mut text = String::new();
                template.render(scope, Escape::None, &mut text)?;
                *buffer = text.into_bytes();
            }
            Self::Json(template) => {
                let mut text = String::new();
                template.render(scope, &mut text)?;
                *buffer = text.into_bytes();
            }
            Self::Random(size) => {
                buffer.reserve(*size + 8);
                while buffer.len() < *size {
                    buffer.extend_from_slice(&scope.random.bits().to_le_bytes());
                }
                buffer.truncate(*size);
            }
        }
        if buffer.len() as u64 > MOST {
            return Err(RenderError::Wrong(format!(
                "a payload of {} bytes; MQTT allows 268 million",
                buffer.len()
            )));
        }
        Ok(buffer)
    }
}
