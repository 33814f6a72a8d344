//! The outside of a component: what it imports and exports, and what it says about itself. Nothing here trusts the file.

use wasm_metadata::{ComponentNames, Producers};
use wasmparser::{Encoding, KnownCustom, Parser, Payload};

use crate::file::{FileProblem, Metadata};

pub(super) struct Found {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    pub(super) metadata: Metadata,
}

/// What is wrong is told without the file's name.
pub(super) fn read(bytes: &[u8]) -> Result<Found, FileProblem> {
    if !bytes.starts_with(b"\0asm") {
        let found = if bytes.is_empty() { "is empty" } else { "is no WebAssembly file" };
        return Err(FileProblem::new(found, "expected a component, as `prony plugin build` makes it"));
    }
    let mut found = Found { imports: Vec::new(), exports: Vec::new(), metadata: Metadata::default() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| {
            FileProblem::new(
                format!("is damaged or cut off: {}, at byte {:#x}", error.message(), error.offset()),
                "build it again, or copy it again",
            )
        })?;
        let broken = |error: wasmparser::BinaryReaderError| {
            FileProblem::new(format!("is damaged: {error}"), "build it again, or copy it again")
        };
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(FileProblem::new(
                    "is a core WebAssembly module, and no component",
                    "build it for the target wasm32-wasip2, or by `prony plugin build`",
                ));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    found.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    found.exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) => {
                let text = || std::str::from_utf8(section.data()).ok().map(str::to_owned);
                match section.as_known() {
                    KnownCustom::ComponentName(_) if depth == 0 => {
                        let names = ComponentNames::from_bytes(section.data(), section.data_offset());
                        if let Some(name) = names.ok().and_then(|names| names.get_name().cloned()) {
                            found.metadata.name = name;
                        }
                    }
                    KnownCustom::Producers(_) => {
                        if let Ok(producers) = Producers::from_bytes(section.data(), section.data_offset()) {
                            take_producers(&producers, depth, &mut found.metadata);
                        }
                    }
                    _ if depth > 0 => {}
                    _ => match section.name() {
                        "version" => found.metadata.version = text(),
                        "authors" => found.metadata.authors = text(),
                        "description" => found.metadata.description = text(),
                        _ => {}
                    },
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What the whole component says counts before what its parts say: those are often of another language, as interpreters are.
fn take_producers(producers: &Producers, depth: u32, metadata: &mut Metadata) {
    for (field, slot) in [("language", &mut metadata.language), ("sdk", &mut metadata.sdk)] {
        let Some(values) = producers.get(field).filter(|_| depth == 0 || slot.is_none()) else { continue };
        let shown: Vec<String> =
            values.iter().map(|(name, version)| format!("{name} {version}").trim().to_owned()).collect();
        if !shown.is_empty() {
            *slot = Some(shown.join(", "));
        }
    }
}
