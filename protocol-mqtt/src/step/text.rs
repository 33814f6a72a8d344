//! Texts that are rendered for a message.

use prony_core::template::{Escape, MissingValue};
use prony_core::{Scope, Template};

/// Why something could not be made from its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    /// A variable has no value yet.
    Missing(MissingValue),
    /// What came out is not allowed by MQTT.
    Wrong(String),
}

impl From<MissingValue> for RenderError {
    fn from(missing: MissingValue) -> Self {
        Self::Missing(missing)
    }
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(_) => formatter
                .write_str("a variable has no value yet: nothing was captured into it before this step"),
            Self::Wrong(text) => formatter.write_str(text),
        }
    }
}

/// `template` as a text of at most 65,535 bytes, as all of MQTT's texts.
pub(crate) fn render(template: &Template, scope: &mut Scope<'_>, what: &str) -> Result<String, RenderError> {
    let mut text = String::new();
    template.render(scope, Escape::None, &mut text)?;
    if text.len() > crate::packet::topic::LONGEST {
        return Err(RenderError::Wrong(format!("{what} of {} bytes; MQTT allows 65,535", text.len())));
    }
    if text.contains('\0') {
        return Err(RenderError::Wrong(format!("{what} with a null character, which MQTT does not allow")));
    }
    Ok(text)
}
