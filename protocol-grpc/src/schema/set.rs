//! Descriptors that others compiled: sets on disk, and the files of a server's reflection. They are somebody else's
//! word, so they are looked at before they are used.

use std::collections::BTreeSet;

use prony_core::reply::legible;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::{Schema, SchemaProblem};

pub(super) fn from_bytes(name: &str, bytes: &[u8]) -> Result<Schema, SchemaProblem> {
    let no_set = |reason: String| SchemaProblem::NoSet { name: name.to_owned(), reason };
    if bytes.is_empty() {
        return Err(no_set("it is empty".to_owned()));
    }
    let set = FileDescriptorSet::decode(bytes).map_err(|error| no_set(error.to_string()))?;
    if set.file.is_empty() {
        return Err(no_set("it holds no file".to_owned()));
    }
    from_files(name, set.file)
}

pub(super) fn from_files(name: &str, mut files: Vec<FileDescriptorProto>) -> Result<Schema, SchemaProblem> {
    let missing = fill_in(&mut files);
    let broken =
        |reason: String| SchemaProblem::Broken { name: name.to_owned(), reason, missing: missing.clone() };
    for file in &files {
        known_syntax(file).map_err(&broken)?;
        file.message_type.iter().try_for_each(|message| sound(message, file)).map_err(&broken)?;
    }
    for location in files.iter_mut().filter_map(|file| file.source_code_info.as_mut()) {
        // Lines and columns are three or four numbers; the library below relies on it.
        location.location.retain(|location| matches!(location.span.len(), 3 | 4));
    }
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(files).map_err(|error| broken(format!("{error:?}")))?;
    Ok(Schema { pool })
}

/// Adds the well-known files that are imported and left out. Of others, empty ones take the place, and their names are
/// returned: many servers leave out imports that only bring options.
fn fill_in(files: &mut Vec<FileDescriptorProto>) -> Vec<String> {
    let known = DescriptorPool::global();
    let mut held: BTreeSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
    let mut missing = Vec::new();
    let mut at = 0;
    while let Some(file) = files.get(at) {
        for import in file.dependency.clone() {
            if !held.insert(import.clone()) {
                continue;
            }
            files.push(match known.get_file_by_name(&import) {
                Some(file) => file.file_descriptor_proto().clone(),
                None => {
                    missing.push(import.clone());
                    FileDescriptorProto { name: Some(import), ..FileDescriptorProto::default() }
                }
            });
        }
        at += 1;
    }
    missing
}

/// The library below names what it cannot read by the file's place among those it has taken, which this one is not.
fn known_syntax(file: &FileDescriptorProto) -> Result<(), String> {
    match file.syntax.as_deref() {
        None | Some("proto2" | "proto3") => Ok(()),
        Some(other) => Err(format!(
            "{}: the syntax is `{}`; Prony reads proto2 and proto3, and no editions yet",
            file.name(),
            legible(other.as_bytes(), 40)
        )),
    }
}

/// What the library below takes for granted of map entries: a key of a kind that keys may be, and a value.
fn sound(message: &DescriptorProto, file: &FileDescriptorProto) -> Result<(), String> {
    let entry = message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
    let has = |number: i32, fits: fn(&FieldDescriptorProto) -> bool| {
        message
            .field
            .iter()
            .any(|field| field.number() == number && field.label() != Label::Repeated && fits(field))
    };
    let key = |field: &FieldDescriptorProto| {
        !matches!(
            field.r#type(),
            Type::Double | Type::Float | Type::Bytes | Type::Enum | Type::Message | Type::Group
        ) && field.r#type.is_some()
    };
    if entry && !(has(1, key) && has(2, |_| true)) {
        return Err(format!("{}: map entry `{}` without key and value", file.name(), message.name()));
    }
    message.nested_type.iter().try_for_each(|nested| sound(nested, file))
}
