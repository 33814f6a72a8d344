//! Request bodies.

use std::path::Path;

use bytes::Bytes;
use prony_core::template::JsonTemplate;
use prony_core::{Diagnostic, Node, Template, Variables};

use crate::step::text::{Encoding, Text};

/// The boundary of multipart bodies. It only has to be absent from the parts; nobody writes this by accident.
const BOUNDARY: &str = "prony-7d1f8a2c94e04b6bb0c3";

/// A request's body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// None.
    Empty,
    /// A text.
    Text(Text),
    /// Parts, some of them bytes of files.
    Parts(Vec<Part>),
}

/// A piece of a body.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A text.
    Text(Text),
    /// A file's bytes.
    Bytes(Bytes),
}

impl Body {
    /// The body when it is always the same.
    pub(crate) fn as_constant(&self) -> Option<Bytes> {
        match self {
            Self::Empty => Some(Bytes::new()),
            Self::Text(text) => text.as_constant().map(|text| Bytes::copy_from_slice(text.as_bytes())),
            Self::Parts(parts) => {
                let mut whole = Vec::new();
                for part in parts {
                    match part {
                        Part::Text(text) => whole.extend_from_slice(text.as_constant()?.as_bytes()),
                        Part::Bytes(bytes) => whole.extend_from_slice(bytes),
                    }
                }
                Some(whole.into())
            }
        }
    }
}

/// What a step's body keys compile to, and the media type they imply.
pub(crate) fn compile(
    node: &Node,
    variables: &Variables,
    folder: &Path,
) -> Result<(Body, Option<String>), Diagnostic> {
    let template = |node: &Node| Template::compile(node.text()?, &node.place, variables);
    let given: Vec<&str> = ["text", "json", "form", "file", "multipart"]
        .into_iter()
        .filter(|key| node.get(key).is_some())
        .collect();
    if let [_, second, ..] = given.as_slice() {
        let place = node.get(second).map_or(&node.place, |node| &node.place);
        return Err(Diagnostic::at(
            place,
            format!("`{}` and `{second}` in one step", given[0]),
            "a second body",
        )
        .help("keep one of `text`, `json`, `form`, `file` and `multipart`"));
    }
    let Some(kind) = given.first() else { return Ok((Body::Empty, None)) };
    let Some(value) = node.get(kind) else { return Ok((Body::Empty, None)) };
    Ok(match *kind {
        "text" => (
            Body::Text(Text::one(template(value)?, Encoding::Plain)),
            Some("text/plain; charset=utf-8".to_owned()),
        ),
        "json" => {
            let mut text = Text::default();
            for piece in JsonTemplate::compile(value, variables)?.into_pieces() {
                text.push(piece, Encoding::JsonValues);
            }
            (Body::Text(text), Some("application/json".to_owned()))
        }
        "form" => {
            let mut text = Text::default();
            for (number, (key, value)) in value.entries().enumerate() {
                text.push_constant(if number == 0 { "" } else { "&" });
                text.push(Template::constant(key.name.as_str()), Encoding::Percent);
                text.push_constant("=");
                text.push(template(value)?, Encoding::Percent);
            }
            (Body::Text(text), Some("application/x-www-form-urlencoded".to_owned()))
        }
        "file" => (
            Body::Parts(vec![Part::Bytes(read(value, folder)?)]),
            Some("application/octet-stream".to_owned()),
        ),
        _ => {
            let mut parts = Vec::new();
            for item in value.items() {
                multipart(item, variables, folder, &mut parts)?;
            }
            parts.push(Part::Text(Text::constant(format!("--{BOUNDARY}--\r\n"))));
            (Body::Parts(parts), Some(format!("multipart/form-data; boundary={BOUNDARY}")))
        }
    })
}

/// The bytes of the file that `node` names.
fn read(node: &Node, folder: &Path) -> Result<Bytes, Diagnostic> {
    let path = folder.join(node.text()?);
    std::fs::read(&path).map(Bytes::from).map_err(|error| {
        let found = format!("body file {}: {error}", path.display());
        Diagnostic::at(&node.place, found, "expected a readable file")
            .help("relative paths start from the plan's folder")
    })
}

fn multipart(
    item: &Node,
    variables: &Variables,
    folder: &Path,
    parts: &mut Vec<Part>,
) -> Result<(), Diagnostic> {
    let text = |key: &str| item.get(key).map(Node::text).transpose();
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ");
    let name = quoted(text("name")?.unwrap_or_default());
    let file = item.get("file");
    let own_name = text("file")?
        .and_then(|path| Path::new(path).file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let mut head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"");
    if let Some(filename) = text("filename")?.map(str::to_owned).or(own_name) {
        head.push_str(&format!("; filename=\"{}\"", quoted(&filename)));
    }
    if let Some(media_type) = text("content_type")?.or(file.map(|_| "application/octet-stream")) {
        head.push_str(&format!("\r\ncontent-type: {}", quoted(media_type)));
    }
    head.push_str("\r\n\r\n");
    parts.push(Part::Text(Text::constant(head)));
    parts.push(match (item.get("text"), file) {
        (Some(value), None) => {
            Part::Text(Text::one(Template::compile(value.text()?, &value.place, variables)?, Encoding::Plain))
        }
        (None, Some(file)) => Part::Bytes(read(file, folder)?),
        _ => {
            return Err(Diagnostic::at(
                &item.place,
                "a part without a value, or with two",
                "expected `text` or `file`",
            ));
        }
    });
    parts.push(Part::Text(Text::constant("\r\n")));
    Ok(())
}
