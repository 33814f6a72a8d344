//! A plan's `data`, compiled against the message type it is for. What has no holes is encoded once; the rest becomes
//! pieces: constant bytes of the wire, and holes that know their field. Neither JSON nor a dynamic message is made
//! under load, but for the few types that are JSON themselves (`Struct`, `Value`, `| raw`).

mod any;
mod compile;
mod field;
mod piece;
mod scalar;

use bytes::Bytes;
use prony_core::template::MissingValue;
use prony_core::{Diagnostic, Node, Scope, Variables};
use prost_reflect::MessageDescriptor;

use compile::Compiler;
use piece::{Piece, Pieces};

/// A message with holes.
#[derive(Clone, Debug)]
pub struct MessageTemplate(Content);

#[derive(Clone, Debug)]
enum Content {
    Constant(Bytes),
    Pieces(Box<[Piece]>),
}

/// Why a message could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable has no value yet.
    #[error("a variable has no value yet: nothing was captured into it before this step")]
    Missing(#[from] MissingValue),
    /// What came out does not fit its field.
    #[error("{0}")]
    Wrong(String),
}

impl MessageTemplate {
    /// Compiles the `data` of a step: a map in proto3's JSON mapping whose texts may be templates. Nothing is the
    /// message without fields.
    ///
    /// # Errors
    /// When it is no message of type `input`, at the place of the key or value that is wrong.
    pub fn compile(
        node: &Node,
        input: &MessageDescriptor,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let compiler = Compiler { variables };
        let mut pieces = Pieces::default();
        if !node.is_null() {
            compiler.content(node, input, input.full_name(), &mut pieces)?;
        }
        Ok(Self(match pieces.into_constant() {
            Ok(bytes) => Content::Constant(bytes.into()),
            Err(pieces) => Content::Pieces(pieces.into_inner()),
        }))
    }

    /// A message that is always the same, such as bytes of a file.
    #[must_use]
    pub const fn constant(bytes: Bytes) -> Self {
        Self(Content::Constant(bytes))
    }

    /// The bytes, when there are no holes.
    #[must_use]
    pub const fn as_constant(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Constant(bytes) => Some(bytes),
            Content::Pieces(_) => None,
        }
    }

    /// Renders onto the end of `out`.
    ///
    /// # Errors
    /// When a variable has no value yet, or one that does not fit its field. `out` is then as it was.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        match &self.0 {
            Content::Constant(bytes) => out.extend_from_slice(bytes),
            Content::Pieces(pieces) => {
                let before = out.len();
                let mut text = String::new();
                piece::render(pieces, scope, &mut text, out).inspect_err(|_| out.truncate(before))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
