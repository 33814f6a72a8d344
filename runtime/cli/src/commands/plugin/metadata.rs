//! What a built plugin is told to say of itself: its manifest's words, in the sections that registries of components read.

use prony_plugin_host::INTERFACE;
use wasm_metadata::{AddMetadata, AddMetadataField, Authors, Description, Version};

use super::project::{Language, Project};

/// The component with the project's name, version, authors and description in it.
pub(super) fn embed(project: &Project, component: &[u8]) -> Result<Vec<u8>, String> {
    let sdk = match project.language {
        Language::Rust => "prony-plugin (Rust)",
        Language::Python => "prony_plugin (Python)",
        Language::Js => "prony-plugin (JavaScript)",
    };
    let language = match project.language {
        Language::Rust => "Rust",
        Language::Python => "Python",
        Language::Js => "JavaScript",
    };
    let mut add = AddMetadata::default();
    add.name = AddMetadataField::Set(project.name.clone());
    add.language = vec![(language.to_owned(), String::new())];
    add.processed_by = vec![("prony".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    add.sdk = vec![(sdk.to_owned(), INTERFACE.to_string())];
    add.authors = field(project.authors.clone().map(Authors::new));
    add.description = field(project.description.clone().map(Description::new));
    add.version = field(project.version.clone().map(Version::new));
    add.to_wasm(component).map_err(|error| format!("{error:#}"))
}

fn field<T: std::fmt::Debug + Clone>(value: Option<T>) -> AddMetadataField<T> {
    value.map_or(AddMetadataField::Keep, AddMetadataField::Set)
}
