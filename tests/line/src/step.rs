//! The words of a step: `line: PING`, `line: "GET {{id}}"`, or `line: {receive: true}` for a line that comes unasked.

use prony_core::{Diagnostic, Node, Shape, Template, Variables};

/// A step, compiled.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Says a line and waits for the answer.
    Ask(Template),
    /// Waits for a line.
    Receive,
}

pub(crate) fn shape() -> Shape {
    let receive = Shape::map().required("receive", Shape::boolean(), "Waits for a line that comes unasked.");
    Shape::either(vec![Shape::text().example("GET {{id}}"), receive])
}

impl Step {
    /// A step and its name in results.
    pub(crate) fn compile(node: &Node, variables: &Variables) -> Result<(Self, String), Diagnostic> {
        if node.get("receive").is_some() {
            return Ok((Self::Receive, "receive".to_owned()));
        }
        let text = node.text()?;
        if text.contains(['\r', '\n']) {
            return Err(node.unexpected("one line"));
        }
        Ok((Self::Ask(Template::compile(text, &node.place, variables)?), text.to_owned()))
    }
}
