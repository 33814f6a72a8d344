//! `prony plugin inspect`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use prony_plugin_host::PluginFile;

use super::open;
use crate::commands::{Failure, print};
use crate::exit;

/// Shows what is known of a plugin without running it: what it says of itself, its interfaces, its digest.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The plugin, or the folder of its project.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// As JSON, for machines.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let file = open(&self.file)?;
        if self.json {
            let metadata = &file.metadata;
            let json = serde_json::json!({
                "path": file.path, "name": metadata.name, "version": metadata.version, "authors": metadata.authors,
                "description": metadata.description, "language": metadata.language, "sdk": metadata.sdk,
                "world": file.kind.name(), "interface": file.interface.to_string(), "size_bytes": file.bytes.len(),
                "sha256": file.sha256, "imports": file.imports, "exports": file.exports,
            });
            print(&format!("{json:#}\n"));
            return Ok(exit::PASSED);
        }
        let mut text = head(&file);
        for (what, names) in [("exports", &file.exports), ("imports", &file.imports)] {
            let _ = writeln!(text, "{what}");
            names.iter().for_each(|name| {
                let _ = writeln!(text, "  {name}");
            });
        }
        print(&text);
        Ok(exit::PASSED)
    }
}

/// The first lines about a plugin.
pub(super) fn head(file: &PluginFile) -> String {
    let metadata = &file.metadata;
    let mut text = metadata.name.clone();
    if let Some(version) = &metadata.version {
        let _ = write!(text, " {version}");
    }
    text.push('\n');
    let world = format!("{} (interface {})", file.kind.name(), file.interface);
    let lines = [
        ("about", metadata.description.clone()),
        ("authors", metadata.authors.clone()),
        ("language", metadata.language.clone()),
        ("sdk", metadata.sdk.clone()),
        ("world", Some(world)),
        ("file", Some(file.path.display().to_string())),
        ("size", Some(size(file.bytes.len() as u64))),
        ("sha-256", Some(file.sha256.clone())),
    ];
    for (label, value) in lines {
        if let Some(value) = value {
            let _ = writeln!(text, "  {label:<9} {}", value.replace(char::is_control, "\u{fffd}"));
        }
    }
    text
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
