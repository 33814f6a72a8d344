//! `google.protobuf.Any`: a message that says its own type under `@type`.

use prony_core::diagnostic::did_you_mean;
use prony_core::{Diagnostic, Node};
use prost_reflect::MessageDescriptor;

use super::compile::Compiler;
use super::piece::Pieces;
use crate::message::WellKnown;

pub(super) fn compile(
    compiler: &Compiler<'_>,
    node: &Node,
    any: &MessageDescriptor,
    what: &str,
    pieces: &mut Pieces,
) -> Result<(), Diagnostic> {
    let Some(url) = node.get("@type") else {
        return Err(Diagnostic::at(
            &node.place,
            format!("no `@type` for {what}"),
            "expected the message's type",
        )
        .help("write `\"@type\": type.googleapis.com/package.Message` beside its fields"));
    };
    let written = url.text()?;
    let name = written.rsplit('/').next().unwrap_or_default();
    let inner = any.parent_pool().get_message_by_name(name).ok_or_else(|| {
        let names: Vec<String> =
            any.parent_pool().all_messages().map(|message| message.full_name().to_owned()).collect();
        let problem = url.unexpected(&format!("a message type that the schema knows, for {what}"));
        match did_you_mean(name, names.iter().map(String::as_str)) {
            Some(close) => problem.help(format!("did you mean `type.googleapis.com/{close}`?")),
            None => problem.help("give the schema the file that defines it"),
        }
    })?;
    let url =
        if written.contains('/') { written.to_owned() } else { format!("type.googleapis.com/{written}") };
    let mut inside = Pieces::default();
    let value = node.get("value");
    let rest = || node.entries().filter(|(key, _)| key.name != "@type");
    if WellKnown::of(&inner).is_some() {
        if let Some((key, _)) = rest().find(|(key, _)| key.name != "value") {
            let found = format!("`{}` beside `@type` and `value`", key.name);
            let label = format!("expected `value` alone: {} has a JSON form of its own", inner.full_name());
            return Err(Diagnostic::at(&key.place, found, label));
        }
        let value = value.ok_or_else(|| {
            Diagnostic::at(
                &node.place,
                format!("no `value` for {what}"),
                format!("expected the {}", inner.full_name()),
            )
        })?;
        compiler.content(value, &inner, what, &mut inside)?;
    } else if inner.full_name() == "google.protobuf.Empty" {
        // JSON's mapping puts nothing under `value` here; both ways are common.
        compiler.fields(rest().filter(|(key, _)| key.name != "value"), &inner, &mut inside)?;
    } else {
        compiler.fields(rest(), &inner, &mut inside)?;
    }
    let mut text = Pieces::default();
    text.push_bytes(url.as_bytes());
    pieces.push_delimited(1, text);
    if !inside.is_empty() {
        pieces.push_delimited(2, inside);
    }
    Ok(())
}
