//! tmp
use bytes::Bytes;
use prony_core::template::{JsonTemplate, MissingValue};
use prony_core::{Diagnostic, Node, Scope, Variables};
use prost_reflect::MessageDescriptor;

/// A message with holes.
#[derive(Clone, Debug)]
pub struct MessageTemplate {
    constant: Option<Bytes>,
    json: JsonTemplate,
    descriptor: MessageDescriptor,
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
    /// Compiles the `data` of a step.
    ///
    /// # Errors
    /// When it is no message of type `input`, at the place of the key or value that is wrong.
    pub fn compile(
        node: &Node,
        input: &MessageDescriptor,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let json = JsonTemplate::compile(node, variables)?;
        let constant = json
            .as_constant()
            .map(|text| super::from_json(text, input))
            .transpose()
            .map_err(|error| Diagnostic::at(&node.place, error, ""))?;
        Ok(Self { constant, json, descriptor: input.clone() })
    }

    /// The bytes, when there are no holes.
    #[must_use]
    pub const fn as_constant(&self) -> Option<&Bytes> {
        self.constant.as_ref()
    }

    /// Renders onto the end of `out`.
    ///
    /// # Errors
    /// When a variable has no value yet, or one that does not fit its field. `out` is then as it was.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let mut text = String::new();
        self.json.render(scope, &mut text)?;
        out.extend_from_slice(&super::from_json(&text, &self.descriptor).map_err(RenderError::Wrong)?);
        Ok(())
    }
}
