//! Why there is no schema.

use std::path::PathBuf;

/// Why files did not become a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaProblem {
    /// No file was given.
    #[error("no .proto file is named: expected at least one")]
    Nothing,
    /// A `.proto` file is neither a path nor under an import path.
    #[error(
        "found no file {}; searched {}: name it by its path, or relative to an import path",
        file.display(),
        listed(searched)
    )]
    NoFile {
        /// As it was given.
        file: PathBuf,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// A file imports one that is nowhere.
    #[error("{found}; searched {}: {advice}", listed(searched))]
    NoImport {
        /// The place, and what is missing.
        found: String,
        /// The import paths.
        searched: Vec<PathBuf>,
        /// What to do.
        advice: String,
    },
    /// A `.proto` file is wrong.
    #[error("{found}: {advice}")]
    Proto {
        /// The place, what was found, and what was expected.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The bytes are no descriptor set.
    #[error(
        "{name} is no FileDescriptorSet ({reason}): expected what `protoc --include_imports -o FILE` or `buf build -o FILE` \
         writes"
    )]
    NoSet {
        /// What the bytes are known by.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
    /// Descriptors do not fit together.
    #[error("{name} does not hold together: {reason}{}", left_out(missing))]
    Broken {
        /// What the descriptors are known by.
        name: String,
        /// What is wrong, with its place where one is known.
        reason: String,
        /// Imports that are not among them.
        missing: Vec<String>,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "the working folder".to_owned();
    }
    paths
        .iter()
        .map(|path| {
            let shown = path.display().to_string();
            if shown.is_empty() { ".".to_owned() } else { shown }
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn left_out(missing: &[String]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    format!(
        "; it imports files that it does not hold: {}. `protoc` needs `--include_imports`",
        missing.join(", ")
    )
}
